"""The benchmarks measure what a new user gets: no setting differs, nothing durable or secure is switched off."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from tests.benchmarks.catalogue import FIGURES
from tests.benchmarks.deployment import SPLIT, STANDALONE, Deployment, database_server, deployed
from tests.benchmarks.measure import measure
from tests.benchmarks.results import Results
from tests.benchmarks.sizes import QUICK
from tests.benchmarks.tradewind_deployment import TradewindDeployment
from tests.e2e.api import Api, ApiError
from tests.e2e.processes import program
from tests.e2e.system import System
from tests.journal.records import read_journal
from tradewind.server.roles import open_store
from tradewind.server.settings import load_settings

SYSTEMS = [("sqlite", STANDALONE), ("postgresql", STANDALONE), ("postgresql", SPLIT)]
PLACES = {
    ("home",),
    ("database", "url"),
    ("dags", "folder"),
    ("security", "key_file"),
    ("logs", "directory"),
    ("api", "public_url"),
}
NAMED_PLACES = {"TRADEWIND_HOME", "TRADEWIND__DATABASE__URL", "TRADEWIND__DAGS__FOLDER", "TRADEWIND__API__PUBLIC_URL"}
CREDENTIALS = {"TRADEWIND_API_URL", "TRADEWIND_API_TOKEN"}


def flat(settings: dict[str, Any], above: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    found: dict[tuple[str, ...], Any] = {}
    for name, value in settings.items():
        found |= flat(value, (*above, name)) if isinstance(value, dict) else {(*above, name): value}
    return found


@pytest.mark.parametrize(("database", "topology"), SYSTEMS)
def test_every_setting_but_the_places_is_the_default(database: str, topology: str, tmp_path: Path) -> None:
    fresh = System(tmp_path)
    for name in [name for name in fresh.environment if name.startswith("TRADEWIND__")]:
        del fresh.environment[name]
    defaults = flat(fresh.call([program("tradewind-server"), "config", "show"]).json)
    results = Results(QUICK)
    chain = [figure for figure in FIGURES if figure.name == "chain"]

    measure(results, "tradewind", TradewindDeployment, chain, [(database, topology)])

    assert results.failures == []
    (system,) = results.as_json()["systems"]
    settings = flat(system["settings"])
    assert settings.keys() == defaults.keys()
    assert {name for name, value in settings.items() if value != defaults[name]} <= PLACES
    assert system["figures"]["chain"]["gap_p50_ms"]["median"] > 0


@pytest.mark.parametrize(("database", "topology"), SYSTEMS)
def test_no_process_is_told_anything_but_the_places(database: str, topology: str) -> None:
    with (
        database_server(database) as postgres,
        deployed(TradewindDeployment, topology, postgres, files=[("single", 1)]) as deployment,
    ):
        deployment.start()
        deployment.wait_for_dag("single_1")  # a worker has parsed it: every process is its own program by now
        told = [
            {name for name in _environment(pid) if name.startswith("TRADEWIND")} - NAMED_PLACES - CREDENTIALS
            for pid in deployment.roots()
        ]
    # A worker keeps its state somewhere else than the user's home.
    assert [names for names in told if names] == ([{"TRADEWIND_WORKER_STATE_DIRECTORY"}] if topology == SPLIT else [])


def _environment(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return dict(line.split("=", 1) for line in lines if "=" in line)


def test_sqlite_syncs_each_commit(tmp_path: Path) -> None:
    async def pragmas() -> list[Any]:
        async with open_store(load_settings(tmp_path, {}), migrate=True) as store:
            names = ("synchronous", "journal_mode")
            return await store.write(lambda tx: [tx.value(text(f"PRAGMA {name}")) for name in names])

    assert asyncio.run(pragmas()) == [2, "wal"]  # 2 is FULL


def test_postgresql_syncs_each_commit() -> None:
    with database_server("postgresql") as postgres:
        assert postgres
        with psycopg.connect(postgres.url) as connection:
            for name in ("fsync", "synchronous_commit", "full_page_writes"):
                assert connection.execute(f"SHOW {name}".encode()).fetchone() == ("on",)


@pytest.fixture
def measured_system() -> Iterator[Deployment]:
    with deployed(TradewindDeployment, files=[("wide", 5)]) as deployment:
        yield deployment


def test_tokens_are_verified_and_events_are_written(measured_system: TradewindDeployment) -> None:
    measured_system.start()
    system = measured_system.system
    run_id = system.trigger("wide_5")
    assert system.wait_for_end("wide_5", run_id) == "success"

    journal = read_journal(system.database_url)
    for task_id in journal.instances_of("wide_5", run_id):
        assert journal.story("wide_5", run_id, task_id) == ["ready", "claim", "start", "succeed"]
    for token in ("", "tw_forged", system.api.token[:-1]):
        with pytest.raises(ApiError) as refused:
            Api(system.api.url, token).get("dags")
        assert refused.value.status == 401
