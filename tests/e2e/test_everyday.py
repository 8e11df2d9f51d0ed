"""DAG files as people write them every day come to the states and XComs that they must."""

import datetime as dt
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.everyday_expectations import DATE, EXPECTED
from tests.e2e.system import System
from tests.journal.records import read_journal
from tradewind.sdk import Connection
from tradewind.sdk.local import LocalDeployment
from tradewind.sdk.parsing.loading import load_dag_file

FOLDER = Path(__file__).parent / "everyday"
CONNECTION = "postgres://me:pw@db:5432/main"
OF_THE_ENVIRONMENT = {
    "TRADEWIND_VAR_EVERYDAY_SITE": "north",
    "TRADEWIND_CONN_EVERYDAY_SHOP": "http://shop.example",
}
"""What one of the files reads while it is imported."""

DEADLINE_SECONDS = 90.0


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    return json.loads(json.dumps(value))


@pytest.mark.parametrize("dag_id", [name for name, expected in EXPECTED.items() if expected.local])
def test_a_dag_comes_to_what_it_must_without_a_server(dag_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name, value in OF_THE_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    deployment = LocalDeployment(connections={"everyday_db": Connection("everyday_db", uri=CONNECTION)})
    dag = load_dag_file(FOLDER, f"{dag_id}.py").dags[dag_id]
    expected = EXPECTED[dag_id]
    run = dag.test(logical_date=dt.datetime.fromisoformat(DATE), run_conf=dict(expected.conf), deployment=deployment)
    assert {name: str(state) for name, state in run.states.items()} == expected.tasks
    assert str(run.state) == expected.run
    assert {place: plain(run.xcom(*place)) for place in expected.xcoms} == expected.xcoms


def test_all_dags_come_to_what_they_must_in_a_whole_system(system: System) -> None:
    system.add_dags(FOLDER)
    system.environment |= OF_THE_ENVIRONMENT
    system.standalone()
    assert system.tradewind("connections", "set", "everyday_db", "--uri", CONNECTION).code == 0
    assert system.tradewind("pools", "set", "everyday_pool", "2").code == 0
    runs = {}
    for dag_id, expected in EXPECTED.items():
        system.wait_for_dag(dag_id)
        body = {"conf": expected.conf, "logical_date": DATE}
        runs[dag_id] = str(system.api.post("dags", dag_id, "dagRuns", body=body)["dag_run_id"])
    for dag_id, expected in EXPECTED.items():
        state = system.wait_for_end(dag_id, runs[dag_id], DEADLINE_SECONDS)
        assert system.states(dag_id, runs[dag_id]) == expected.tasks, dag_id
        assert state == expected.run, dag_id
    journal = read_journal(system.database_url)
    for dag_id, expected in EXPECTED.items():
        found = journal.xcoms(dag_id, runs[dag_id])
        assert {place: found.get(place) for place in expected.xcoms} == expected.xcoms, dag_id
