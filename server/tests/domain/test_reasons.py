from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tradewind.server.contract import (
    ActivityKind,
    DagPaused,
    DagRunState,
    Ended,
    HandedOut,
    NoWorkerForQueue,
    Reason,
    RetryBackoff,
    Running,
    TaskInstanceState,
    TriggerRule,
    UpstreamNotMet,
    WaitingForCapacity,
    WaitingForRunSlot,
    WaitingForRunStart,
    WaitingForScheduler,
    WaitingForUpstream,
    WorkerUnreachable,
)
from tradewind.server.domain.reasons import DispatchView, InstanceView, RunView, explain, explain_run, message

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
RUNNING = RunView("d", "r", DagRunState.RUNNING, paused=False, active_runs=1, max_active_runs=2)
QUEUED = replace(RUNNING, state=DagRunState.QUEUED)
HANDED = DispatchView("worker_session", NOW, worker="w")
TASK = ActivityKind.EXECUTE_TASK
State = TaskInstanceState


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
        (
            InstanceView(RUNNING, State.NONE, unfinished_upstream=["b"], blamed_upstream=["a"], changed_at=NOW),
            WaitingForScheduler(since=NOW),
        ),
        (InstanceView(RUNNING, State.SCHEDULED, queue="gpu"), NoWorkerForQueue(queue="gpu", kind=TASK)),
        (InstanceView(RUNNING, State.SCHEDULED, queue_served=True), WaitingForCapacity(queue="default", kind=TASK)),
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


def test_a_running_run_is_explained_by_its_task_instances() -> None:
    assert explain_run(RUNNING) is None
