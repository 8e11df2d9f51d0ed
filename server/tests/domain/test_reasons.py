"""Each reason from what it is drawn from, and its sentence."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from tradewind.server.contract import (
    ActivityKind,
    DagPaused,
    DagRunState,
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
    TriggerRule,
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
from tradewind.server.domain.reason_views import (
    DispatchView,
    InstanceView,
    LimitsView,
    OldTryView,
    PastView,
    RunView,
)
from tradewind.server.domain.reason_words import message
from tradewind.server.domain.reasons import explain, explain_run

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
RUNNING = RunView("d", "r", DagRunState.RUNNING, paused=False, active_runs=1, max_active_runs=2)
QUEUED = replace(RUNNING, state=DagRunState.QUEUED)
HANDED = DispatchView("worker_session", NOW, worker="w")
TASK = ActivityKind.EXECUTE_TASK
State = TaskInstanceState
CANCELLED = RunEnded(cause=RunEndCause.CANCELLED)
FAILED = replace(RUNNING, state=DagRunState.FAILED, end=CANCELLED)
SKIPPED = SkippedByTask(task_id="branch")
MARKED = Marked(state=State.SUCCESS, user="u", at=NOW)
SERVED = InstanceView(RUNNING, State.SCHEDULED, queue_served=True)


@pytest.mark.parametrize(
    ("view", "reason"),
    [
        (InstanceView(QUEUED, State.NONE), WaitingForRunStart(run_id="r")),
        (InstanceView(replace(QUEUED, paused=True), State.NONE), DagPaused(dag_id="d")),
        (
            InstanceView(replace(QUEUED, active_runs=2), State.NONE),
            WaitingForRunSlot(active_runs=2, max_active_runs=2),
        ),
        (
            InstanceView(RUNNING, State.NONE, unfinished_upstream=["b", "a"]),
            WaitingForUpstream(upstream=["a", "b"], unfinished=2),
        ),
        (InstanceView(RUNNING, State.NONE, changed_at=NOW), WaitingForScheduler(since=NOW)),
        (InstanceView(replace(QUEUED, not_due_before=LATER), State.NONE), WaitingForRunAfter(until=LATER)),
        (
            InstanceView(RUNNING, State.NONE, past=PastView("before", "t", State.FAILED), unfinished_upstream=["a"]),
            WaitingForPast(run_id="before", task_id="t", state=State.FAILED),
        ),
        (InstanceView(FAILED, State.NONE), CANCELLED),
        (InstanceView(replace(FAILED, end=None), State.SCHEDULED), Ended(state=State.SCHEDULED)),
        (InstanceView(RUNNING, State.SCHEDULED, queue="gpu"), NoWorkerForQueue(queue="gpu", kind=TASK)),
        (SERVED, WaitingForCapacity(queue="default", kind=TASK)),
        (InstanceView(replace(RUNNING, paused=True), State.SCHEDULED), DagPaused(dag_id="d")),
        (replace(SERVED, limits=LimitsView(pool="p", slots=None)), UnknownPool(pool="p")),
        (replace(SERVED, old_try=OldTryView(NOW)), WaitingForOldTry(since=NOW)),
        (
            replace(SERVED, old_try=OldTryView(NOW, "w", LATER)),
            WaitingForOldTry(since=NOW, worker="w", takeover_at=LATER),
        ),
        (
            replace(SERVED, limits=LimitsView(pool="p", slots=4, used=3, needed=2)),
            WaitingForPoolSlots(pool="p", slots=4, used=3, needed=2),
        ),
        (replace(SERVED, limits=LimitsView(slots=4, used=2, needed=2)), WaitingForCapacity(queue="default", kind=TASK)),
        (
            replace(SERVED, limits=LimitsView(active_tasks=3, max_active_tasks=3, slots=0)),
            WaitingForActiveTasks(active=3, max_active_tasks=3),
        ),
        (
            replace(SERVED, limits=LimitsView(active_in_dag=2, max_active_tis_per_dag=2, active_tasks=99)),
            WaitingForTaskInstances(active=2, limit=2, within_run=False),
        ),
        (
            replace(SERVED, limits=LimitsView(active_in_run=1, max_active_tis_per_dagrun=1)),
            WaitingForTaskInstances(active=1, limit=1, within_run=True),
        ),
        (
            InstanceView(RUNNING, State.QUEUED, dispatch=HANDED),
            HandedOut(executor="worker_session", worker="w", since=NOW),
        ),
        (
            InstanceView(RUNNING, State.QUEUED, dispatch=DispatchView("slurm", NOW, start_deadline=LATER)),
            HandedOut(executor="slurm", since=NOW, deadline=LATER),
        ),
        (
            InstanceView(RUNNING, State.RUNNING, dispatch=replace(HANDED, started_at=NOW, hostname="h", pid=7)),
            Running(worker="w", hostname="h", pid=7, since=NOW),
        ),
        (
            InstanceView(
                RUNNING,
                State.RUNNING,
                dispatch=replace(HANDED, started_at=NOW, silent_since=NOW, takeover_at=LATER),
            ),
            WorkerUnreachable(worker="w", since=NOW, takeover_at=LATER),
        ),
        (
            InstanceView(RUNNING, State.UP_FOR_RETRY, retry_at=LATER, try_number=1),
            RetryBackoff(until=LATER, try_number=2),
        ),
        (
            InstanceView(RUNNING, State.UPSTREAM_FAILED, blamed_upstream=["b", "a"]),
            UpstreamNotMet(upstream=["a", "b"], trigger_rule=TriggerRule.ALL_SUCCESS),
        ),
        (
            InstanceView(RUNNING, State.SKIPPED, blamed_upstream=["a"]),
            UpstreamNotMet(upstream=["a"], trigger_rule=TriggerRule.ALL_SUCCESS),
        ),
        (InstanceView(RUNNING, State.SKIPPED, try_number=1), Ended(state=State.SKIPPED)),
        (InstanceView(RUNNING, State.SKIPPED, stored=SKIPPED), SKIPPED),
        (InstanceView(RUNNING, State.SUCCESS, try_number=1, stored=MARKED, error="no"), MARKED),
        (InstanceView(RUNNING, State.FAILED, try_number=1, error="no"), Ended(state=State.FAILED, error="no")),
        (InstanceView(RUNNING, State.SUCCESS, try_number=1), Ended(state=State.SUCCESS)),
    ],
)
def test_an_instance_is_explained(view: InstanceView, reason: Reason) -> None:
    assert explain(view) == reason
    assert message(reason).endswith(".") or isinstance(reason, Ended)


@pytest.mark.parametrize("state", list(TaskInstanceState))
def test_every_state_has_a_reason_however_little_is_known(state: TaskInstanceState) -> None:
    assert message(explain(InstanceView(RUNNING, state)))


def test_many_upstream_tasks_are_counted_not_listed() -> None:
    reason = explain(InstanceView(RUNNING, State.NONE, unfinished_upstream=[f"t{number:02}" for number in range(33)]))
    assert isinstance(reason, WaitingForUpstream)
    assert len(reason.upstream) == 20
    assert message(reason).endswith("t19 and 13 more.")


def test_a_queued_run_that_may_start_waits_for_the_scheduler() -> None:
    assert explain_run(QUEUED) == WaitingForScheduler()


def test_a_run_that_is_not_due_says_when_it_is() -> None:
    assert explain_run(replace(QUEUED, not_due_before=LATER, active_runs=9)) == WaitingForRunAfter(until=LATER)


def test_a_run_that_ended_early_says_why() -> None:
    assert explain_run(FAILED) == CANCELLED
    assert explain_run(replace(FAILED, end=None)) is None


def test_a_running_run_is_explained_by_its_task_instances() -> None:
    assert explain_run(RUNNING) is None
    assert explain_run(replace(RUNNING, end=CANCELLED)) is None


EACH: dict[type, Reason] = {
    type(reason): reason
    for reason in (
        WaitingForRunStart(run_id="r"),
        WaitingForRunAfter(until=NOW),
        WaitingForRunSlot(active_runs=1, max_active_runs=1),
        DagPaused(dag_id="d"),
        WaitingForUpstream(upstream=["a"], unfinished=1),
        WaitingForPast(run_id="r", task_id="t", state=State.FAILED),
        WaitingForScheduler(),
        NoWorkerForQueue(queue="q", kind=TASK),
        WaitingForCapacity(queue="q", kind=TASK),
        WaitingForPoolSlots(pool="p", slots=2, used=1, needed=3),
        UnknownPool(pool="p"),
        WaitingForActiveTasks(active=2, max_active_tasks=2),
        WaitingForTaskInstances(active=2, limit=2, within_run=True),
        WaitingForOldTry(since=NOW),
        HandedOut(executor="e", since=NOW),
        Running(worker="w", since=NOW),
        WorkerUnreachable(worker="w", since=NOW, takeover_at=LATER),
        RetryBackoff(until=NOW, try_number=2),
        UpstreamNotMet(upstream=["a"], trigger_rule=TriggerRule.ONE_SUCCESS),
        SKIPPED,
        OutsideOfDates(logical_date=NOW),
        RunEnded(cause=RunEndCause.FAILED_FAST, task_id="t"),
        MARKED,
        Ended(state=State.SUCCESS),
    )
}


@pytest.mark.parametrize("reason", get_args(get_args(Reason)[0]))
def test_every_reason_of_the_contract_is_one_sentence(reason: type) -> None:
    text = message(EACH[reason])
    assert not text[0].islower()
    assert text.endswith(".")
    assert "\n" not in text


@pytest.mark.parametrize("cause", list(RunEndCause))
def test_every_cause_of_an_early_end_has_its_words(cause: RunEndCause) -> None:
    assert message(RunEnded(cause=cause)).endswith(".")


@pytest.mark.parametrize(
    ("number", "run_slot", "tasks"),
    [
        (1, "1 run of the DAG is running", "1 task instance of the run is active"),
        (2, "2 runs of the DAG are running", "2 task instances of the run are active"),
    ],
)
def test_one_is_counted_as_one(number: int, run_slot: str, tasks: str) -> None:
    assert run_slot in message(WaitingForRunSlot(active_runs=number, max_active_runs=number))
    assert tasks in message(WaitingForActiveTasks(active=number, max_active_tasks=number))


def test_a_pool_that_can_never_do_says_what_to_change() -> None:
    assert "more slots" in message(WaitingForPoolSlots(pool="p", slots=2, used=0, needed=3))
    assert message(WaitingForPoolSlots(pool="p", slots=4, used=3, needed=2)) == (
        "Needs 2 slots of the pool p, of whose 4 slots 3 are in use."
    )
