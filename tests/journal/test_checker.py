"""The examination of a journal finds what it is there to find."""

from collections.abc import Callable
from copy import deepcopy

import pytest

from tests.journal.checker import faults
from tests.journal.records import Journal, Row

Spoil = Callable[[Journal], object]


def event(number: int, machine: str, change: str, dispatch: str | None = None, instance: int | None = 10) -> Row:
    """Make the row of an event from `from:event:to`."""
    before, name, after = change.split(":")
    return {
        "id": number,
        "at": number,
        "machine": machine,
        "run_pk": 1,
        "instance_pk": instance if machine == "task_instance" else None,
        "dispatch_id": dispatch,
        "from_state": before or None,
        "event": name,
        "to_state": after,
        "actor": "worker:one" if dispatch is not None and name != "claim" else "scheduler",
    }


def dispatch(name: str, ended: str | None) -> Row:
    claimed = 10 * ord(name)
    row = {"dispatch_id": name, "kind": "execute_task", "activity_id": name, "instance_pk": 10, "claimed_at": claimed}
    row = {**row, "executor": "worker_session", "worker": "one", "session_id": "session", "outcome_digest": None}
    end = claimed + 5 if ended else None
    return {**row, "ended_at": end, "gone_at": end, "end_reason": ended, "takeover_after_seconds": 300}


def task_try(number: int, state: str, name: str) -> Row:
    row = {"try_id": f"try-{number}", "instance_pk": 10, "try_number": number, "state": state, "dispatch_id": name}
    return {**row, "executor": "worker_session", "worker": "one", "pid": 1}


def lawful() -> Journal:
    """Return a run of one task that was lost once, failed once, and succeeded."""
    changes = [
        ("none:ready:scheduled", None),
        ("scheduled:claim:queued", "a"),
        ("queued:start:running", "a"),
        ("running:lose:scheduled", "a"),
        ("scheduled:claim:queued", "b"),
        ("queued:retry:up_for_retry", "b"),
        ("up_for_retry:retry_due:scheduled", None),
        ("scheduled:claim:queued", "c"),
        ("queued:start:running", "c"),
        ("running:succeed:success", "c"),
    ]
    instance = {"pk": 10, "run_pk": 1, "dag_id": "dag", "task_id": "only", "map_index": -1, "state": "success"}
    instance |= {"rev": 30, "try_number": 3, "stopping_dispatch_id": None, "retry_at": None}
    return Journal(
        runs=[{"pk": 1, "dag_id": "dag", "run_id": "run", "state": "success", "rev": 30, "dirty_at": None}],
        instances=[{**instance, "dispatch_id": "c"}],
        tries=[task_try(1, "lost", "a"), task_try(2, "failed", "b"), task_try(3, "success", "c")],
        dispatches=[dispatch("a", "lost"), dispatch("b", "outcome"), dispatch("c", "outcome")],
        events=[
            event(1, "dag_run", ":create:queued"),
            event(2, "dag_run", "queued:start:running"),
            *(event(number, "task_instance", change, by) for number, (change, by) in enumerate(changes, start=3)),
            event(20, "dag_run", "running:succeed:success"),
        ],
        values=[],
    )


def cleared() -> Journal:
    """Return the same run, cleared twice after its success: the second time while the task was running."""
    journal = lawful()
    changes = [
        ("success:clear:none", None),
        ("none:ready:scheduled", None),
        ("scheduled:claim:queued", "d"),
        ("queued:start:running", "d"),
        ("running:clear:none", "d"),
        ("none:ready:scheduled", None),
        ("scheduled:claim:queued", "e"),
        ("queued:succeed:success", "e"),
    ]
    journal.events.append(event(21, "dag_run", "success:clear:queued"))
    journal.events.append(event(22, "dag_run", "queued:start:running"))
    journal.events.extend(event(number, "task_instance", *change) for number, change in enumerate(changes, start=23))
    journal.events.append(event(40, "dag_run", "running:succeed:success"))
    journal.tries.extend([task_try(4, "stopped", "d"), task_try(5, "success", "e")])
    journal.dispatches.extend([dispatch("d", "cleared"), dispatch("e", "outcome")])
    return journal


@pytest.mark.parametrize("journal", [lawful(), cleared()], ids=["lawful", "cleared"])
def test_a_lawful_journal_has_no_faults(journal: Journal) -> None:
    assert faults(journal) == []


def test_a_process_that_outlives_the_next_claim_is_found() -> None:
    journal = cleared()
    journal.dispatches[3]["gone_at"] = journal.dispatches[4]["claimed_at"] + 1
    assert any("dispatch e was made at" in fault for fault in faults(journal))
    journal.dispatches[3]["gone_at"] = None
    assert any("d was gone at None" in fault for fault in faults(journal))


SPOILT: dict[str, tuple[Spoil, str]] = {
    "the end was recorded twice": (
        lambda it: it.events.insert(12, event(13, "task_instance", "running:succeed:success", "c")),
        "succeeded 2 times",
    ),
    "a change that the table does not have": (
        lambda it: it.events[11].update(event="fail"),
        "may not become success by fail",
    ),
    "an event is missing": (lambda it: it.events.pop(4), "it was queued"),
    "the row and its events differ": (lambda it: it.instances[0].update(state="failed"), "its row says failed"),
    "two dispatches were live at once": (
        lambda it: it.events.insert(4, event(30, "task_instance", "scheduled:claim:queued", "b")),
        "was made while a was live",
    ),
    "an ended dispatch without an outcome": (
        lambda it: it.dispatches.append(dispatch("d", "outcome")),
        "dispatch d ended by outcome",
    ),
    "an outcome by another dispatch": (
        lambda it: it.events[11].update(dispatch_id="a"),
        "is by dispatch a, the live one was c",
    ),
    "a dispatch outlives its task": (
        lambda it: it.dispatches[2].update(ended_at=None),
        "only is success, its live dispatch is c",
    ),
    "a try is missing": (lambda it: it.tries.pop(1), "only has the tries [1, 3]"),
    "a try after a success": (lambda it: it.tries[1].update(state="success"), "yet try 3 was made"),
    "a try that never ended": (lambda it: it.tries[2].update(state="running"), "its last try is running"),
    "a run that ended with no event": (lambda it: it.events.pop(), "its events end in running"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_fault_is_found_and_named(name: str) -> None:
    spoil, words = SPOILT[name]
    journal = deepcopy(lawful())
    spoil(journal)
    found = faults(journal)
    assert any(words in fault for fault in found), found
