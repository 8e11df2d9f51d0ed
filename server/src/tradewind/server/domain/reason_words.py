"""Reasons as people read them: one sentence for each, which also says what to do where something is to be done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

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


def _pool_slots(reason: WaitingForPoolSlots) -> str:
    if reason.needed > reason.slots:
        return (
            f"Needs {_slots(reason.needed)} of the pool {reason.pool}, which has {reason.slots} in all; "
            "give the pool more slots."
        )
    return (
        f"Needs {_slots(reason.needed)} of the pool {reason.pool}, of whose {_slots(reason.slots)} {reason.used} "
        f"{_is(reason.used)} in use."
    )


def _slots(number: int) -> str:
    return _count(number, "slot")


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _task_instances(reason: WaitingForTaskInstances) -> str:
    where, name = (
        ("in this run", "max_active_tis_per_dagrun")
        if reason.within_run
        else ("in all runs together", "max_active_tis_per_dag")
    )
    return f"As many instances of the task are active {where} as {name} = {reason.limit} allows."


def _past(reason: WaitingForPast) -> str:
    return (
        f"Waits for the run before, {reason.run_id}: its task {reason.task_id} is in {reason.state} and must end in "
        "success or skipped."
    )


def _old_try(reason: WaitingForOldTry) -> str:
    where = f" at worker {reason.worker}" if reason.worker else ""
    until = f"; it counts as ended at {_moment(reason.takeover_at)}" if reason.takeover_at else ""
    return f"An older try{where} was stopped at {_moment(reason.since)} and is not known to have ended{until}."


def _run_ended(reason: RunEnded) -> str:
    because = f": the task {reason.task_id} failed" if reason.task_id else ""
    return f"{_CAUSES[reason.cause]}{because}."


def _marked(reason: Marked) -> str:
    by = f" by {reason.user}" if reason.user else ""
    return f"Set to {reason.state} by hand at {_moment(reason.at)}{by}."


def _moment(value: datetime) -> str:
    return value.isoformat(sep=" ", timespec="seconds")


_CAUSES: Final = {
    RunEndCause.CANCELLED: "Its run was cancelled before it ended",
    RunEndCause.TIMED_OUT: "Its run took longer than dagrun_timeout allows",
    RunEndCause.FAILED_FAST: "Its run ended early, as fail_fast asks for",
}
_MESSAGES: Final[dict[type, Callable[[Any], str]]] = {
    WaitingForRunStart: lambda r: f"The run {r.run_id} has not started yet.",
    WaitingForRunAfter: lambda r: f"The run is due at {_moment(r.until)}.",
    WaitingForRunSlot: lambda r: (
        f"{_count(r.active_runs, 'run')} of the DAG {_is(r.active_runs)} running, as many as max_active_runs = "
        f"{r.max_active_runs} allows."
    ),
    DagPaused: lambda r: f"The DAG {r.dag_id} is paused.",
    WaitingForUpstream: _upstream,
    WaitingForPast: _past,
    WaitingForScheduler: lambda _: "Everything is met; the scheduler has not looked yet.",
    NoWorkerForQueue: lambda r: f"No connected worker serves the queue {r.queue} for {r.kind}.",
    WaitingForCapacity: lambda r: f"Waits for a free place at a worker of the queue {r.queue}.",
    WaitingForPoolSlots: _pool_slots,
    UnknownPool: lambda r: f"There is no pool {r.pool}; create it, or name another one in the task.",
    WaitingForActiveTasks: lambda r: (
        f"{_count(r.active, 'task instance')} of the run {_is(r.active)} active, as many as max_active_tasks = "
        f"{r.max_active_tasks} allows."
    ),
    WaitingForTaskInstances: _task_instances,
    WaitingForOldTry: _old_try,
    HandedOut: _handed_out,
    Running: _running,
    WorkerUnreachable: lambda r: (
        f"Worker {r.worker} is silent since {_moment(r.since)}; the try counts as lost at {_moment(r.takeover_at)}."
    ),
    RetryBackoff: lambda r: f"It failed; try {r.try_number} is due at {_moment(r.until)}.",
    UpstreamNotMet: _not_met,
    SkippedByTask: lambda r: f"The task {r.task_id} decided that it is not needed.",
    OutsideOfDates: lambda r: (
        f"The logical date {_moment(r.logical_date)} is outside of the task's start_date and end_date."
    ),
    RunEnded: _run_ended,
    Marked: _marked,
    Ended: _ended,
}
