"""Cancelling and deleting runs."""

import pytest

from tradewind.server.contract import ProblemReason, TriggerRule
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import Transaction, audit, dispatches, runs, xcoms

from .world import World, dag, failed, interrupted, started, succeeded, task, task_id_of


def cancel(world: World, run_id: str = "r") -> None:
    world.write(lambda tx: runs.cancel_run(tx, "d", run_id, user="me"))


def delete(world: World, run_id: str = "r") -> None:
    world.write(lambda tx: runs.delete_run(tx, "d", run_id, user="me"))


def conflict(world: World, job: object) -> str:
    with pytest.raises(Refused) as refused:
        job(world)  # type: ignore[operator]  # cancel or delete
    assert refused.value.reason is ProblemReason.CONFLICT
    assert refused.value.field == "dag_run_id"
    return refused.value.detail


def test_a_cancelled_run_stops_what_is_live_and_skips_what_is_not(world: World) -> None:
    binding = world.connect().binding
    (running,) = world.hand_out(task("a"), task("b", "a"), worker=binding)
    world.report(running.dispatch_id, started())
    cancel(world)
    row = world.run_row()
    assert (row.state, row.cancelled_at is not None) == ("running", True)
    assert row.end_reason == {"reason": "run_ended", "cause": "cancelled"}
    world.schedule()
    assert (world.run_row().state, world.states()) == ("failed", {"a": "failed", "b": "skipped"})
    assert world.instance("a").stopping_dispatch_id == running.dispatch_id
    world.report(running.dispatch_id, interrupted())
    assert world.instance("a").stopping_dispatch_id is None
    assert [event.event for event in world.events() if event.task_id is None] == ["create", "start", "cancel"]


def test_a_queued_run_is_cancelled_without_a_start(world: World) -> None:
    world.declare(dag("d", task("t"), max_active_runs=1))
    for run_id in ("first", "r"):
        world.trigger("d", run_id=run_id)
    world.schedule()
    cancel(world)
    world.schedule()
    assert (world.run_row().state, world.states()) == ("failed", {"t": "skipped"})
    assert world.run_row("first").state == "running"


def test_a_try_that_waits_to_be_retried_does_not_run_again(world: World) -> None:
    handout = world.hand_out_one(retries=3, retry_delay_seconds=600)
    world.report(handout.dispatch_id, failed())
    cancel(world)
    world.schedule()
    assert (world.run_row().state, world.states()) == ("failed", {"t": "skipped"})
    world.schedule(seconds_from_now=601)
    assert world.claim() == []


def test_an_outcome_that_comes_before_the_scheduler_looks_counts(world: World) -> None:
    binding = world.connect().binding
    first, second = world.hand_out(task("a"), task("b"), task("c", "b"), worker=binding)
    cancel(world)
    world.report(first.dispatch_id, succeeded())
    world.schedule()
    assert world.states() == {task_id_of(first): "success", task_id_of(second): "failed", "c": "skipped"}


def test_the_teardown_of_a_cancelled_run_runs(world: World) -> None:
    rule = TriggerRule.ALL_DONE_SETUP_SUCCESS
    down = task("down", "up", "work", is_teardown=True, trigger_rule=rule)
    (up,) = world.hand_out(task("up", is_setup=True), task("work", "up"), down)
    world.report(up.dispatch_id, succeeded())
    world.schedule()
    world.claim(world.connect().binding)
    cancel(world)
    world.schedule()
    assert (world.run_row().state, world.states()["work"]) == ("running", "failed")
    (last,) = world.claim()
    world.report(last.dispatch_id, succeeded())
    world.schedule()
    assert (world.run_row().state, world.states()["down"]) == ("failed", "success")


def test_cancelling_twice_is_cancelling_once(world: World) -> None:
    world.hand_out_one(worker=world.connect().binding)
    cancel(world)
    moment = world.run_row().cancelled_at
    cancel(world)
    assert world.run_row().cancelled_at == moment
    entries = [entry for entry in world.read(audit.list_audit).items if entry.action == "cancel_run"]
    assert [(entry.actor, entry.subject) for entry in entries] == [("user:me", "d/r")]
    world.schedule()
    assert "has ended in failed" in conflict(world, cancel)
    with pytest.raises(Refused) as refused:
        cancel(world, "none")
    assert refused.value.reason is ProblemReason.NOT_FOUND


def test_a_cancelled_run_that_is_cleared_runs_again(world: World) -> None:
    old = world.hand_out_one(worker=world.connect().binding)
    cancel(world)
    world.schedule()
    world.write(lambda tx: runs.clear(tx, runs.Clearing(dag_id="d", run_id="r", whole_run=True), user="me"))
    world.schedule()
    assert (world.run_row().state, world.claim()) == ("running", [])
    world.report(old.dispatch_id, interrupted())
    (again,) = world.claim()
    world.report(again.dispatch_id, succeeded())
    world.schedule()
    row = world.run_row()
    assert (row.state, row.cancelled_at, row.end_reason, row.clear_number) == ("success", None, None, 1)


# Deleting.


def test_a_run_is_deleted_with_all_that_it_left(world: World) -> None:
    handout = world.hand_out_one()
    world.report(handout.dispatch_id, succeeded(x=1))
    world.schedule()
    pk, instance_pk = world.run_row().pk, world.instance().pk
    delete(world)
    with pytest.raises(Refused) as refused:
        world.run_row()
    assert refused.value.reason is ProblemReason.NOT_FOUND

    def left(tx: Transaction) -> tuple[int, ...]:
        rows = (runs.list_events(tx, pk), runs.list_tries(tx, instance_pk), xcoms.list_xcoms(tx, instance_pk))
        return tuple(len(found) for found in rows)

    assert world.read(left) == (0, 0, 0)
    with pytest.raises(Refused) as unknown:
        world.read(lambda tx: dispatches.live_dispatch(tx, handout.dispatch_id))
    assert unknown.value.reason is ProblemReason.UNKNOWN_DISPATCH
    assert world.read(audit.list_audit).items[0].action == "delete_run"
    world.trigger("d", run_id="r")
    world.schedule()
    (again,) = world.claim()
    world.report(again.dispatch_id, succeeded())
    world.schedule()
    assert world.run_row().state == "success"
    assert [event.event for event in world.events() if event.task_id is None] == ["create", "start", "succeed"]


def test_a_queued_run_is_deleted_and_the_next_one_starts(world: World) -> None:
    world.declare(dag("d", task("t")))
    world.trigger("d", run_id="r")
    delete(world)
    world.schedule()
    assert world.read(lambda tx: runs.list_runs(tx, "d")).total == 0


def test_a_run_is_not_deleted_while_it_runs_or_a_process_may_be_there(world: World) -> None:
    handout = world.hand_out_one(worker=world.connect().binding)
    assert "is running" in conflict(world, delete)
    cancel(world)
    world.schedule()
    assert world.run_row().state == "failed"
    assert "not known to have ended" in conflict(world, delete)
    world.report(handout.dispatch_id, interrupted())
    delete(world)
