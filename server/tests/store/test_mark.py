"""States set by hand: of task instances and of whole runs, also while tries are under way."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from tradewind.server.contract import (
    DagRunState,
    ProblemReason,
    SerializedTask,
    TaskInstanceState,
    TriggerRule,
)
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import audit, dispatches, runs
from tradewind.server.store.handouts import Report
from tradewind.server.store.runs import Marking

from .world import World, dag, failed, interrupted, started, succeeded, task, task_id_of

SUCCESS, FAILED, SKIPPED = TaskInstanceState.SUCCESS, TaskInstanceState.FAILED, TaskInstanceState.SKIPPED


def mark(world: World, task_id: str, state: Any, *, run_id: str = "r", **options: Any) -> set[str]:
    """Mark and return the ids of those whose state changed."""
    marking = Marking(dag_id="d", run_id=run_id, task_id=task_id, state=state, **options)
    would = world.read(lambda tx: runs.markable(tx, marking))
    pks = world.write(lambda tx: runs.mark_instances(tx, marking, user="me"))
    assert would == pks
    return {row.task_id for row in world.read(lambda tx: runs.instances_by_pk(tx, pks))}


def mark_run(world: World, state: Any, run_id: str = "r") -> None:
    world.write(lambda tx: runs.mark_run(tx, "d", run_id, state, user="me"))


def play(world: World, outcomes: Mapping[str, Any] | None = None) -> None:
    world.schedule()
    while handouts := world.claim():
        for handout in handouts:
            world.report(handout.dispatch_id, (outcomes or {}).get(task_id_of(handout), succeeded()))
        world.schedule()


def begin(world: World, *tasks: SerializedTask) -> None:
    world.declare(dag("d", *(tasks or (task("a"), task("b", "a"), task("c", "b")))))
    world.trigger("d", run_id="r")


# Task instances.


@pytest.mark.parametrize("to_state", [SUCCESS, FAILED, SKIPPED])
@pytest.mark.parametrize("state", ["none", "scheduled", "queued", "running", "up_for_retry", "success", "failed"])
def test_every_state_can_be_set_by_hand(world: World, state: str, to_state: Any) -> None:
    begin(world, task("t", retries=1 if state == "up_for_retry" else 0, retry_delay_seconds=600))
    if state != "none":
        world.schedule()
    if state not in {"none", "scheduled"}:
        (handout,) = world.claim(world.connect().binding)
        if state == "running":
            world.report(handout.dispatch_id, started())
        elif state in {"success", "failed", "up_for_retry"}:
            world.report(handout.dispatch_id, succeeded() if state == "success" else failed())
    assert world.states() == {"t": state}
    assert mark(world, "t", to_state) == (set() if state == to_state else {"t"})
    row = world.instance()
    assert (row.state, row.dispatch_id, row.retry_at) == (to_state, None, None)
    if state != to_state:
        assert row.reason is not None
        assert (row.reason["reason"], row.reason["state"], row.reason["user"]) == ("marked", to_state, "me")
        assert row.ended_at is not None
        (event,) = [event for event in world.events() if event.event.startswith("mark_")]
        assert (event.actor, event.from_state, event.to_state) == ("user:me", state, to_state)
        assert (event.dispatch_id is not None) is (state in {"queued", "running"})
    world.schedule()
    assert world.run_row().state == ("failed" if to_state is FAILED else "success")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "b"),
        ({"upstream": True}, "ab"),
        ({"downstream": True}, "bc"),
        ({"upstream": True, "downstream": True}, "abc"),
    ],
)
def test_relatives_are_marked_on_request(world: World, options: dict[str, Any], expected: str) -> None:
    begin(world)
    assert mark(world, "b", SUCCESS, **options) == set(expected)
    assert {task_id for task_id, state in world.states().items() if state == "success"} == set(expected)


def test_runs_before_and_after_are_marked_on_request(world: World) -> None:
    world.declare(dag("d", task("t")))
    for day in (1, 2, 3):
        world.trigger("d", run_id=f"r{day}", logical_date=datetime(2026, 1, day, tzinfo=UTC))
    world.trigger("d", run_id="undated")
    mark(world, "t", SUCCESS, run_id="r2", past=True)
    assert [world.states(f"r{day}")["t"] for day in (1, 2, 3)] == ["success", "success", "none"]
    mark(world, "t", FAILED, run_id="r2", future=True)
    assert [world.states(f"r{day}")["t"] for day in (1, 2, 3)] == ["success", "failed", "failed"]
    with pytest.raises(Refused) as refused:
        mark(world, "t", SUCCESS, run_id="undated", past=True)
    assert (refused.value.reason, refused.value.field) == (ProblemReason.INVALID_VALUE, "include_past")
    with pytest.raises(Refused) as unknown:
        mark(world, "nonsense", SUCCESS, run_id="r1")
    assert (unknown.value.reason, unknown.value.field) == (ProblemReason.NOT_FOUND, "task_id")


def test_what_failed_below_a_marked_task_runs_again(world: World) -> None:
    begin(world)
    play(world, {"a": failed()})
    assert (world.run_row().state, world.states()) == (
        "failed",
        {"a": "failed", "b": "upstream_failed", "c": "upstream_failed"},
    )
    assert mark(world, "a", SUCCESS) == {"a"}
    assert (world.run_row().state, world.states()) == ("queued", {"a": "success", "b": "none", "c": "none"})
    play(world)
    assert (world.run_row().state, world.instance("a").try_number) == ("success", 1)


def test_a_run_that_ended_stays_so_when_nothing_is_left_to_run(world: World) -> None:
    begin(world)
    play(world, {"c": failed()})
    mark(world, "c", SUCCESS)
    world.schedule()
    assert (world.run_row().state, world.states()["c"]) == ("failed", "success")


def test_marking_names_who_did_it(world: World) -> None:
    begin(world)
    mark(world, "a", SKIPPED)
    entry = world.read(audit.list_audit).items[0]
    assert (entry.actor, entry.action, entry.subject) == ("user:me", "mark_task_instances", "d/r/a")
    assert entry.detail == {"state": "skipped", "task_instances": 1, "runs": 1}


# Races.


@pytest.mark.parametrize("outcome", [succeeded(x=1), failed(), interrupted()], ids=["success", "failed", "interrupted"])
def test_the_outcome_of_a_marked_try_changes_nothing(world: World, outcome: Any) -> None:
    begin(world)
    world.schedule()
    (handout,) = world.claim(world.connect().binding)
    world.report(handout.dispatch_id, started())
    mark(world, "a", SUCCESS)
    world.report(handout.dispatch_id, outcome)
    row = world.instance("a")
    assert (row.state, row.stopping_dispatch_id, row.failures) == (SUCCESS, None, 0)
    play(world)
    assert world.run_row().state == "success"


def test_a_start_that_comes_after_the_mark_is_refused(world: World) -> None:
    begin(world)
    world.schedule()
    (handout,) = world.claim(world.connect().binding)
    mark(world, "a", SKIPPED)
    with pytest.raises(Refused) as refused:
        world.write(lambda tx: dispatches.report_started(tx, handout.dispatch_id, started()))
    assert refused.value.reason is ProblemReason.DISPATCH_ENDED


def test_a_mark_and_an_outcome_at_once_leave_the_mark(world: World) -> None:
    begin(world)
    world.schedule()
    (handout,) = world.claim(world.connect().binding)

    async def both() -> None:
        marking = Marking(dag_id="d", run_id="r", task_id="a", state=TaskInstanceState.FAILED)
        await asyncio.gather(
            world.store.write(lambda tx: runs.mark_instances(tx, marking, user="me")),
            world.store.write_each(dispatches.record_reports, Report(handout.dispatch_id, succeeded())),
        )

    world.run(both())
    world.schedule()
    assert world.states() == {"a": "failed", "b": "upstream_failed", "c": "upstream_failed"}


def test_a_marked_task_that_is_cleared_waits_for_its_stopped_try(world: World) -> None:
    begin(world, task("t"))
    world.schedule()
    (handout,) = world.claim(world.connect().binding)
    mark(world, "t", FAILED)
    world.write(lambda tx: runs.clear(tx, runs.Clearing(dag_id="d", run_id="r"), user="me"))
    world.schedule()
    assert (world.instance().state, world.claim()) == ("scheduled", [])
    world.report(handout.dispatch_id, interrupted())
    play(world)
    assert world.run_row().state == "success"


# Runs.


def test_a_run_is_marked_success_with_all_its_tasks(world: World) -> None:
    begin(world, task("a"), task("b", "a"), task("other"))
    world.schedule()
    one, _ = world.claim(world.connect().binding)
    world.report(one.dispatch_id, started())
    mark_run(world, DagRunState.SUCCESS)
    assert (world.run_row().state, world.states()) == ("success", dict.fromkeys(["a", "b", "other"], "success"))
    assert world.run_row().ended_at is not None
    world.schedule()
    assert world.claim() == []
    assert [event.event for event in world.events() if event.task_id is None] == ["create", "start", "mark_success"]
    mark_run(world, DagRunState.SUCCESS)
    assert world.run_row().state == "success"


def test_a_run_is_marked_failed_with_what_has_not_ended(world: World) -> None:
    begin(
        world, task("done"), task("a", "done"), task("b", "a"), task("late", "done", retries=1, retry_delay_seconds=600)
    )
    world.schedule()
    (done,) = world.claim()
    world.report(done.dispatch_id, succeeded())
    world.schedule()
    handouts = {task_id_of(one): one for one in world.claim(world.connect().binding)}
    world.report(handouts["late"].dispatch_id, failed())
    world.report(handouts["a"].dispatch_id, started())
    mark_run(world, DagRunState.FAILED)
    assert world.run_row().state == "failed"
    assert world.states() == {"done": "success", "a": "failed", "b": "skipped", "late": "skipped"}
    assert world.instance("a").stopping_dispatch_id == handouts["a"].dispatch_id


def test_a_failed_run_is_marked_success(world: World) -> None:
    begin(world)
    play(world, {"a": failed()})
    mark_run(world, DagRunState.SUCCESS)
    assert (world.run_row().state, world.states()) == ("success", dict.fromkeys("abc", "success"))


def test_the_slot_of_a_marked_run_is_free(world: World) -> None:
    world.declare(dag("d", task("t"), max_active_runs=1))
    for run_id in ("r", "next"):
        world.trigger("d", run_id=run_id)
    world.schedule()
    assert [world.run_row(run_id).state for run_id in ("r", "next")] == ["running", "queued"]
    mark_run(world, DagRunState.FAILED)
    world.schedule()
    assert world.run_row("next").state == "running"


@pytest.mark.parametrize("state", [DagRunState.SUCCESS, DagRunState.FAILED])
def test_teardown_tasks_run_before_a_marked_run_ends(world: World, state: DagRunState) -> None:
    rule = TriggerRule.ALL_DONE_SETUP_SUCCESS
    begin(
        world,
        task("up", is_setup=True),
        task("work", "up"),
        task("down", "up", "work", is_teardown=True, trigger_rule=rule),
    )
    world.schedule()
    (up,) = world.claim()
    world.report(up.dispatch_id, succeeded())
    world.schedule()
    (work,) = world.claim(world.connect().binding)
    world.report(work.dispatch_id, started())
    mark_run(world, state)
    assert (world.run_row().state, world.states()["work"]) == ("running", state.value)
    world.schedule()
    (down,) = world.claim()
    assert task_id_of(down) == "down"
    world.report(down.dispatch_id, succeeded())
    world.schedule()
    assert (world.run_row().state, world.states()["down"]) == (state, "success")


def test_a_queued_run_is_marked(world: World) -> None:
    begin(world)
    mark_run(world, DagRunState.FAILED)
    assert (world.run_row().state, world.states()) == ("failed", dict.fromkeys("abc", "skipped"))
    world.schedule()
    assert world.claim() == []
