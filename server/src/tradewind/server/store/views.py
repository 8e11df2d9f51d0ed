"""What reasons are made of: a task instance or run with everything that may hold it where it is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam as bind
from sqlalchemy import func, select, text

from tradewind.server.contract import (
    TASK_INSTANCE_FINAL,
    ActivityKind,
    DagRunState,
    ProblemReason,
    SerializedDag,
    TaskInstanceState,
    TriggerRule,
)
from tradewind.server.domain.reasons import DispatchView, InstanceView, RunView
from tradewind.server.domain.refusals import Refused
from tradewind.server.store.column_types import UtcDateTime
from tradewind.server.store.dags.catalogue import dag_version
from tradewind.server.store.rows import InstanceRow, RunRow
from tradewind.server.store.statements import within
from tradewind.server.store.tables import dag, dag_run, dispatch, task_instance, worker_session
from tradewind.server.store.transaction import Transaction

_RUNS = (
    select(
        dag_run.c.pk,
        dag_run.c.dag_id,
        dag_run.c.run_id,
        dag_run.c.state,
        dag_run.c.changed_at,
        dag.c.paused,
        dag.c.max_active_runs,
    )
    .select_from(dag_run.join(dag, dag.c.dag_id == dag_run.c.dag_id))
    .where(within(dag_run.c.pk, "runs"))
)
_ACTIVE = (
    select(dag_run.c.dag_id, func.count().label("number"))
    .where(within(dag_run.c.dag_id, "dag_ids"), dag_run.c.state == text("'running'"))
    .group_by(dag_run.c.dag_id)
)
_STATES = select(task_instance.c.task_id, task_instance.c.state).where(
    task_instance.c.run_pk == bind("run"), within(task_instance.c.task_id, "task_ids")
)
_DISPATCHES = (
    select(
        dispatch.c.instance_pk,
        dispatch.c.executor,
        dispatch.c.worker,
        dispatch.c.claimed_at,
        dispatch.c.started_at,
        dispatch.c.takeover_after_seconds,
        worker_session.c.lease_until,
    )
    .select_from(dispatch.outerjoin(worker_session, worker_session.c.session_id == dispatch.c.session_id))
    .where(within(dispatch.c.dispatch_id, "dispatches"), dispatch.c.ended_at.is_(None))
)
_OFFERS = select(worker_session.c.queues, worker_session.c.capacity).where(
    text("worker_session.closed_at IS NULL"),
    worker_session.c.connected,
    worker_session.c.lease_until > bind("now", type_=UtcDateTime()),
)


def run_view(tx: Transaction, run: RunRow) -> RunView:
    """A run as its reason needs it."""
    return _run_views(tx, [run.pk])[run.pk]


def instance_views(
    tx: Transaction, instances: Sequence[InstanceRow], *, brokers: Collection[str] = ()
) -> dict[int, InstanceView]:
    """Task instances as their reasons need them, by key.

    Args:
        tx: a transaction.
        instances: rows to explain, of one run or several.
        brokers: executors that hand out without a connected worker.
    """
    runs = _run_views(tx, {row.run_pk for row in instances})
    dispatches = _dispatch_views(tx, instances)
    upstream = _upstream(tx, instances)
    served = _served_queues(tx)
    views: dict[int, InstanceView] = {}
    for row in instances:
        states = upstream.get(row.pk, {})
        error = row.error or {}
        views[row.pk] = InstanceView(
            run=runs[row.run_pk],
            state=row.state,
            unfinished_upstream=[task for task, state in states.items() if state not in TASK_INSTANCE_FINAL],
            blamed_upstream=_blamed(row, states),
            trigger_rule=_trigger_rule(dag_version(tx, row.dag_version_pk), row.task_id),
            queue=row.queue,
            kind=ActivityKind.EXECUTE_TASK,
            queue_served=row.executor in brokers or row.queue in served,
            dispatch=dispatches.get(row.pk),
            retry_at=row.retry_at,
            try_number=row.try_number,
            error=error.get("message"),
            changed_at=row.changed_at,
        )
    return views


def _run_views(tx: Transaction, pks: Collection[int]) -> dict[int, RunView]:
    rows = tx.rows(_RUNS, {"runs": sorted(pks)})
    counts = {row.dag_id: row.number for row in tx.rows(_ACTIVE, {"dag_ids": sorted({row.dag_id for row in rows})})}
    views = {
        row.pk: RunView(
            dag_id=row.dag_id,
            run_id=row.run_id,
            state=DagRunState(row.state),
            paused=row.paused,
            active_runs=counts.get(row.dag_id, 0),
            max_active_runs=row.max_active_runs,
            changed_at=row.changed_at,
        )
        for row in rows
    }
    if len(views) != len(set(pks)):
        raise Refused(ProblemReason.NOT_FOUND, "a run is gone", field="dag_run_id")
    return views


def _dispatch_views(tx: Transaction, instances: Sequence[InstanceRow]) -> dict[int, DispatchView]:
    by_dispatch = [row.dispatch_id for row in instances if row.dispatch_id is not None]
    if not by_dispatch:
        return {}
    processes = {row.pk: row for row in instances}
    return {
        row.instance_pk: _dispatch_view(tx, row, processes[row.instance_pk])
        for row in tx.rows(_DISPATCHES, {"dispatches": by_dispatch})
    }


def _dispatch_view(tx: Transaction, row: Any, instance: InstanceRow) -> DispatchView:
    silent_since: datetime | None = None
    start_deadline: datetime | None = None
    takeover_at: datetime | None = None
    if row.lease_until is None:
        start_deadline = row.claimed_at + timedelta(seconds=tx.options.handout_timeout_seconds)
    elif row.lease_until < tx.now:
        silent_since = row.lease_until
        takeover_at = row.lease_until + timedelta(seconds=row.takeover_after_seconds)
    return DispatchView(
        executor=row.executor,
        handed_out_at=row.claimed_at,
        worker=row.worker,
        start_deadline=start_deadline,
        started_at=row.started_at,
        hostname=instance.hostname,
        pid=instance.pid,
        silent_since=silent_since,
        takeover_at=takeover_at,
    )


def _upstream(tx: Transaction, instances: Sequence[InstanceRow]) -> dict[int, Mapping[str, TaskInstanceState]]:
    """States of the upstream tasks, of those instances whose reason may lie there."""
    waiting = [row for row in instances if _may_blame_upstream(row)]
    wanted: dict[int, set[str]] = {}
    for row in waiting:
        wanted.setdefault(row.run_pk, set()).update(_upstream_ids(tx, row))
    states: dict[tuple[int, str], TaskInstanceState] = {}
    for run_pk, task_ids in wanted.items():
        rows = tx.rows(_STATES, {"run": run_pk, "task_ids": sorted(task_ids)})
        states |= {(run_pk, row.task_id): TaskInstanceState(row.state) for row in rows}
    return {
        row.pk: {
            task_id: states[row.run_pk, task_id]
            for task_id in _upstream_ids(tx, row)
            if (row.run_pk, task_id) in states
        }
        for row in waiting
    }


def _may_blame_upstream(row: InstanceRow) -> bool:
    never_ran = row.state is TaskInstanceState.SKIPPED and row.try_number == 0
    return row.state in {TaskInstanceState.NONE, TaskInstanceState.UPSTREAM_FAILED} or never_ran


def _blamed(row: InstanceRow, states: Mapping[str, TaskInstanceState]) -> list[str]:
    """The upstream tasks that the decision named, or those that are in the way now."""
    if row.reason is not None and "upstream" in row.reason:
        return list(row.reason["upstream"])
    bad = TASK_INSTANCE_FINAL - {TaskInstanceState.SUCCESS}
    return [task_id for task_id, state in states.items() if state in bad]


def _upstream_ids(tx: Transaction, row: InstanceRow) -> Sequence[str]:
    found = dag_version(tx, row.dag_version_pk)
    return next((task.upstream for task in found.tasks if task.task_id == row.task_id), ())


def _trigger_rule(found: SerializedDag, task_id: str) -> TriggerRule:
    return next((task.trigger_rule for task in found.tasks if task.task_id == task_id), TriggerRule.ALL_SUCCESS)


def _served_queues(tx: Transaction) -> set[str]:
    """Queues that a connected worker takes tasks from, even if it is busy now."""
    return {queue for row in tx.rows(_OFFERS, {"now": tx.now}) for queue in row.queues}
