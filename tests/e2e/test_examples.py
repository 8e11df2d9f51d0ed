"""The examples run to success on both databases, and leave exactly what their data says."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.e2e.flights import EXAMPLES, facts
from tests.e2e.system import System
from tests.journal.records import read_journal

ETL_TASKS = {
    "extract",
    "validate",
    "delays_by_carrier",
    "delays_by_route",
    "delays_by_hour",
    "load",
    "report",
}


def run_example(system: System, dag_id: str, conf: dict[str, object] | None = None) -> str:
    """Run an example on a system of its own with the command that a user has, and return the id of the run."""
    system.add_dags(EXAMPLES)
    system.standalone()
    system.wait_for_dag(dag_id)
    options = ["--conf", json.dumps(conf or {}), "--run-id", "first", "--wait"]
    answer = system.tradewind("dags", "trigger", dag_id, *options)
    assert answer.code == 0, answer.output
    assert answer.output.splitlines()[-1] == "run first: success"
    return "first"


def loaded(database: Path, run_id: str) -> dict[str, dict[str, tuple[int, int, int]]]:
    """Read what the ETL has written for a run: grouping to name to numbers."""
    found: dict[str, dict[str, tuple[int, int, int]]] = {}
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(
            "SELECT grouped_by, name, flights, late, delay_minutes FROM delays WHERE run_id = ?", [run_id]
        )
        for grouped_by, name, *numbers in rows:
            assert name not in found.setdefault(grouped_by, {})
            found[grouped_by][name] = (numbers[0], numbers[1], numbers[2])
    return found


def test_the_etl_loads_what_the_flights_say(system: System, tmp_path: Path) -> None:
    database = tmp_path / "flights.sqlite"

    run_id = run_example(system, "etl_flights", {"database": str(database)})

    assert system.states("etl_flights", run_id) == dict.fromkeys(ETL_TASKS, "success")
    assert loaded(database, run_id) == facts().delays
    with closing(sqlite3.connect(database)) as connection:
        rejects = dict(connection.execute("SELECT reason, flights FROM rejects WHERE run_id = ?", [run_id]))
    assert rejects == facts().rejects
    xcoms = read_journal(system.database_url).xcoms("etl_flights", run_id)
    assert xcoms["validate", "return_value"] == {
        "read": facts().read,
        "usable": facts().usable,
        "rejects": facts().rejects,
    }
    assert xcoms["load", "return_value"]["rows"] == sum(map(len, facts().delays.values()))
    mean = {name: minutes / flights for name, (flights, _, minutes) in facts().delays["carrier"].items()}
    assert xcoms["report", "return_value"] == {
        "carriers": len(mean),
        "most_punctual": min(mean, key=mean.__getitem__),
        "least_punctual": max(mean, key=mean.__getitem__),
    }
    assert "Virgin America" in system.tradewind("tasks", "logs", "etl_flights", "report").output


def test_loading_a_run_again_replaces_its_rows_and_no_others(sqlite_system: System, tmp_path: Path) -> None:
    database = tmp_path / "flights.sqlite"
    junk = ("carrier", "??", 1, 1, 1)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(
            "CREATE TABLE delays (run_id TEXT NOT NULL, grouped_by TEXT NOT NULL, name TEXT NOT NULL, flights INTEGER,"
            " late INTEGER, delay_minutes INTEGER, PRIMARY KEY (run_id, grouped_by, name))"
        )
        connection.executemany("INSERT INTO delays VALUES (?, ?, ?, ?, ?, ?)", [("first", *junk), ("other", *junk)])
        connection.commit()

    run_example(sqlite_system, "etl_flights", {"database": str(database)})

    assert loaded(database, "first") == facts().delays
    assert loaded(database, "other") == {"carrier": {"??": (1, 1, 1)}}


def test_a_failed_try_is_tried_again_and_a_skip_is_passed_on(system: System) -> None:
    run_id = run_example(system, "retries")

    instances = system.instances("retries", run_id)
    assert {name: (instance["state"], instance["try_number"]) for name, instance in instances.items()} == {
        "unsteady": ("success", 2),
        "after_unsteady": ("success", 1),
        "not_on_this_day": ("skipped", 1),
        "after_skip": ("skipped", 0),
    }
    journal = read_journal(system.database_url)
    xcoms = journal.xcoms("retries", run_id)
    assert xcoms["unsteady", "return_value"] == {"succeeded_on_try": 2}
    assert xcoms["after_unsteady", "return_value"] == "it took 2 tries"
    assert journal.story("retries", run_id, "unsteady") == [
        "ready",
        "claim",
        "start",
        "retry",
        "retry_due",
        "claim",
        "start",
        "succeed",
    ]
    first_try = system.tradewind("tasks", "logs", "retries", "unsteady", run_id, "--try", "1").output
    assert "try 1 fails on purpose" in first_try
    tries = system.tradewind("tasks", "show", "retries", "unsteady", "-o", "json").json["tries"]
    assert [(one["try_number"], one["state"]) for one in tries] == [(1, "failed"), (2, "success")]


def test_shell_commands_pass_values_to_each_other_and_to_python(system: System) -> None:
    run_id = run_example(system, "bash_pipeline")

    top = facts().destinations[:5]
    xcoms = read_journal(system.database_url).xcoms("bash_pipeline", run_id)
    assert xcoms["count_flights", "return_value"] == str(facts().read)
    assert xcoms["busiest_destinations", "return_value"] == " ".join(f"{name}={count}" for name, count in top)
    assert xcoms["share", "return_value"] == top[0][0]
    assert xcoms["announce", "return_value"] == f"Most flights from New York went to {top[0][0]}."
    log = system.tradewind("tasks", "logs", "bash_pipeline", "share").output
    assert all(f"{name}: {count * 1000 // facts().read} of 1,000 flights" in log for name, count in top)
