"""What reasons are drawn from: runs and task instances with everything that may hold them where they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tradewind.server.contract import ActivityKind, DagRunState, Reason, TaskInstanceState, TriggerRule


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
class OldTryView:
    """A dispatch that was stopped and may still have a process.

    Attributes:
        stopped_at: when its authority ended.
        worker: worker that has it.
        takeover_at: when it counts as ended without further sign.
    """

    stopped_at: datetime
    worker: str | None = None
    takeover_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PastView:
    """The run before, when it holds a task instance back.

    Attributes:
        run_id: the run before.
        task_id: the task there that is in the way.
        state: its state.
    """

    run_id: str
    task_id: str
    state: TaskInstanceState


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsView:
    """Limits of a task instance and what is in use of them.

    Attributes:
        needed: slots of the pool that it needs.
        slots: slots of the pool, -1 for any number; None when there is no such pool.
        used: slots of the pool in use.
        active_tasks: active task instances of its run.
        max_active_tasks: as many as its DAG allows there.
        active_in_dag: active instances of its task in all runs.
        max_active_tis_per_dag: as many as the task allows.
        active_in_run: active instances of its task in its run.
        max_active_tis_per_dagrun: as many as the task allows there.
    """

    pool: str = "default_pool"
    needed: int = 1
    slots: int | None = -1
    used: int = 0
    active_tasks: int = 0
    max_active_tasks: int = 16
    active_in_dag: int = 0
    max_active_tis_per_dag: int | None = None
    active_in_run: int = 0
    max_active_tis_per_dagrun: int | None = None


@dataclass(frozen=True, slots=True)
class RunView:
    """A run as far as reasons need it.

    Attributes:
        active_runs: running runs of its DAG.
        changed_at: when its row last changed.
        not_due_before: moment from which it may start, while that is to come.
        end: why it ended, or has to end, before its tasks do.
    """

    dag_id: str
    run_id: str
    state: DagRunState
    paused: bool
    active_runs: int
    max_active_runs: int
    changed_at: datetime | None = None
    not_due_before: datetime | None = None
    end: Reason | None = None


@dataclass(frozen=True, slots=True)
class InstanceView:
    """A task instance as far as reasons need it.

    Attributes:
        run: its run.
        stored: the reason that was recorded when it came into its state.
        unfinished_upstream: in `none`, upstream tasks whose end it waits for; empty when they decide nothing any more.
        past: in `none`, the run before, when that alone holds it back.
        blamed_upstream: upstream tasks because of which it did not run, where no reason was recorded.
        queue_served: whether a connected worker or a broker takes this queue and kind.
        old_try: in `scheduled`, a try that was stopped and may still be there.
        limits: in `scheduled`, the limits that it has to fit in.
        dispatch: its live dispatch, in `queued` and `running`.
        retry_at: when the next try is due, in `up_for_retry`.
        try_number: number of the last try, 0 before the first.
        error: message of the last error.
        changed_at: when its row last changed.
    """

    run: RunView
    state: TaskInstanceState
    stored: Reason | None = None
    unfinished_upstream: Sequence[str] = ()
    past: PastView | None = None
    blamed_upstream: Sequence[str] = ()
    trigger_rule: TriggerRule = TriggerRule.ALL_SUCCESS
    queue: str = "default"
    kind: ActivityKind = ActivityKind.EXECUTE_TASK
    queue_served: bool = False
    old_try: OldTryView | None = None
    limits: LimitsView = LimitsView()
    dispatch: DispatchView | None = None
    retry_at: datetime | None = None
    try_number: int = 0
    error: str | None = None
    changed_at: datetime | None = None
