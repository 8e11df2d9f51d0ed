"""What the leader writes about runs: starts, ends before their tasks end, the run before, and what tasks declare."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tradewind.server.contract import (
    DagRunState,
    DagRunType,
    Reason,
    SerializedTask,
    TaskFailed,
    TaskSucceeded,
    TriggerRule,
    WaitingForPast,
    WaitingForUpstream,
)
from tradewind.server.domain import reasons
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import Transaction, dags, runs, scheduling, views
from tradewind.server.store.handouts import Handout

from .world import World, dag, failed, later, started, succeeded, task, task_id_of

DAY = datetime(2026, 1, 1, tzinfo=UTC)
TEARDOWN: dict[str, Any] = {"is_teardown": True, "trigger_rule": TriggerRule.ALL_DONE_SETUP_SUCCESS}
LOOKS_BACK: dict[str, Any] = {"depends_on_past": True}


def begin(world: World, *tasks: SerializedTask, **options: Any) -> dict[str, Handout]:
    """Declare a DAG, run it, and claim what is ready: task to what was handed out."""
    world.declare(dag("d", *tasks, **options))
    world.trigger("d", run_id="r")
    world.schedule()
    return claim(world)


def claim(world: World) -> dict[str, Handout]:
    return {task_id_of(handout): handout for handout in world.claim()}


def skipping(*skips: str) -> TaskSucceeded:
    return TaskSucceeded(started_at=datetime.now(UTC), ended_at=datetime.now(UTC), xcoms=[], skips=list(skips))


def succeed(world: World, handout: Handout, *skips: str) -> None:
    world.report(handout.dispatch_id, skipping(*skips) if skips else succeeded())
    world.schedule()


def fail(world: World, handout: Handout) -> None:
    world.report(handout.dispatch_id, failed())
    world.schedule()


def check_stopped(world: World, handout: Handout) -> None:
    """Whoever has it may not act for it any more."""
    with pytest.raises(Refused, match="has ended"):
        world.report(handout.dispatch_id, started())


def why(world: World, run_id: str, task_id: str = "a") -> Reason:
    def query(tx: Transaction) -> Reason:
        row = runs.get_instance(tx, "d", run_id, task_id)
        return reasons.explain(views.instance_views(tx, [row])[row.pk])

    return world.read(query)


def test_a_run_starts_when_it_is_due_and_not_before(world: World) -> None:
    world.declare(dag("d", task("t")))
    due = world.trigger("d", run_id="r", run_after=datetime.now(UTC) + timedelta(hours=1)).run_after
    world.schedule()
    assert world.run_row().state is DagRunState.QUEUED
    assert world.write(lambda tx: scheduling.dirty_runs(tx, 10)) == []
    assert world.read(scheduling.upcoming) == scheduling.Upcoming(overdue=False, runs_due=False, next=due)
    assert world.write(later(3601, scheduling.upcoming)).runs_due
    assert world.write(later(3601, lambda tx: scheduling.due_dags(tx, DAY))) == ["d"]
    assert world.write(later(3601, lambda tx: scheduling.due_dags(tx, tx.now))) == []
    world.schedule(seconds_from_now=3601)
    assert world.states() == {"t": "scheduled"}


def test_a_run_that_is_due_later_leaves_its_place_to_others(world: World) -> None:
    world.declare(dag("d", task("t"), max_active_runs=1))
    world.trigger("d", run_id="later", run_after=datetime.now(UTC) + timedelta(hours=1))
    world.trigger("d", run_id="now")
    world.schedule()
    assert (world.run_row("later").state, world.run_row("now").state) == (DagRunState.QUEUED, DagRunState.RUNNING)


def test_a_paused_dag_starts_no_run_and_goes_on_with_those_that_run(world: World) -> None:
    handouts = begin(world, task("a"), task("b", "a"))
    world.write(lambda tx: dags.set_paused(tx, "d", paused=True))
    world.trigger("d", run_id="other")
    succeed(world, handouts["a"])
    assert world.states() == {"a": "success", "b": "scheduled"}
    assert world.run_row("other").state is DagRunState.QUEUED


def test_a_run_whose_time_is_over_is_ended_and_its_tries_are_stopped(world: World) -> None:
    session = world.connect().binding
    world.declare(dag("d", task("a"), task("b", "a"), dagrun_timeout_seconds=60.0))
    world.trigger("d", run_id="r")
    world.schedule()
    (handout,) = world.claim(session)
    world.report(handout.dispatch_id, started())
    run = world.run_row()
    assert run.started_at is not None
    assert run.timeout_at == run.started_at + timedelta(seconds=60)
    assert world.read(scheduling.upcoming).next == run.timeout_at
    world.schedule(seconds_from_now=61)
    assert world.states() == {"a": "skipped", "b": "skipped"}
    run = world.run_row()
    assert (run.state, run.timeout_at) == (DagRunState.FAILED, None)
    assert run.end_reason == {"reason": "run_ended", "cause": "timed_out"}
    assert world.instance("b").reason == run.end_reason
    assert world.instance("a").stopping_dispatch_id == handout.dispatch_id
    check_stopped(world, handout)
    ends = [event for event in world.events() if event.to_state in ("skipped", "failed")]
    assert [event.event for event in ends] == ["time_out"] * 3
    assert world.read(scheduling.upcoming).next is None


def test_a_cancelled_run_ends_after_its_teardown(world: World) -> None:
    handouts = begin(
        world, task("up", is_setup=True), task("a", "up"), task("b", "a"), task("down", "up", "b", **TEARDOWN)
    )
    succeed(world, handouts["up"])
    work = claim(world)["a"]
    world.write(lambda tx: runs.cancel_run(tx, "d", "r", user="u"))
    world.schedule()
    assert world.states() == {"up": "success", "a": "failed", "b": "skipped", "down": "scheduled"}
    assert world.run_row().state is DagRunState.RUNNING
    check_stopped(world, work)
    assert world.instance("b").reason == {"reason": "run_ended", "cause": "cancelled"}
    succeed(world, claim(world)["down"])
    assert world.run_row().state is DagRunState.FAILED
    assert world.events()[-1].event == "cancel"
    assert world.events()[-1].from_state == "running"


def test_a_queued_run_is_cancelled_without_a_start(world: World) -> None:
    world.declare(dag("d", task("a"), task("down", "a", **TEARDOWN)))
    world.write(lambda tx: dags.set_paused(tx, "d", paused=True))
    world.trigger("d", run_id="r")
    world.write(lambda tx: runs.cancel_run(tx, "d", "r", user="u"))
    world.schedule()
    assert world.states() == {"a": "skipped", "down": "skipped"}
    run = world.run_row()
    assert (run.state, run.started_at) == (DagRunState.FAILED, None)
    assert world.events()[-1].from_state == "queued"


def test_a_dag_that_fails_fast_stops_what_runs(world: World) -> None:
    handouts = begin(world, task("a"), task("b"), task("c", "b"), fail_fast=True)
    world.report(handouts["b"].dispatch_id, started())
    fail(world, handouts["a"])
    assert world.states() == {"a": "failed", "b": "failed", "c": "skipped"}
    assert world.run_row().state is DagRunState.FAILED
    assert world.run_row().end_reason == {"reason": "run_ended", "cause": "failed_fast", "task_id": "a"}
    check_stopped(world, handouts["b"])


def test_a_cleared_run_starts_anew(world: World) -> None:
    handouts = begin(world, task("a"), task("b"), fail_fast=True, dagrun_timeout_seconds=3600.0)
    fail(world, handouts["a"])
    first = world.run_row()
    clearing = runs.Clearing(dag_id="d", run_id="r", tasks={"b": None})
    world.write(later(10, lambda tx: runs.clear(tx, clearing, user="u")))
    world.schedule(seconds_from_now=20)
    second = world.run_row()
    assert (second.state, second.end_reason) == (DagRunState.RUNNING, None)
    assert first.started_at is not None
    assert second.started_at is not None
    assert second.started_at > first.started_at
    assert second.timeout_at == second.started_at + timedelta(hours=1)
    # The failure of `a` belongs to the life before and does not end this one.
    assert world.states() == {"a": "failed", "b": "scheduled"}


def test_skips_are_kept_with_the_task_that_declared_them_until_it_runs_again(world: World) -> None:
    handouts = begin(world, task("branch"), task("no", "branch"), task("yes", "branch"))
    succeed(world, handouts["branch"], "no")
    assert world.states() == {"branch": "success", "no": "skipped", "yes": "scheduled"}
    assert world.instance("branch").skips == ["no"]
    assert world.instance("no").reason == {"reason": "skipped_by_task", "task_id": "branch"}
    clearing = runs.Clearing(dag_id="d", run_id="r", tasks={"no": None})
    world.write(lambda tx: runs.clear(tx, clearing, user="u"))
    world.schedule()
    assert world.states()["no"] == "skipped"
    clearing = runs.Clearing(dag_id="d", run_id="r", tasks={"branch": None}, downstream=True)
    world.write(lambda tx: runs.clear(tx, clearing, user="u"))
    assert world.instance("branch").skips is None
    world.schedule()
    succeed(world, claim(world)["branch"])
    assert world.states() == {"branch": "success", "no": "scheduled", "yes": "scheduled"}


@pytest.mark.parametrize(
    ("options", "decided", "pauses"),
    [
        ({"retry_delay_seconds": 60.0}, None, [60, 60]),
        ({"retry_delay_seconds": 60.0, "retry_backoff": 3.0}, None, [60, 180]),
        ({"retry_delay_seconds": 60.0, "retry_backoff": 3.0, "max_retry_delay_seconds": 100.0}, None, [60, 100]),
        ({"retry_delay_seconds": 60.0, "retry_backoff": 3.0}, 5.0, [5, 5]),
    ],
)
def test_the_pause_before_a_retry(
    world: World, options: dict[str, Any], decided: float | None, pauses: list[float]
) -> None:
    handout = world.hand_out_one(retries=2, **options)
    for pause in pauses:
        error = failed().error.model_copy(update={"retry_delay_seconds": decided})
        world.report(handout.dispatch_id, TaskFailed(ended_at=datetime.now(UTC), error=error))
        instance = world.instance()
        assert instance.retry_at == instance.changed_at + timedelta(seconds=pause)
        world.schedule(seconds_from_now=pause + 1)
        (handout,) = world.claim()


def two_runs(world: World, *tasks: SerializedTask, dated: bool = True) -> None:
    world.declare(dag("d", *tasks))
    for number in range(2):
        date = DAY + timedelta(days=number) if dated else None
        world.trigger("d", run_id=f"r{number}", logical_date=date)
    world.schedule()


@pytest.mark.parametrize("dated", [True, False])
def test_a_task_waits_for_itself_in_the_run_before(world: World, *, dated: bool) -> None:
    two_runs(world, task("a", **LOOKS_BACK), task("b", "a"), dated=dated)
    assert (world.states("r0"), world.states("r1")) == ({"a": "scheduled", "b": "none"}, {"a": "none", "b": "none"})
    assert world.run_row("r1").held_by_run_pk == world.run_row("r0").pk
    succeed(world, claim(world)["a"])
    assert world.states("r1") == {"a": "scheduled", "b": "none"}
    assert world.run_row("r1").held_by_run_pk is None


@pytest.mark.parametrize("catchup", [True, False])
def test_a_run_by_hand_is_no_run_before_where_the_schedule_makes_up_for_what_it_missed(
    world: World, *, catchup: bool
) -> None:
    world.declare(dag("d", task("a", **LOOKS_BACK), catchup=catchup))
    for number, run_type in enumerate((DagRunType.SCHEDULED, DagRunType.MANUAL, DagRunType.MANUAL)):
        world.trigger("d", run_id=f"r{number}", logical_date=DAY + timedelta(days=number), run_type=run_type)
    world.schedule()
    assert [world.states(f"r{number}")["a"] for number in range(3)] == ["scheduled", "none", "none"]
    before = {"r1": "r0", "r2": "r0" if catchup else "r1"}
    for run_id, held_by in before.items():
        assert world.run_row(run_id).held_by_run_pk == world.run_row(held_by).pk
        assert why(world, run_id) == WaitingForPast(
            run_id=held_by, task_id="a", state=world.instance("a", held_by).state
        )
    succeed(world, claim(world)["a"])
    assert world.states("r2") == {"a": "scheduled" if catchup else "none"}


def test_a_teardown_waits_for_all_that_its_setup_allowed_and_says_so(world: World) -> None:
    tasks = [task("up", is_setup=True), task("a", "up"), task("b", "up"), task("c", "a", "b")]
    handed = begin(world, *tasks, task("down", "up", "c", **TEARDOWN))
    succeed(world, handed["up"])
    handed = claim(world)
    fail(world, handed["a"])
    assert world.states("r") == {
        "up": "success",
        "a": "failed",
        "b": "queued",
        "c": "upstream_failed",
        "down": "none",
    }
    assert why(world, "r", "down") == WaitingForUpstream(upstream=["b"], unfinished=1)
    succeed(world, handed["b"])
    assert world.states("r")["down"] == "scheduled"


def test_a_failed_task_holds_the_next_run_until_somebody_helps(world: World) -> None:
    two_runs(world, task("a", **LOOKS_BACK))
    fail(world, claim(world)["a"])
    assert world.run_row("r0").state is DagRunState.FAILED
    assert world.states("r1") == {"a": "none"}
    clearing = runs.Clearing(dag_id="d", run_id="r0", tasks={"a": None})
    world.write(lambda tx: runs.clear(tx, clearing, user="u"))
    world.schedule()
    assert world.states("r1") == {"a": "none"}
    succeed(world, claim(world)["a"])
    assert world.states("r1") == {"a": "scheduled"}


def test_a_task_that_the_leader_itself_skips_frees_the_next_run(world: World) -> None:
    two_runs(world, task("s"), task("a", "s", depends_on_past=True, trigger_rule=TriggerRule.ALL_SUCCESS))
    first, second = world.claim()
    world.report(second.dispatch_id, succeeded())
    world.schedule()
    assert world.states("r1") == {"s": "success", "a": "none"}
    world.report(first.dispatch_id, skipping("a"))
    world.schedule()
    assert world.states("r0") == {"s": "success", "a": "skipped"}
    assert world.states("r1") == {"s": "success", "a": "scheduled"}


def test_a_dag_is_paused_when_its_last_runs_failed(world: World) -> None:
    world.declare(dag("d", task("t"), max_consecutive_failed_dag_runs=2))

    def run(number: int, *, well: bool) -> bool:
        world.trigger("d", run_id=f"r{number}")
        world.schedule()
        (handout,) = world.claim()
        world.report(handout.dispatch_id, succeeded() if well else failed())
        world.schedule()
        return world.read(lambda tx: dags.get_dag(tx, "d")).paused

    assert [run(number, well=well) for number, well in enumerate((False, True, False))] == [False] * 3
    assert run(3, well=False)
    world.write(lambda tx: dags.set_paused(tx, "d", paused=False))
    assert not run(4, well=True)


def test_a_task_outside_of_its_dates_is_skipped_with_the_reason(world: World) -> None:
    world.declare(dag("d", task("a", start_date=DAY + timedelta(days=1)), task("b")))
    world.trigger("d", run_id="r", logical_date=DAY)
    world.schedule()
    assert world.states() == {"a": "skipped", "b": "scheduled"}
    reason = world.instance("a").reason
    assert reason is not None
    assert reason["reason"] == "outside_of_dates"
