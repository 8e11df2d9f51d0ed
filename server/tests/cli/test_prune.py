"""`tradewind-server db prune` on a deployment that has old and young runs."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.store.world import World, dag, succeeded, task

from tradewind.server.cli.main import tradewind_server
from tradewind.server.secrets.cipher import Cipher
from tradewind.server.store import Store, runs

HOURS = 3600


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose key the command and the test share."""
    return tmp_path / "home"


def prune(home: Path, url: str, *arguments: str) -> Result:
    environ = {"TRADEWIND_HOME": str(home), "TRADEWIND__DATABASE__URL": url}
    return CliRunner().invoke(tradewind_server, ["db", "prune", *arguments], env=environ)


@pytest.fixture
def deployment(home: Path, database_url: str) -> str:
    """A database with three runs of each of two DAGs, and logs of the first run of each."""
    home.mkdir()
    with Store.open(database_url, cipher=Cipher.open(home / "secret.key")) as store:
        world = World(store)
        binding = world.connect().binding
        for dag_id in ("d", "e"):
            world.declare(dag(dag_id, task("t")), file=f"{dag_id}.py")
            for number in range(3):
                world.trigger(dag_id, run_id=f"r{number}")
                world.schedule()
                for handout in world.claim(binding):
                    world.report(handout.dispatch_id, succeeded(value=1))
                world.schedule()
            write_log(home, dag_id, "r0")
        world.close()
    return database_url


def write_log(home: Path, dag_id: str, run_id: str) -> None:
    segment = home / "logs" / dag_id / run_id / "t" / "-1" / "1" / "00000000.jsonl"
    segment.parent.mkdir(parents=True)
    segment.write_text("{}\n")
    for place in (segment, *segment.parents[:4]):
        os.utime(place, (time.time() - HOURS,) * 2)


def left(home: Path, url: str, dag_id: str) -> set[str]:
    with Store.open(url, cipher=Cipher.open(home / "secret.key"), exclusive=False) as store:
        world = World(store)
        found = {run.run_id for run in world.read(lambda tx: runs.list_runs(tx, dag_id)).items}
        world.close()
    return found


def deleted(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def test_old_runs_go_with_their_logs_and_the_newest_of_each_dag_stays(home: Path, deployment: str) -> None:
    answer = deleted(prune(home, deployment, "--older-than", "0s", "-o", "json"))
    assert not answer["dry_run"]
    assert answer["deleted"].items() >= {"dag_run": 4, "task_instance": 4, "task_try": 4, "xcom": 4, "logs": 2}.items()
    assert left(home, deployment, "d") == left(home, deployment, "e") == {"r2"}
    assert not list((home / "logs").glob("*/r0"))
    assert "nothing is that old" in prune(home, deployment, "--older-than", "0s").output


def test_a_dry_run_counts_and_deletes_nothing(home: Path, deployment: str) -> None:
    answer = deleted(prune(home, deployment, "--older-than", "0s", "--dry-run", "-o", "json"))
    assert answer["dry_run"]
    assert answer["deleted"]["dag_run"] == 4
    assert len(left(home, deployment, "d")) == 3
    assert (home / "logs" / "d" / "r0").exists()


def test_what_is_younger_stays(home: Path, deployment: str) -> None:
    result = prune(home, deployment, "--older-than", "1h")
    assert result.exit_code == 0
    assert len(left(home, deployment, "d")) == 3
    assert (home / "logs" / "d" / "r0").exists()


def test_other_dags_stay(home: Path, deployment: str) -> None:
    result = prune(home, deployment, "--older-than", "0s", "--dag-id", "d")
    assert result.exit_code == 0
    assert "dag_run" in result.output
    assert left(home, deployment, "d") == {"r2"}
    assert len(left(home, deployment, "e")) == 3
    assert not (home / "logs" / "d" / "r0").exists()
    assert (home / "logs" / "e" / "r0").exists()


@pytest.mark.parametrize("age", ["", "30", "d", "1.5d", "-1d", "30 days"])
def test_an_age_that_is_none_is_explained(home: Path, age: str) -> None:
    result = prune(home, "", "--older-than", age)
    assert result.exit_code == 2
    assert "such as 30d" in result.output


def test_a_database_that_is_not_there_is_not_made(home: Path) -> None:
    result = prune(home, "", "--older-than", "30d")
    assert result.exit_code == 1
    assert "db migrate" in result.output
    assert not home.exists()


def test_beside_a_control_plane_on_sqlite_only_a_dry_run_works(home: Path, sqlite_url: str) -> None:
    home.mkdir()
    with Store.open(sqlite_url, cipher=Cipher.open(home / "secret.key")):
        result = prune(home, sqlite_url, "--older-than", "30d")
        assert result.exit_code == 1
        assert "retention." in result.output
        assert prune(home, sqlite_url, "--older-than", "30d", "--dry-run").exit_code == 0


def test_beside_a_control_plane_on_postgresql_it_works(home: Path, postgres_url: str) -> None:
    home.mkdir()
    with Store.open(postgres_url, cipher=Cipher.open(home / "secret.key")):
        result = prune(home, postgres_url, "--older-than", "30d")
    assert result.exit_code == 0, result.output
