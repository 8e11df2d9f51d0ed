"""Why a task instance or a run is where it is: one reason of the contract, and one sentence for people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tradewind.server.contract import (
    TASK_INSTANCE_FINAL,
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

MOST_NAMED = 20
"""As many upstream tasks as a reason names at most."""


@dataclass(frozen=True, slots=True)
class DispatchView:
    """The live dispatch of a task instance.

    Attributes:
        executor: executor that handed it out.
        handed_out_at: when.
        worker: worker that has it, once known.
        start_deadline: when it counts as lost if nobody started it; None while its worker answers for it.
        started_at: when user code started; None before that.
        hostname: host of the try.
        pid: process of the try on that host.
        silent_since: end of its worker's lease, when that has passed.
        takeover_at: when it counts as lost because of that silence.
    """

    executor: str
    handed_out_at: datetime
    worker: str | None = None
    start_deadline: datetime | None = None
    started_at: datetime | None = None
    hostname: str | None = None
    pid: int | None = None
    silent_since: datetime | None = None
    takeover_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RunView:
    """A run as far as reasons need it.

    Attributes:
        active_runs: running runs of its DAG.
        changed_at: when its row last changed.
    """

    dag_id: str
    run_id: str
    state: DagRunState
    paused: bool
    active_runs: int
    max_active_runs: int
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class InstanceView:
    """A task instance as far as reasons need it.

    Attributes:
        run: its run.
        unfinished_upstream: upstream tasks that have not ended.
        blamed_upstream: upstream tasks that failed or were skipped.
        queue_served: whether a connected worker or a broker takes this queue and kind.
        dispatch: its live dispatch, in `queued` and `running`.
        retry_at: when the next try is due, in `up_for_retry`.
        try_number: number of the last try, 0 before the first.
        error: message of the last error.
        changed_at: when its row last changed.
    """

    run: RunView
    state: TaskInstanceState
    unfinished_upstream: Sequence[str] = ()
    blamed_upstream: Sequence[str] = ()
    trigger_rule: TriggerRule = TriggerRule.ALL_SUCCESS
    queue: str = "default"
    kind: ActivityKind = ActivityKind.EXECUTE_TASK
    queue_served: bool = False
    dispatch: DispatchView | None = None
    retry_at: datetime | None = None
    try_number: int = 0
    error: str | None = None
    changed_at: datetime | None = None


def explain_run(view: RunView) -> Reason | None:
    """Why a queued run has not started; None for any other state, which its task instances explain."""
    if view.state is not DagRunState.QUEUED:
        return None
    if view.paused:
        return DagPaused(dag_id=view.dag_id)
    if view.active_runs >= view.max_active_runs:
        return WaitingForRunSlot(active_runs=view.active_runs, max_active_runs=view.max_active_runs)
    return WaitingForScheduler(since=view.changed_at)


def explain(view: InstanceView) -> Reason:
    """Why a task instance is where it is: what it waits for, or how it ended."""
    if view.state in TASK_INSTANCE_FINAL:
        return _explain_end(view)
    if view.state is TaskInstanceState.NONE:
        return _explain_waiting(view)
    if view.state is TaskInstanceState.SCHEDULED:
        if view.queue_served:
            return WaitingForCapacity(queue=view.queue, kind=view.kind)
        return NoWorkerForQueue(queue=view.queue, kind=view.kind)
    if view.state is TaskInstanceState.UP_FOR_RETRY and view.retry_at is not None:
        return RetryBackoff(until=view.retry_at, try_number=view.try_number + 1)
    if view.dispatch is not None:
        return _explain_dispatch(view.dispatch)
    return WaitingForScheduler(since=view.changed_at)


def _explain_end(view: InstanceView) -> Reason:
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
    if view.unfinished_upstream and not view.blamed_upstream:
        named = sorted(view.unfinished_upstream)
        return WaitingForUpstream(upstream=named[:MOST_NAMED], unfinished=len(named))
    return WaitingForScheduler(since=view.changed_at)


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


def message(reason: Reason) -> str:
    """The reason in one sentence."""
    return _MESSAGES[type(reason)](reason)


def _upstream(reason: WaitingForUpstream) -> str:
    if reason.unfinished == 1:
        return f"Waits for the upstream task {reason.upstream[0]}."
    unnamed = reason.unfinished - len(reason.upstream)
    more = f" and {unnamed} more" if unnamed else ""
    return f"Waits for {reason.unfinished} upstream tasks: {', '.join(reason.upstream)}{more}."


def _handed_out(reason: HandedOut) -> str:
    to = f"worker {reason.worker}" if reason.worker else f"executor {reason.executor}"
    until = f"; it counts as lost at {_moment(reason.deadline)}" if reason.deadline else ""
    return f"Handed to {to} at {_moment(reason.since)}, which has not reported a start{until}."


def _running(reason: Running) -> str:
    process = f", process {reason.pid}" if reason.pid else ""
    host = f" on {reason.hostname}{process}" if reason.hostname else ""
    return f"Runs at worker {reason.worker}{host} since {_moment(reason.since)}."


def _not_met(reason: UpstreamNotMet) -> str:
    blamed = ", ".join(reason.upstream) or "an upstream task"
    return f"Will not run: the trigger rule {reason.trigger_rule} is not met because of {blamed}."


def _ended(reason: Ended) -> str:
    return f"Ended in {reason.state}: {reason.error}" if reason.error else f"Ended in {reason.state}."


def _moment(value: datetime) -> str:
    return value.isoformat(sep=" ", timespec="seconds")


_MESSAGES: Final[dict[type, Callable[[Any], str]]] = {
    WaitingForRunStart: lambda r: f"The run {r.run_id} has not started yet.",
    WaitingForRunSlot: lambda r: (
        f"{r.active_runs} runs of the DAG are running, as many as max_active_runs = {r.max_active_runs} allows."
    ),
    DagPaused: lambda r: f"The DAG {r.dag_id} is paused.",
    WaitingForUpstream: _upstream,
    WaitingForScheduler: lambda _: "Everything is met; the scheduler has not looked yet.",
    NoWorkerForQueue: lambda r: f"No connected worker serves the queue {r.queue} for {r.kind}.",
    WaitingForCapacity: lambda r: f"Waits for a free place at a worker of the queue {r.queue}.",
    HandedOut: _handed_out,
    Running: _running,
    WorkerUnreachable: lambda r: (
        f"Worker {r.worker} is silent since {_moment(r.since)}; the try counts as lost at {_moment(r.takeover_at)}."
    ),
    RetryBackoff: lambda r: f"It failed; try {r.try_number} is due at {_moment(r.until)}.",
    UpstreamNotMet: _not_met,
    Ended: _ended,
}
