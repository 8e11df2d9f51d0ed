"""Each reason of the contract is reached through the real store: nothing waits without a word."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, get_args

import pytest

from tradewind.server.contract import (
    DagPaused,
    Ended,
    HandedOut,
    Marked,
    NoWorkerForQueue,
    OutsideOfDates,
    Reason,
    RetryBackoff,
    RunEndCause,
    RunEnded,
    Running,
    SkippedByTask,
    TaskInstanceState,
    UnknownPool,
    UpstreamNotMet,
    WaitingForActiveTasks,
    WaitingForCapacity,
    WaitingForOldTry,
    WaitingForPast,
    WaitingForPoolSlots,
    WaitingForRunAfter,
    WaitingForRunSlot,
    WaitingForRunStart,
    WaitingForScheduler,
    WaitingForTaskInstances,
    WaitingForUpstream,
    WorkerUnreachable,
)
from tradewind.server.domain import reason_words, reasons
from tradewind.server.store import Transaction, dags, pools, runs, views
from tradewind.server.store.handouts import Handout
from tradewind.server.store.runs.cancel import cancel_run
from tradewind.server.store.runs.clear import Clearing, clear
from tradewind.server.store.runs.mark import Marking, mark_instances

from .world import World, dag, failed, later, started, succeeded, task

DATE = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
FAILED = TaskInstanceState.FAILED


def why(world: World, task_id: str = "t", *, run_id: str = "r", seconds: float = 0) -> Reason:
    def query(tx: Transaction) -> Reason:
        row = runs.get_instance(tx, "d", run_id, task_id)
        return reasons.explain(views.instance_views(tx, [row])[row.pk])

    return world.write(later(seconds, query))


def why_run(world: World, run_id: str = "r") -> Reason | None:
    return world.read(lambda tx: reasons.explain_run(views.run_view(tx, runs.get_run(tx, "d", run_id))))


def handed_out(world: World, **options: object) -> Handout:
    """The task `t` of the run `r`, at the worker that is connected."""
    return world.hand_out_one(world.connect().binding, **options)


def waiting_for_run_start(world: World) -> Reason:
    world.declare(dag("d", task("t")))
    world.trigger(run_id="r")
    assert why(world) == WaitingForRunStart(run_id="r")
    assert isinstance(why_run(world), WaitingForScheduler)
    return why(world)


def waiting_for_run_after(world: World) -> Reason:
    world.declare(dag("d", task("t")))
    run = world.trigger(run_id="r", run_after=datetime(2126, 1, 1, tzinfo=UTC))
    world.schedule()
    assert why(world) == why_run(world) == WaitingForRunAfter(until=run.run_after)
    return why(world)


def waiting_for_run_slot(world: World) -> Reason:
    world.declare(dag("d", task("t"), max_active_runs=1))
    world.trigger(run_id="first")
    world.trigger(run_id="r")
    world.schedule()
    assert why(world) == why_run(world) == WaitingForRunSlot(active_runs=1, max_active_runs=1)
    return why(world)


def dag_paused(world: World) -> Reason:
    world.declare(dag("d", task("t")))
    world.trigger(run_id="scheduled")
    world.schedule()
    world.write(lambda tx: dags.set_paused(tx, "d", True))
    world.trigger(run_id="r")
    world.schedule()
    assert why(world) == why_run(world) == why(world, run_id="scheduled") == DagPaused(dag_id="d")
    return why(world)


def waiting_for_upstream(world: World) -> Reason:
    world.hand_out(task("a"), task("b"), task("t", "a", "b"))
    assert why(world) == WaitingForUpstream(upstream=["a", "b"], unfinished=2)
    return why(world)


def waiting_for_past(world: World) -> Reason:
    world.declare(dag("d", task("t", depends_on_past=True), task("u", "t", wait_for_downstream=True)))
    for number, run_id in enumerate(("before", "r")):
        world.trigger(run_id=run_id, logical_date=DATE + number * DAY)
    world.schedule()
    assert why(world) == WaitingForPast(run_id="before", task_id="t", state=TaskInstanceState.SCHEDULED)
    assert why(world, "u") == WaitingForUpstream(upstream=["t"], unfinished=1)
    (handout,) = world.claim()
    world.report(handout.dispatch_id, failed())
    world.schedule()
    assert why(world) == WaitingForPast(run_id="before", task_id="t", state=FAILED)
    return why(world)


def waiting_for_scheduler(world: World) -> Reason:
    first, *_ = world.hand_out(task("a"), task("t", "a"))
    world.report(first.dispatch_id, succeeded())
    reason = why(world)
    world.schedule()
    assert isinstance(why(world), NoWorkerForQueue)
    return reason


def no_worker_for_queue(world: World) -> Reason:
    world.declare(dag("d", task("t", queue="gpu")))
    world.trigger(run_id="r")
    world.schedule()
    world.connect()
    return why(world)


def scheduled(world: World, **options: object) -> None:
    """The task `t` of the run `r` waits, and a worker is there."""
    world.connect()
    world.declare(dag("d", task("t", **options)))
    world.trigger(run_id="r")
    world.schedule()


def waiting_for_capacity(world: World) -> Reason:
    scheduled(world)
    return why(world)


def unknown_pool(world: World) -> Reason:
    scheduled(world, pool="p")
    assert why(world) == UnknownPool(pool="p")
    return why(world)


def waiting_for_pool_slots(world: World) -> Reason:
    world.write(lambda tx: pools.create_pool(tx, "p", 2))
    scheduled(world, pool="p", pool_slots=2)
    world.claim()
    world.trigger(run_id="s")
    world.schedule()
    assert why(world, run_id="s") == WaitingForPoolSlots(pool="p", slots=2, used=2, needed=2)
    return why(world, run_id="s")


def waiting_for_active_tasks(world: World) -> Reason:
    world.connect()
    world.hand_out(task("a"), task("t"), max_active_tasks=1)
    assert why(world) == WaitingForActiveTasks(active=1, max_active_tasks=1)
    return why(world)


def waiting_for_task_instances(world: World) -> Reason:
    scheduled(world, max_active_tis_per_dag=1)
    world.claim()
    world.trigger(run_id="s")
    world.schedule()
    assert why(world, run_id="s") == WaitingForTaskInstances(active=1, limit=1, within_run=False)
    return why(world, run_id="s")


def waiting_for_old_try(world: World) -> Reason:
    handed_out(world)
    world.write(lambda tx: clear(tx, Clearing(dag_id="d", run_id="r"), user="u"))
    world.schedule()
    reason = why(world)
    assert isinstance(reason, WaitingForOldTry)
    assert (reason.worker, reason.takeover_at is not None) == ("worker", True)
    assert world.claim() == []
    return reason


def handed_out_to_a_worker(world: World) -> Reason:
    handed_out(world)
    return why(world)


def running(world: World) -> Reason:
    world.report(handed_out(world).dispatch_id, started())
    return why(world)


def worker_unreachable(world: World) -> Reason:
    world.report(handed_out(world).dispatch_id, started())
    return why(world, seconds=100)


def retry_backoff(world: World) -> Reason:
    handout = handed_out(world, retries=1, retry_delay_seconds=60.0)
    world.report(handout.dispatch_id, failed())
    return why(world)


def upstream_not_met(world: World) -> Reason:
    first, *_ = world.hand_out(task("a"), task("t", "a"))
    world.report(first.dispatch_id, failed())
    world.schedule()
    reason = why(world)
    assert isinstance(reason, UpstreamNotMet)
    assert reason.upstream == ["a"]
    return reason


def skipped_by_task(world: World) -> Reason:
    first, *_ = world.hand_out(task("a"), task("t", "a"))
    world.report(first.dispatch_id, succeeded().model_copy(update={"skips": ["t"]}))
    world.schedule()
    assert why(world) == SkippedByTask(task_id="a")
    return why(world)


def outside_of_dates(world: World) -> Reason:
    world.declare(dag("d", task("t", start_date=DATE + DAY)))
    world.trigger(run_id="r", logical_date=DATE)
    world.schedule()
    assert why(world) == OutsideOfDates(logical_date=DATE)
    return why(world)


def run_ended(world: World) -> Reason:
    world.hand_out(task("t"), task("u", "t"))
    world.write(lambda tx: cancel_run(tx, "d", "r", user="u"))
    world.schedule()
    assert why(world) == why(world, "u") == why_run(world) == RunEnded(cause=RunEndCause.CANCELLED)
    return why(world)


def marked(world: World) -> Reason:
    handed_out(world)
    marking = Marking(dag_id="d", run_id="r", task_id="t", state=TaskInstanceState.FAILED)
    world.write(lambda tx: mark_instances(tx, marking, user="u"))
    reason = why(world)
    assert isinstance(reason, Marked)
    assert (reason.state, reason.user) == (FAILED, "u")
    return reason


def ended(world: World) -> Reason:
    world.report(handed_out(world).dispatch_id, failed("for good"))
    assert why(world) == Ended(state=FAILED, error="for good")
    return why(world)


SCENES: Final[dict[type, Callable[[World], Reason]]] = {
    DagPaused: dag_paused,
    Ended: ended,
    HandedOut: handed_out_to_a_worker,
    Marked: marked,
    NoWorkerForQueue: no_worker_for_queue,
    OutsideOfDates: outside_of_dates,
    RetryBackoff: retry_backoff,
    RunEnded: run_ended,
    Running: running,
    SkippedByTask: skipped_by_task,
    UnknownPool: unknown_pool,
    UpstreamNotMet: upstream_not_met,
    WaitingForActiveTasks: waiting_for_active_tasks,
    WaitingForCapacity: waiting_for_capacity,
    WaitingForOldTry: waiting_for_old_try,
    WaitingForPast: waiting_for_past,
    WaitingForPoolSlots: waiting_for_pool_slots,
    WaitingForRunAfter: waiting_for_run_after,
    WaitingForRunSlot: waiting_for_run_slot,
    WaitingForRunStart: waiting_for_run_start,
    WaitingForScheduler: waiting_for_scheduler,
    WaitingForTaskInstances: waiting_for_task_instances,
    WaitingForUpstream: waiting_for_upstream,
    WorkerUnreachable: worker_unreachable,
}


@pytest.mark.parametrize("reason", get_args(get_args(Reason)[0]), ids=lambda reason: reason.__name__)
def test_the_store_reaches_every_reason_of_the_contract(world: World, reason: type) -> None:
    """A reason that the contract gets and no scene is written for fails here."""
    reached = SCENES[reason](world)
    assert type(reached) is reason
    assert reason_words.message(reached)
