"""Rules of the commands of `tradewind dags` that ask a server."""

import json
from typing import Any

import pytest

from tests.cli.program import UNKNOWN, Program, answer
from tests.client.loopback import Answer

RUN = {"dag_run_id": "r", "state": "queued"}


@pytest.mark.parametrize(("command", "paused"), [("pause", True), ("unpause", False)])
def test_each_dag_that_is_named_is_paused_or_goes_on(tradewind: Program, command: str, paused: bool) -> None:
    tradewind.answers({})
    done = tradewind("dags", command, "a", "b")
    assert (done.exit_code, done.stdout) == (0, f"{command}d a\n{command}d b\n")
    assert tradewind.sent == [("PATCH", f"/dags/{name}", {"is_paused": paused}) for name in "ab"]


def test_an_unknown_dag_keeps_no_other_from_being_paused(tradewind: Program) -> None:
    tradewind.answers({}, UNKNOWN, {})
    done = tradewind("dags", "pause", "a", "b", "c")
    assert (done.exit_code, done.stdout) == (2, "paused a\npaused c\n")


def test_next_runs_are_told(tradewind: Program) -> None:
    row = {"run_after": "2026-03-01T06:00:00Z", "logical_date": None}
    tradewind.answers({"next_runs": [row]})
    done = tradewind("dags", "next-runs", "d", "-n", "3", "-o", "json")
    assert json.loads(done.stdout) == [row]
    assert tradewind.sent == [("GET", "/dags/d/nextRuns?count=3", None)]


def test_a_dag_without_a_schedule_has_no_next_runs(tradewind: Program) -> None:
    tradewind.answers({"next_runs": []})
    assert tradewind("dags", "next-runs", "d").stdout == "(none)\n"


def test_a_run_is_created_with_what_was_given(tradewind: Program) -> None:
    file = tradewind.home / "conf.json"
    file.write_text('{"rows": 3}')
    tradewind.answers(RUN)
    given = ["--run-id", "r", "--logical-date", "2026-03-01T00:00:00Z", "--note", "by hand", "--conf", f"@{file}"]
    done = tradewind("dags", "trigger", "d", *given, "--run-after", "2026-03-02T00:00:00Z")
    assert done.exit_code == 0
    assert tradewind.sent[0][2] == {
        "dag_run_id": "r",
        "logical_date": "2026-03-01T00:00:00Z",
        "run_after": "2026-03-02T00:00:00Z",
        "note": "by hand",
        "conf": {"rows": 3},
    }


def test_a_run_without_anything_is_left_to_the_server(tradewind: Program) -> None:
    tradewind.answers(RUN)
    assert tradewind("dags", "trigger", "d").exit_code == 0
    assert tradewind.sent == [("POST", "/dags/d/dagRuns", {"conf": {}})]


@pytest.mark.parametrize(("state", "code"), [("success", 0), ("failed", 1)])
def test_to_wait_ends_as_the_run_does(tradewind: Program, state: str, code: int) -> None:
    lines = Answer(chunks=lambda: iter([json.dumps({"state": state}).encode() + b"\n"]), media="application/x-ndjson")
    instance = {"task_id": "t", "map_index": -1, "state": state, "try_number": 2, "duration": 0.5}
    tradewind.answers(RUN, lines, {"task_instances": [instance]}, {**RUN, "state": state})
    done = tradewind("dags", "trigger", "d", "--wait")
    assert done.exit_code == code
    assert f"run r: {state}" in done.stdout
    assert "(try 2)" in done.stdout


def test_versions_are_listed(tradewind: Program) -> None:
    tradewind.answers({"dag_versions": [{"version_number": 1, "created_at": None, "bundle_name": "dags"}]})
    done = tradewind("dags", "versions", "d")
    assert done.stdout.splitlines()[1].split() == ["1", "dags"]


@pytest.mark.parametrize(
    ("arguments", "query"), [(["3"], "?compare_with=2"), (["3", "--since", "1"], "?compare_with=1"), (["1"], "")]
)
def test_a_version_is_compared_with_the_one_before_unless_another_is_named(
    tradewind: Program, arguments: list[str], query: str
) -> None:
    tradewind.answers({"version_number": int(arguments[0]), "changes": None})
    assert tradewind("dags", "versions", "d", *arguments).exit_code == 0
    assert tradewind.sent[0][1] == f"/dags/d/dagVersions/{arguments[0]}{query}"


def test_changes_between_versions_are_lines(tradewind: Program) -> None:
    field = {"field": "retries", "before": 0, "after": 2}
    changes = {
        "fields": [{"field": "tags", "before": [], "after": ["x"]}],
        "added_tasks": ["new"],
        "removed_tasks": ["old"],
        "changed_tasks": [{"task_id": "load", "fields": [field]}],
    }
    tradewind.answers({"version_number": 2, "changes": changes})
    lines = tradewind("dags", "versions", "d", "2").stdout.splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["added", "new"],
        ["removed", "old"],
        ["changed", "tags", "x"],
        ["changed", "load", "retries", "0", "2"],
    ]


def test_a_list_that_goes_on_says_so(tradewind: Program) -> None:
    dag: dict[str, Any] = {"dag_id": "d", "is_paused": True, "is_stale": False, "tags": [{"name": "x"}]}
    tradewind.answers({"dags": [dag], "total_entries": 3})
    done = tradewind("dags", "list", "--limit", "1")
    assert "1 of 3; --limit shows more" in done.stderr
    assert "yes" in done.stdout


def test_a_server_that_is_none_is_named(tradewind: Program) -> None:
    tradewind.answers(Answer(200, b"<html>", "text/html"))
    done = tradewind("dags", "list")
    assert done.exit_code == 3
    assert "is this a Tradewind server?" in done.stderr


def test_a_fault_of_the_server_is_no_wrong_use(tradewind: Program) -> None:
    tradewind.answers(answer({"reason": "internal_error", "detail": "The database is away."}, 500))
    done = tradewind("dags", "list")
    assert done.exit_code == 3
    assert "The database is away." in done.stderr
