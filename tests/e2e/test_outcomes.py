"""What a user is told: exit codes, JSON, logs without secrets, and why something does not go on."""

import json
from typing import Any

import psycopg
import pytest

from tests.e2e.processes import eventually
from tests.e2e.system import System

PASSWORD = "correct horse battery staple"
WATCHWORD = "swordfish-of-the-deep"


@pytest.fixture
def started(sqlite_system: System) -> System:
    sqlite_system.add_dags("outcomes.py", "gated.py")
    sqlite_system.standalone()
    return sqlite_system


def test_a_run_that_fails_is_exit_code_1_and_says_what_failed(started: System) -> None:
    started.wait_for_dag("fails")

    answer = started.tradewind("dags", "trigger", "fails", "--wait", "-o", "json")

    assert (answer.code, answer.json["state"]) == (1, "failed")
    run_id = answer.json["dag_run_id"]
    assert started.states("fails", run_id) == {"breaks": "failed", "never_reached": "upstream_failed"}
    log = started.tradewind("tasks", "logs", "fails", "breaks", run_id).output
    assert "about to break" in log
    assert "ZeroDivisionError: nothing can be divided by zero" in log
    why = started.tradewind("tasks", "why", "fails", "never_reached", "-o", "json").json
    assert why["reason"]["upstream"] == ["breaks"]


def test_an_unknown_name_is_exit_code_2(started: System) -> None:
    started.wait_for_dag("fails")
    for words in (
        ["dags", "trigger", "absent"],
        ["dags", "show", "absent"],
        ["runs", "show", "fails", "absent"],
        ["tasks", "why", "absent", "task"],
    ):
        answer = started.tradewind(*words)
        assert (answer.code, "absent" in answer.output) == (2, True), (words, answer)


def test_wrong_use_is_exit_code_2_and_makes_no_run(started: System) -> None:
    started.wait_for_dag("fails")
    for words in (["--conf", "[1]"], ["--conf", "{"], ["--run-id", ""], ["--logical-date", "yesterday"]):
        assert started.tradewind("dags", "trigger", "fails", *words).code == 2, words
    assert started.tradewind("runs", "list", "fails", "-o", "json").json == []


def test_a_run_id_is_taken_once(started: System) -> None:
    started.wait_for_dag("unserved")
    assert started.tradewind("dags", "trigger", "unserved", "--run-id", "mine").code == 0
    answer = started.tradewind("dags", "trigger", "unserved", "--run-id", "mine")
    assert (answer.code, "mine" in answer.output) == (2, True)
    assert len(started.tradewind("runs", "list", "unserved", "-o", "json").json) == 1


def test_every_list_is_json_on_request(started: System) -> None:
    run_id = started.trigger("fails")
    started.wait_for_end("fails", run_id)
    listed = {dag["dag_id"] for dag in started.tradewind("dags", "list", "-o", "json").json}
    assert listed == {"fails", "gated", "secretive", "unserved"}
    assert [task["task_id"] for task in started.tradewind("dags", "show", "fails", "-o", "json").json["tasks"]]
    assert [run["dag_run_id"] for run in started.tradewind("runs", "list", "-o", "json").json] == [run_id]
    instances = started.tradewind("tasks", "list", "fails", run_id, "-o", "json").json
    assert {instance["task_id"] for instance in instances} == {"breaks", "never_reached"}


def test_a_task_for_a_queue_that_nobody_serves_says_so(started: System) -> None:
    run_id = started.trigger("unserved")

    def reason() -> Any:
        answer = started.tradewind("tasks", "why", "unserved", "stranded", run_id, "-o", "json").json
        return answer if answer["reason"]["reason"] == "no_worker_for_queue" else None

    answer = eventually("the reason", reason)
    assert answer["state"] == "scheduled"
    assert answer["reason"] == {"reason": "no_worker_for_queue", "queue": "nobody", "kind": "execute_task"}
    assert "nobody" in answer["reason_text"]


def test_no_log_and_no_row_shows_a_secret(system: System) -> None:
    system.add_dags("outcomes.py")
    system.standalone()
    system.api.post("variables", body={"key": "watchword", "value": WATCHWORD})
    vault = {"connection_id": "vault", "conn_type": "generic", "password": PASSWORD}
    system.api.post("connections", body=vault)

    run_id = system.trigger("secretive")

    assert system.wait_for_end("secretive", run_id) == "success"
    log = system.tradewind("tasks", "logs", "secretive", "whispers", run_id).output
    assert "the password is *** and the watchword ***" in log
    assert "logged: ***" in log
    kept = [path for path in system.directory.rglob("*") if path.is_file() and path.stat().st_size]
    for secret in (PASSWORD, WATCHWORD):
        forms = (secret.encode(), json.dumps(secret).encode())
        assert [str(path) for path in kept if any(form in path.read_bytes() for form in forms)] == []
        assert tables_with(system.database_url, secret) == []


def tables_with(database_url: str, text: str) -> list[str]:
    """Name the tables of a PostgreSQL in which a row holds a text; a SQLite is one of the files."""
    if database_url.startswith("sqlite"):
        return []
    with psycopg.connect(database_url) as connection:
        names = [name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        assert "variable" in names
        query = 'SELECT count(*) FROM "{0}" AS one WHERE one::text LIKE %s'
        return [
            name for name in names if connection.execute(query.format(name).encode(), [f"%{text}%"]).fetchone() != (0,)
        ]
