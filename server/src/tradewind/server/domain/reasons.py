"""Why a task instance or a run is where it is: one reason of the contract."""

from __future__ import annotations

from typing import Final

from tradewind.server.contract import (
    DAG_RUN_FINAL,
    TASK_INSTANCE_FINAL,
    DagPaused,
    DagRunState,
    Ended,
    HandedOut,
    NoWorkerForQueue,
    Reason,
    RetryBackoff,
    Running,
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
from tradewind.server.domain.claim_order import UNLIMITED
from tradewind.server.domain.reason_views import DispatchView, InstanceView, LimitsView, RunView

MOST_NAMED: Final = 20
"""As many upstream tasks as a reason names at most."""


def explain_run(view: RunView) -> Reason | None:
    """Why a queued run has not started, or why a run ended early; None where its task instances tell."""
    if view.state in DAG_RUN_FINAL:
        return view.end
    if view.state is not DagRunState.QUEUED:
        return None
    if view.paused:
        return DagPaused(dag_id=view.dag_id)
    if view.not_due_before is not None:
        return WaitingForRunAfter(until=view.not_due_before)
    if view.active_runs >= view.max_active_runs:
        return WaitingForRunSlot(active_runs=view.active_runs, max_active_runs=view.max_active_runs)
    return WaitingForScheduler(since=view.changed_at)


def explain(view: InstanceView) -> Reason:
    """Why a task instance is where it is: what it waits for, or how it ended."""
    if view.state in TASK_INSTANCE_FINAL:
        return _explain_end(view)
    if view.run.state in DAG_RUN_FINAL and view.dispatch is None:
        return view.run.end or Ended(state=view.state, error=view.error)
    if view.state is TaskInstanceState.NONE:
        return _explain_waiting(view)
    if view.state is TaskInstanceState.SCHEDULED:
        return _explain_scheduled(view)
    if view.state is TaskInstanceState.UP_FOR_RETRY and view.retry_at is not None:
        return RetryBackoff(until=view.retry_at, try_number=view.try_number + 1)
    if view.dispatch is not None:
        return _explain_dispatch(view.dispatch)
    return WaitingForScheduler(since=view.changed_at)


def _explain_end(view: InstanceView) -> Reason:
    if view.stored is not None:
        return view.stored
    by_upstream = view.state is TaskInstanceState.UPSTREAM_FAILED or (
        view.state is TaskInstanceState.SKIPPED and view.try_number == 0
    )
    if by_upstream:
        return UpstreamNotMet(upstream=sorted(view.blamed_upstream)[:MOST_NAMED], trigger_rule=view.trigger_rule)
    return Ended(state=view.state, error=view.error)


def _explain_waiting(view: InstanceView) -> Reason:
    if view.run.state is DagRunState.QUEUED:
        why = explain_run(view.run)
        return (
            WaitingForRunStart(run_id=view.run.run_id) if isinstance(why, WaitingForScheduler) or why is None else why
        )
    if view.past is not None:
        return WaitingForPast(run_id=view.past.run_id, task_id=view.past.task_id, state=view.past.state)
    if view.unfinished_upstream:
        named = sorted(view.unfinished_upstream)
        return WaitingForUpstream(upstream=named[:MOST_NAMED], unfinished=len(named))
    return WaitingForScheduler(since=view.changed_at)


def _explain_scheduled(view: InstanceView) -> Reason:
    """What lasts comes before what passes by itself: nobody has to do anything about a limit."""
    if view.run.paused:
        return DagPaused(dag_id=view.run.dag_id)
    if view.limits.slots is None:
        return UnknownPool(pool=view.limits.pool)
    if view.old_try is not None:
        old = view.old_try
        return WaitingForOldTry(worker=old.worker, since=old.stopped_at, takeover_at=old.takeover_at)
    if not view.queue_served:
        return NoWorkerForQueue(queue=view.queue, kind=view.kind)
    return _explain_limits(view.limits, view.limits.slots) or WaitingForCapacity(queue=view.queue, kind=view.kind)


def _explain_limits(limits: LimitsView, slots: int) -> Reason | None:
    """The limit that is reached, the narrower one first."""
    of_run, of_dag = limits.max_active_tis_per_dagrun, limits.max_active_tis_per_dag
    if of_run is not None and limits.active_in_run >= of_run:
        return WaitingForTaskInstances(active=limits.active_in_run, limit=of_run, within_run=True)
    if of_dag is not None and limits.active_in_dag >= of_dag:
        return WaitingForTaskInstances(active=limits.active_in_dag, limit=of_dag, within_run=False)
    if limits.active_tasks >= limits.max_active_tasks:
        return WaitingForActiveTasks(active=limits.active_tasks, max_active_tasks=limits.max_active_tasks)
    if slots != UNLIMITED and slots - limits.used < limits.needed:
        return WaitingForPoolSlots(pool=limits.pool, slots=slots, used=limits.used, needed=limits.needed)
    return None


def _explain_dispatch(dispatch: DispatchView) -> Reason:
    if dispatch.silent_since is not None and dispatch.worker is not None and dispatch.takeover_at is not None:
        return WorkerUnreachable(worker=dispatch.worker, since=dispatch.silent_since, takeover_at=dispatch.takeover_at)
    if dispatch.started_at is not None and dispatch.worker is not None:
        return Running(worker=dispatch.worker, hostname=dispatch.hostname, pid=dispatch.pid, since=dispatch.started_at)
    return HandedOut(
        executor=dispatch.executor,
        worker=dispatch.worker,
        since=dispatch.handed_out_at,
        deadline=dispatch.start_deadline,
    )
