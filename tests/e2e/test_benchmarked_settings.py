"""The benchmarks measure what a new user gets: no setting differs, nothing durable or secure is switched off."""

import asyncio
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from tests.benchmarks.deployment import Deployment, database_server, deployed
from tests.benchmarks.run import measure
from tests.e2e.api import Api, ApiError
from tests.e2e.processes import program
from tests.e2e.system import System
from tests.journal.records import read_journal
from tradewind.server.roles import open_store
from tradewind.server.settings import load_settings

PLACES = {("home",), ("database", "url"), ("dags", "folder"), ("security", "key_file"), ("logs", "directory")}


def flat(settings: dict[str, Any], above: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    found: dict[tuple[str, ...], Any] = {}
    for name, value in settings.items():
        found |= flat(value, (*above, name)) if isinstance(value, dict) else {(*above, name): value}
    return found


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_every_setting_but_the_places_is_the_default(database: str, tmp_path: Path) -> None:
    fresh = System(tmp_path)
    for name in [name for name in fresh.environment if name.startswith("TRADEWIND__")]:
        del fresh.environment[name]
    show = [program("tradewind-server"), "config", "show"]
    defaults = flat(fresh.call(show).json)

    measured = measure(database, 1, width=20, length=3)

    settings = flat(measured["settings"])
    assert settings.keys() == defaults.keys()
    assert {name for name, value in settings.items() if value != defaults[name]} <= PLACES
    assert measured["figures"].keys() == {"chain", "cold_start", "command_line", "fan_out", "trigger"}
    assert measured["figures"]["fan_out"]["tasks_per_second"]["median"] > 0


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
def measured_system() -> Any:
    with deployed(None, width=5, length=2) as deployment:
        yield deployment


def test_tokens_are_verified_and_events_are_written(measured_system: Deployment) -> None:
    measured_system.start()
    system = measured_system.system
    run_id = system.trigger("wide")
    assert system.wait_for_end("wide", run_id) == "success"

    journal = read_journal(system.database_url)
    for task_id in journal.instances_of("wide", run_id):
        assert journal.story("wide", run_id, task_id) == ["ready", "claim", "start", "succeed"]
    for token in ("", "tw_forged", system.api.token[:-1]):
        with pytest.raises(ApiError) as refused:
            Api(system.api.url, token).get("dags")
        assert refused.value.status == 401
