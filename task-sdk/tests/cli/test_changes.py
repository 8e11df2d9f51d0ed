"""Rules of what changes runs by hand, and of looking at a single task."""

import json

import pytest

from tests.cli.program import Program, problem

ONE = {"dag_run_id": "r", "task_id": "load", "state": "failed"}
TWO = {"dag_run_id": "r", "task_id": "send", "state": "upstream_failed"}
CHOSEN = {"task_instances": [ONE, TWO], "total_entries": 2}
CLEAR = "/dags/d/clearTaskInstances"


def test_a_clear_is_tried_before_it_is_made(tradewind: Program) -> None:
    tradewind.answers(CHOSEN)
    done = tradewind("runs", "clear", "d", "r", "--task", "load", "-d", "--only-failed", "--yes")
    assert done.exit_code == 0
    assert "cleared 2 task instances" in done.stdout
    (_, path, first), (_, _, second) = tradewind.sent
    assert path == CLEAR
    assert (first["dry_run"], second["dry_run"]) == (True, False)
    assert (first["task_ids"], first["include_downstream"], first["only_failed"]) == (["load"], True, True)
    assert {**first, "dry_run": False} == second


def test_a_dry_run_changes_nothing(tradewind: Program) -> None:
    tradewind.answers(CHOSEN)
    done = tradewind("runs", "clear", "d", "r", "--dry-run")
    assert done.exit_code == 0
    assert "upstream_failed" in done.stdout
    assert [body["dry_run"] for _, _, body in tradewind.sent] == [True]
    assert tradewind.sent[0][2]["only_failed"] is False


def test_nothing_to_clear_asks_nothing(tradewind: Program) -> None:
    tradewind.answers({"task_instances": [], "total_entries": 0})
    assert tradewind("runs", "clear", "d", "r").exit_code == 0
    assert len(tradewind.sent) == 1


@pytest.mark.parametrize("output", ["table", "json"])
@pytest.mark.parametrize(("answer", "code", "requests"), [("n\n", 1, 1), ("", 1, 1), ("y\n", 0, 2)])
def test_without_yes_somebody_has_to_agree(
    tradewind: Program, output: str, answer: str, code: int, requests: int
) -> None:
    tradewind.answers(CHOSEN)
    done = tradewind("runs", "clear", "d", "r", "-o", output, given=answer)
    assert done.exit_code == code
    assert "Clear 2 task instances?" in done.stderr
    assert len(tradewind.sent) == requests
    if output == "json" and code == 0:
        assert json.loads(done.stdout) == [ONE, TWO]


def test_the_latest_run_is_meant_when_none_is_named(tradewind: Program) -> None:
    tradewind.answers({"dag_runs": [{"dag_run_id": "newest"}]}, CHOSEN)
    assert tradewind("runs", "clear", "d", "--yes").exit_code == 0
    assert tradewind.sent[0][1] == "/dags/d/dagRuns?limit=1&order_by=-run_after"
    assert tradewind.sent[1][2]["dag_run_id"] == "newest"


@pytest.mark.parametrize("command", ["clear", "cancel"])
def test_a_dag_without_runs_has_nothing_to_change(tradewind: Program, command: str) -> None:
    tradewind.answers({"dag_runs": []})
    done = tradewind("runs", command, "d")
    assert done.exit_code == 2
    assert "DAG d has no runs" in done.stderr


def test_a_run_is_marked(tradewind: Program) -> None:
    tradewind.answers({"dag_run_id": "r", "state": "failed"})
    done = tradewind("runs", "mark", "d", "r", "failed")
    assert (done.exit_code, done.stdout) == (0, "run r: failed\n")
    assert tradewind.sent == [("PATCH", "/dags/d/dagRuns/r", {"state": "failed"})]


def test_tasks_are_marked_one_by_one_with_what_belongs_to_them(tradewind: Program) -> None:
    tradewind.answers({"task_instances": [{**ONE, "state": "success"}, {**TWO, "state": "success"}]}, CHOSEN)
    done = tradewind("runs", "mark", "d", "a/b", "success", "-t", "load", "-t", "send", "-u", "-o", "json")
    assert done.exit_code == 0
    assert [one["task_id"] for one in json.loads(done.stdout)] == ["load", "send", "load", "send"]
    body = {"new_state": "success", "include_upstream": True, "include_downstream": False}
    assert tradewind.sent == [
        ("PATCH", "/dags/d/dagRuns/a%2Fb/taskInstances/load", body),
        ("PATCH", "/dags/d/dagRuns/a%2Fb/taskInstances/send", body),
    ]


