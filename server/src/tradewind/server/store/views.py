"""What reasons are made of: a task instance or run with everything that may hold it where it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import bindparam as bind
from sqlalchemy import func, select, text

from tradewind.server.contract import (
    TASK_INSTANCE_FINAL,
    ActivityKind,
    DagRunState,
    ProblemReason,
    Reason,
    TaskInstanceState,
    TriggerRule,
    from_plain,
)
from tradewind.server.domain.reason_views import DispatchView, InstanceView, LimitsView, OldTryView, RunView
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import limits
from tradewind.server.store.column_types import UtcDateTime
from tradewind.server.store.rows import InstanceRow, RunRow
from tradewind.server.store.statements import within
from tradewind.server.store.tables import dag, dag_run, dispatch, worker_session
from tradewind.server.store.transaction import Transaction
from tradewind.server.store.waiting import Waiting, graph_of, waiting_for

K = TypeVar("K", bound=Hashable)

_RUNS = (
    select(
        dag_run.c.pk,
        dag_run.c.dag_id,
        dag_run.c.run_id,
        dag_run.c.state,
        dag_run.c.run_after,
        dag_run.c.end_reason,
        dag_run.c.changed_at,
        dag.c.paused,
        dag.c.max_active_runs,
        dag.c.max_active_tasks,
    )
    .select_from(dag_run.join(dag, dag.c.dag_id == dag_run.c.dag_id))
    .where(within(dag_run.c.pk, "runs"))
)
_ACTIVE = (
    select(dag_run.c.dag_id, func.count().label("number"))
    .where(within(dag_run.c.dag_id, "dag_ids"), dag_run.c.state == text("'running'"))
    .group_by(dag_run.c.dag_id)
)
_DISPATCHES = (
    select(
        dispatch.c.dispatch_id,
        dispatch.c.executor,
        dispatch.c.worker,
        dispatch.c.claimed_at,
        dispatch.c.started_at,
        dispatch.c.ended_at,
        dispatch.c.takeover_after_seconds,
        worker_session.c.lease_until,
    )
    .select_from(dispatch.outerjoin(worker_session, worker_session.c.session_id == dispatch.c.session_id))
    .where(within(dispatch.c.dispatch_id, "dispatches"))
)
_OFFERS = select(worker_session.c.queues, worker_session.c.capacity).where(
    text("worker_session.closed_at IS NULL"),
    worker_session.c.connected,
    worker_session.c.drain_reason.is_(None),
    worker_session.c.lease_until > bind("now", type_=UtcDateTime()),
)


def run_view(tx: Transaction, run: RunRow) -> RunView:
    """A run as its reason needs it."""
    return _run_view(tx, _run_rows(tx, [run.pk])[run.pk], _active_runs(tx, [run.dag_id]))


def instance_views(
    tx: Transaction, instances: Sequence[InstanceRow], *, brokers: Collection[str] = ()
) -> dict[int, InstanceView]:
    """Task instances as their reasons need them, by key.

    Args:
        tx: a transaction.
        instances: rows to explain, of one run or several.
        brokers: executors that hand out without a connected worker.
    """
    rows = _run_rows(tx, {row.run_pk for row in instances})
    active = _active_runs(tx, {row.dag_id for row in rows.values()})
    runs = {pk: _run_view(tx, row, active) for pk, row in rows.items()}
    dispatches = _dispatch_rows(tx, instances)
    waiting = waiting_for(tx, [row for row in instances if _asks_upstream(row)])
    in_limits = _limits(tx, [row for row in instances if row.state is TaskInstanceState.SCHEDULED], rows)
    served = _served_queues(tx)
    views: dict[int, InstanceView] = {}
    for row in instances:
        upstream = waiting.get(row.pk, Waiting())
        live, old = dispatches.get(row.dispatch_id or ""), dispatches.get(row.stopping_dispatch_id or "")
        views[row.pk] = InstanceView(
            run=runs[row.run_pk],
            state=row.state,
            stored=None if row.reason is None else from_plain(Reason, row.reason),
            unfinished_upstream=_unfinished(upstream),
            past=upstream.past,
            blamed_upstream=_blamed(upstream),
            trigger_rule=_trigger_rule(tx, row),
            queue=row.queue,
            kind=ActivityKind.EXECUTE_TASK,
            queue_served=row.executor in brokers or row.queue in served,
            old_try=None if old is None else _old_try_view(old),
            limits=in_limits.get(row.pk, LimitsView()),
            dispatch=None if live is None or live.ended_at is not None else _dispatch_view(tx, live, row),
            retry_at=row.retry_at,
            try_number=row.try_number,
            error=(row.error or {}).get("message"),
            changed_at=row.changed_at,
        )
    return views


def _run_rows(tx: Transaction, pks: Collection[int]) -> dict[int, Any]:
    rows = {row.pk: row for row in tx.rows(_RUNS, {"runs": sorted(pks)})}
    if len(rows) != len(set(pks)):
        raise Refused(ProblemReason.NOT_FOUND, "a run is gone", field="dag_run_id")
    return rows


def _active_runs(tx: Transaction, dag_ids: Collection[str]) -> dict[str, int]:
    return {row.dag_id: row.number for row in tx.rows(_ACTIVE, {"dag_ids": sorted(dag_ids)})}


def _run_view(tx: Transaction, row: Any, active: Mapping[str, int]) -> RunView:
    return RunView(
        dag_id=row.dag_id,
        run_id=row.run_id,
        state=DagRunState(row.state),
        paused=row.paused,
        active_runs=active.get(row.dag_id, 0),
        max_active_runs=row.max_active_runs,
        changed_at=row.changed_at,
        not_due_before=row.run_after if row.run_after > tx.now else None,
        end=None if row.end_reason is None else from_plain(Reason, row.end_reason),
    )


def _dispatch_rows(tx: Transaction, instances: Sequence[InstanceRow]) -> dict[str, Any]:
    """The live dispatches and those that are being stopped, by id."""
    asked = {row.dispatch_id for row in instances} | {row.stopping_dispatch_id for row in instances}
    ids = sorted(dispatch_id for dispatch_id in asked if dispatch_id is not None)
    return {row.dispatch_id: row for row in tx.rows(_DISPATCHES, {"dispatches": ids})} if ids else {}


def _dispatch_view(tx: Transaction, row: Any, instance: InstanceRow) -> DispatchView:
    silent_since: datetime | None = None
    start_deadline: datetime | None = None
    takeover_at: datetime | None = None
    if row.lease_until is None:
        start_deadline = row.claimed_at + timedelta(seconds=tx.options.handout_timeout_seconds)
    elif row.lease_until < tx.now:
        silent_since = row.lease_until
        takeover_at = _takeover_at(row)
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


def _old_try_view(row: Any) -> OldTryView:
    return OldTryView(
        stopped_at=row.ended_at or row.claimed_at,
        worker=row.worker,
        takeover_at=None if row.lease_until is None else _takeover_at(row),
    )


def _takeover_at(row: Any) -> datetime:
    moment: datetime = row.lease_until + timedelta(seconds=row.takeover_after_seconds)
    return moment


def _asks_upstream(row: InstanceRow) -> bool:
    """Whether a row is in `none`, or ended because of its upstream tasks and does not say so itself."""
    if row.reason is not None:
        return row.state is TaskInstanceState.NONE
    never_ran = row.state is TaskInstanceState.SKIPPED and row.try_number == 0
    return row.state in {TaskInstanceState.NONE, TaskInstanceState.UPSTREAM_FAILED} or never_ran


def _unfinished(found: Waiting) -> list[str]:
    if found.decided:
        return []
    return [task_id for task_id, state in found.upstream.items() if state not in TASK_INSTANCE_FINAL]


def _blamed(found: Waiting) -> list[str]:
    bad = TASK_INSTANCE_FINAL - {TaskInstanceState.SUCCESS}
    return [task_id for task_id, state in found.upstream.items() if state in bad]


def _trigger_rule(tx: Transaction, row: InstanceRow) -> TriggerRule:
    graph = graph_of(tx, row.dag_version_pk)
    known = row.task_id in graph
    return graph.traits[graph.number(row.task_id)].trigger_rule if known else TriggerRule.ALL_SUCCESS


def _limits(tx: Transaction, rows: Sequence[InstanceRow], runs: Mapping[int, Any]) -> dict[int, LimitsView]:
    """The limits of scheduled task instances, and what is in use of them."""
    if not rows:
        return {}
    slots = limits.pool_slots(tx, {row.pool for row in rows})
    active = limits.active_instances(tx)
    used = _sums((group.pool, group.slots) for group in active)
    of_runs = _sums((group.run_pk, group.number) for group in active)
    limited = {row.dag_id for row in rows if row.max_active_tis_per_dag or row.max_active_tis_per_dagrun}
    tasks = {(dag_id, *key): number for dag_id in limited for key, number in limits.active_tasks(tx, dag_id).items()}
    of_tasks = _sums(((dag_id, task_id), number) for (dag_id, task_id, _), number in tasks.items())
    return {
        row.pk: LimitsView(
            pool=row.pool,
            needed=row.pool_slots,
            slots=slots.get(row.pool),
            used=used[row.pool],
            active_tasks=of_runs[row.run_pk],
            max_active_tasks=runs[row.run_pk].max_active_tasks,
            active_in_dag=of_tasks[row.dag_id, row.task_id],
            max_active_tis_per_dag=row.max_active_tis_per_dag,
            active_in_run=tasks.get((row.dag_id, row.task_id, row.run_pk), 0),
            max_active_tis_per_dagrun=row.max_active_tis_per_dagrun,
        )
        for row in rows
    }


def _sums(pairs: Iterable[tuple[K, int]]) -> Counter[K]:
    sums: Counter[K] = Counter()
    for key, number in pairs:
        sums[key] += number
    return sums


def _served_queues(tx: Transaction) -> set[str]:
    """Queues that a connected worker takes tasks from, even if it is busy now."""
    return {
        queue
        for row in tx.rows(_OFFERS, {"now": tx.now})
        if row.capacity.get(ActivityKind.EXECUTE_TASK.value, 0) > 0
        for queue in row.queues
    }
