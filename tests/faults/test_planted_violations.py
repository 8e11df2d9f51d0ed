"""A violation that is planted into what a real deployment has recorded is found: one test for each sort."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from tests.e2e.processes import eventually
from tests.faults.conftest import Deployments
from tests.faults.dags.shape import COUNT, make_shape
from tests.faults.deployments import Deployment
from tests.journal.checker import faults
from tests.journal.executions import read_executions
from tests.journal.records import Journal, Row, read_journal
from tests.journal.samples import Sample, take_sample
from tests.journal.waiting import unexplained

Plant = Callable[[Journal], object]
WITH_EVERYTHING = next(
    number
    for number in range(COUNT)
    if {"flaky", "works"} <= {task.kind for task in make_shape(number)}
    and all(task.kind in {"flaky", "works"} for task in make_shape(number))
    and any(task.pushes for task in make_shape(number))
    and any(task.seconds >= 0.6 for task in make_shape(number))
)
"""A shape with a retry, XComs, and a task that takes long enough to be seen at work."""
DAG = f"chaos_{WITH_EVERYTHING}"


def read(deployment: Deployment, run_id: str, samples: list[Sample]) -> Journal:
    return read_journal(
        deployment.database_url,
        [(DAG, run_id)],
        executions=read_executions(deployment.system.witness),
        samples=samples,
        witnessed=[DAG],
    )


@pytest.fixture(scope="module")
def histories(deployments: Deployments) -> tuple[Journal, Journal]:
    """Return a history that was read while a task was running, and the same at its end."""
    deployment = deployments.get("sqlite")
    body: dict[str, object] = {"conf": {}, "logical_date": None}
    run_id = deployment.api().post("dags", DAG, "dagRuns", body=body)["dag_run_id"]
    samples: list[Sample] = []

    def look(wanted: Callable[[Journal], bool]) -> Journal | None:
        samples.append(take_sample(deployment.database_url))
        journal = read(deployment, run_id, samples)
        return journal if wanted(journal) else None

    midst = eventually(
        "a task at work", lambda: look(lambda it: any(row["state"] == "running" for row in it.instances))
    )
    end = eventually("the end", lambda: look(lambda it: it.runs[0]["state"] == "success"))
    # Looks at live runs alone: the last ones are of the midst.
    receipts = [(row["dispatch_id"], row["outcome_digest"]) for row in end.dispatches if row["outcome_digest"]]
    return midst, replace(end, receipts=receipts)


@pytest.fixture
def midst(histories: tuple[Journal, Journal]) -> Journal:
    return deepcopy(histories[0])


@pytest.fixture
def end(histories: tuple[Journal, Journal]) -> Journal:
    return deepcopy(histories[1])


def test_what_was_recorded_is_lawful(midst: Journal, end: Journal) -> None:
    assert faults(midst) == []
    assert faults(end) == []
    assert end.receipts
    assert any(one.acknowledged for one in end.executions)
    assert any(sample.counters for sample in end.samples)


def event(journal: Journal, name: str) -> Row:
    return next(row for row in reversed(journal.events) if row["event"] == name and row["machine"] == "task_instance")


def retried(journal: Journal) -> list[Row]:
    """Return the dispatches of a task instance that was tried twice."""
    pk = next(row["instance_pk"] for row in journal.tries if row["try_number"] == 2)
    return sorted((row for row in journal.dispatches if row["instance_pk"] == pk), key=lambda row: row["dispatch_id"])


def finish_twice(journal: Journal) -> None:
    again = dict(event(journal, "succeed"))
    journal.events.append({**again, "id": journal.events[-1]["id"] + 1})


def claim_beside(journal: Journal) -> None:
    first, second = retried(journal)
    (claim,) = (
        row for row in journal.events if row["event"] == "claim" and row["dispatch_id"] == second["dispatch_id"]
    )
    journal.events.remove(claim)
    place = next(number for number, row in enumerate(journal.events) if row["dispatch_id"] == first["dispatch_id"])
    journal.events.insert(place + 1, claim)


def report_by_another(journal: Journal) -> None:
    event(journal, "succeed")["actor"] = "worker:another"


def keep_first_alive(journal: Journal) -> None:
    first, second = retried(journal)
    first["gone_at"] = second["claimed_at"] + 1


def forget_outcome(journal: Journal) -> None:
    journal.dispatches[0]["outcome_digest"] = None


def forget_xcom(journal: Journal) -> None:
    journal.values[:] = [row for row in journal.values if not row["key"].startswith("value_")]


def lead_in_the_past(journal: Journal) -> None:
    holder, epoch = journal.samples[-1].leader or ("", 0)
    journal.samples.append(replace(journal.samples[-1], leader=(holder, epoch - 1)))


def lead_at_once(journal: Journal) -> None:
    _, epoch = journal.samples[-1].leader or ("", 0)
    journal.samples.append(replace(journal.samples[-1], leader=("another", epoch)))


def set_back(kind: str) -> Plant:
    def plant(journal: Journal) -> None:
        sample = next(one for one in journal.samples if any(name == kind for name, _ in one.counters))
        key = next(one for one in sample.counters if one[0] == kind)
        journal.samples.append(replace(sample, counters={key: sample.counters[key] - 1}))

    return plant


def meet(journal: Journal) -> None:
    first, second = retried(journal)
    earlier, later = (
        next(row["try_id"] for row in journal.tries if row["dispatch_id"] == one["dispatch_id"])
        for one in (first, second)
    )
    next(one for one in journal.executions if one.try_id == later).met.append(earlier)


def outlive(journal: Journal) -> None:
    first, _ = retried(journal)
    try_id = next(row["try_id"] for row in journal.tries if row["dispatch_id"] == first["dispatch_id"])
    next(one for one in journal.executions if one.try_id == try_id).last_seen = first["gone_at"] + 1


def run_again(journal: Journal) -> None:
    journal.executions.append(deepcopy(journal.executions[0]))


def run_unasked(journal: Journal) -> None:
    journal.executions[0].try_id = "00000000-0000-7000-8000-000000000000"


def run_elsewhere(journal: Journal) -> None:
    journal.executions[0].pid += 1


def run_too_early(journal: Journal) -> None:
    journal.executions[0].began -= 1000


def never_run(journal: Journal) -> None:
    journal.executions.pop()


def cut_off(journal: Journal) -> None:
    next(one for one in reversed(journal.executions) if one.ending == "returned").ending = None


def change_unlawfully(journal: Journal) -> None:
    event(journal, "succeed").update(event="ready")


def lose_an_event(journal: Journal) -> None:
    journal.events.remove(event(journal, "start"))


def overwrite_state(journal: Journal) -> None:
    journal.instances[0]["state"] = "failed"


def overwrite_revision(journal: Journal) -> None:
    journal.instances[0]["rev"] = 1


AT_THE_END: dict[str, tuple[Plant, str]] = {
    "an outcome was recorded twice": (finish_twice, "succeeded 2 times"),
    "two dispatches were live at once": (claim_beside, "was live"),
    "a dispatch had two owners": (report_by_another, "had the owners"),
    "a try was made beside a living one": (keep_first_alive, "was gone at"),
    "an acknowledged outcome was lost": (forget_outcome, "was acknowledged, its row has None"),
    "an acknowledged value was lost": (forget_xcom, "was acknowledged as"),
    "a leader of the past wrote": (lead_in_the_past, "epoch went back"),
    "two led in one epoch": (lead_at_once, "led in the same epoch"),
    "a connection of the past spoke": (set_back("sessions"), "sessions"),
    "a run was written over": (set_back("runs"), "runs"),
    "a task instance was written over": (set_back("instances"), "instances"),
    "user code ran beside itself": (meet, "began while try"),
    "user code went on after its end": (outlive, "was known to be gone"),
    "user code of a try ran twice": (run_again, "ran 2 times"),
    "user code ran that nobody asked for": (run_unasked, "which nobody made"),
    "user code ran in a process that nobody knows": (run_elsewhere, "the server knows of"),
    "user code ran before it was handed out": (run_too_early, "was handed out"),
    "a success without user code": (never_run, "never returned"),
    "a success of user code that was cut off": (cut_off, "ended by None"),
    "a change that the table does not have": (change_unlawfully, "may not become"),
    "an event is missing": (lose_an_event, "starts at"),
    "the row and its events differ": (overwrite_state, "its row says failed"),
    "a revision is lower than its changes": (overwrite_revision, "its revision is 1"),
}


@pytest.mark.parametrize("name", AT_THE_END)
def test_a_violation_in_a_history_is_found(end: Journal, name: str) -> None:
    plant, words = AT_THE_END[name]
    plant(end)
    found = faults(end)
    assert any(words in fault for fault in found), found


def held(journal: Journal) -> Row:
    """Return the dispatch of a running task instance."""
    dispatch_id = next(row["dispatch_id"] for row in journal.instances if row["state"] == "running")
    return next(row for row in journal.dispatches if row["dispatch_id"] == dispatch_id)


def close_session(journal: Journal) -> None:
    session_id = held(journal)["session_id"]
    next(row for row in journal.sessions if row["session_id"] == session_id)["closed_at"] = 1.0


def forget_deadline(journal: Journal) -> None:
    row = next(row for row in journal.instances if row["state"] == "running")
    row.update(state="up_for_retry", retry_at=None)


def leave_nothing(journal: Journal) -> None:
    for row in journal.instances:
        row["state"] = "success"
    journal.runs[0].update(state="running", dirty_at=None)


IN_THE_MIDST: dict[str, tuple[Plant, str]] = {
    "its worker session is closed": (close_session, "is closed: nobody waits"),
    "it belongs to no worker session": (lambda it: held(it).update(session_id=None), "has no worker session"),
    "its worker session does not exist": (lambda it: held(it).update(session_id="gone"), "has no row"),
    "its dispatch is gone": (lambda it: held(it).update(gone_at=1.0), "is gone"),
    "its dispatch does not exist": (lambda it: it.dispatches.remove(held(it)), "its dispatch has no row"),
    "its retry has no moment": (forget_deadline, "no moment at which"),
    "its run has ended": (lambda it: it.runs[0].update(state="success"), "its run has ended"),
    "a run has nothing left to do": (leave_nothing, "nothing of it is left to do"),
}


@pytest.mark.parametrize("name", IN_THE_MIDST)
def test_what_nobody_brings_on_is_found(midst: Journal, name: str) -> None:
    plant, words = IN_THE_MIDST[name]
    plant(midst)
    found = faults(midst)
    assert any(words in fault for fault in found), found


@pytest.mark.parametrize(
    "reason",
    [
        {},
        {"reason": "ended", "state": "running"},
        {"reason": "running", "since": "2026-01-01T00:00:00Z"},
        {"reason": "handed_out", "executor": "worker_session", "worker": None, "deadline": None},
        {"reason": "worker_unreachable", "worker": "one"},
        {"reason": "retry_backoff"},
        {"reason": "waiting_for_upstream", "upstream": [], "unfinished": 0},
    ],
)
def test_a_reason_that_names_nobody_is_found(reason: dict[str, Any]) -> None:
    assert len(list(unexplained([{"task_id": "one", "state": "running", "reason": reason}]))) == 1
    assert list(unexplained([{"task_id": "one", "state": "success", "reason": reason}])) == []