def test_a_task_that_is_in_the_state_already_is_no_error(tradewind: Program) -> None:
    already = problem(409, "conflict", "task send is in state success already", "new_state")
    tradewind.answers({"task_instances": [ONE]}, already)
    done = tradewind("runs", "mark", "d", "r", "success", "-t", "load", "-t", "send")
    assert done.exit_code == 0
    assert "task send is in state success already" in done.stderr


def test_any_other_conflict_of_a_mark_is_one(tradewind: Program) -> None:
    tradewind.answers(problem(409, "conflict", "It changed meanwhile."))
    assert tradewind("runs", "mark", "d", "r", "success", "-t", "load").exit_code == 2


def test_a_run_is_cancelled(tradewind: Program) -> None:
    tradewind.answers({"dag_run_id": "r", "state": "running"})
    done = tradewind("runs", "cancel", "d", "r")
    assert (done.exit_code, done.stdout) == (0, "run r: cancelled, now running\n")
    assert tradewind.sent == [("POST", "/dags/d/dagRuns/r/cancel", {})]


def test_a_run_that_has_ended_cannot_be_cancelled(tradewind: Program) -> None:
    tradewind.answers(problem(409, "conflict", "run r has ended in success", "dag_run_id"))
    done = tradewind("runs", "cancel", "d", "r")
    assert done.exit_code == 2
    assert "run r has ended in success (field dag_run_id)" in done.stderr


def test_a_task_is_cleared_as_a_part_of_its_run(tradewind: Program) -> None:
    tradewind.answers(CHOSEN)
    done = tradewind("tasks", "clear", "d", "load", "r", "--downstream", "--yes")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "cleared 2 task instances")
    sent = tradewind.sent[1][2]
    assert (sent["task_ids"], sent["dag_run_id"], sent["include_downstream"]) == (["load"], "r", True)
    assert (sent["only_failed"], sent["include_upstream"], sent["run_on_latest_version"]) == (False, False, False)


@pytest.mark.parametrize(
    ("arguments", "path", "note"),
    [
        (["looked at"], "/dags/d/dagRuns/r", "looked at"),
        ([""], "/dags/d/dagRuns/r", None),
        (["x", "--task", "t"], "/dags/d/dagRuns/r/taskInstances/t", "x"),
    ],
)
def test_a_note_is_of_a_run_or_of_a_task_and_an_empty_one_is_none(
    tradewind: Program, arguments: list[str], path: str, note: str | None
) -> None:
    tradewind.answers({})
    assert tradewind("runs", "note", "d", "r", *arguments).exit_code == 0
    assert tradewind.sent == [("PATCH", path, {"note": note})]


def test_runs_are_deleted_after_somebody_agreed(tradewind: Program) -> None:
    assert tradewind("runs", "delete", "d", "a", given="n\n").exit_code == 1
    assert tradewind.sent == []
    tradewind.answers(None, problem(409, "conflict", "It is running."), None)
    done = tradewind("runs", "delete", "d", "a", "b", "c", given="y\n")
    assert (done.exit_code, done.stdout) == (2, "deleted a\ndeleted c\n")
    assert "It is running." in done.stderr


def test_the_state_of_a_task_is_one_word(tradewind: Program) -> None:
    tradewind.answers({"state": None})
    assert tradewind("tasks", "state", "d", "t", "r").stdout == "none\n"


@pytest.mark.parametrize(("state", "waits"), [("queued", True), ("upstream_failed", False)])
def test_a_task_without_a_try_has_no_log_and_says_why(tradewind: Program, state: str, waits: bool) -> None:
    tradewind.answers({"task_id": "t", "state": state, "try_number": 0, "reason_text": "Because of a."})
    done = tradewind("tasks", "logs", "d", "t", "r")
    assert done.exit_code == 2
    assert f"t is {state} and has no log: Because of a." in done.stderr
    assert ("--follow waits for it" in done.stderr) is waits
