"""Which runs the leader has to look at, and what it reads about them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, and_, func, select, text
from sqlalchemy import bindparam as bind

from tradewind.server.contract import (
    DAG_RUN_FINAL,
    DagRunState,
    RunEndCause,
    RunEnded,
    TaskInstanceState,
    from_plain,
)
from tradewind.server.domain.decisions import InstanceFact, RunFacts
from tradewind.server.store import revisions
from tradewind.server.store.column_types import UtcDateTime
from tradewind.server.store.statements import within
from tradewind.server.store.tables import dag, dag_run, task_instance
from tradewind.server.store.transaction import Transaction

EVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Before everything that a store knows."""

_NOW = bind("now", type_=UtcDateTime())
_RUNS = select(
    dag_run.c.pk,
    dag_run.c.dag_id,
    dag_run.c.run_id,
    dag_run.c.dag_version_pk,
    dag_run.c.state,
    dag_run.c.rev,
    dag_run.c.logical_date,
    dag_run.c.started_at,
    dag_run.c.timeout_at,
    dag_run.c.cancelled_at,
    dag_run.c.end_reason,
    dag_run.c.held_by_run_pk,
)
_IS_LIVE = text("dag_run.state IN ('queued', 'running')")
_IS_QUEUED = and_(dag_run.c.state == text("'queued'"))
_HAS_TIMEOUT = and_(dag_run.c.state == text("'running'"), dag_run.c.timeout_at.is_not(None))
_DIRTY = _RUNS.where(dag_run.c.dirty_at.is_not(None)).order_by(dag_run.c.dirty_at, dag_run.c.pk).limit(bind("most"))
_BY_PK = _RUNS.where(within(dag_run.c.pk, "pks")).order_by(dag_run.c.pk)
# What is decided about a run in the same transaction is decided about its newest rows.
_DIRTY_LOCKED = _DIRTY.with_for_update(of=dag_run)
_BY_PK_LOCKED = _BY_PK.with_for_update(of=dag_run)
_LIVE = _RUNS.where(_IS_LIVE, dag_run.c.pk > bind("after")).order_by(dag_run.c.pk).limit(bind("most"))

_WAITS_FOR_RETRY = and_(task_instance.c.state == text("'up_for_retry'"))
_DUE = (
    select(task_instance.c.run_pk)
    .where(_WAITS_FOR_RETRY, task_instance.c.retry_at <= _NOW)
    .order_by(task_instance.c.retry_at)
    .limit(bind("most"))
)
_TIMED_OUT = (
    select(dag_run.c.pk)
    .where(_HAS_TIMEOUT, dag_run.c.timeout_at <= _NOW)
    .order_by(dag_run.c.timeout_at)
    .limit(bind("most"))
)


def _first(column: Column[Any], *conditions: ColumnElement[bool]) -> Any:
    return select(func.min(column)).where(*conditions).scalar_subquery()


_SINCE = bind("since", type_=UtcDateTime())
# Six steps into an index, in one statement.
_UPCOMING = select(
    _first(task_instance.c.retry_at, _WAITS_FOR_RETRY).label("first_retry"),
    _first(task_instance.c.retry_at, _WAITS_FOR_RETRY, task_instance.c.retry_at > _NOW).label("next_retry"),
    _first(dag_run.c.timeout_at, _HAS_TIMEOUT).label("first_timeout"),
    _first(dag_run.c.timeout_at, _HAS_TIMEOUT, dag_run.c.timeout_at > _NOW).label("next_timeout"),
    _first(dag_run.c.run_after, _IS_QUEUED, dag_run.c.run_after > _SINCE).label("first_run"),
    _first(dag_run.c.run_after, _IS_QUEUED, dag_run.c.run_after > _NOW).label("next_run"),
)
_DUE_DAGS = (
    select(dag_run.c.dag_id).where(_IS_QUEUED, dag_run.c.run_after > _SINCE, dag_run.c.run_after <= _NOW).distinct()
)


def _instances(*conditions: ColumnElement[bool]) -> Any:
    return (
        select(
            task_instance.c.pk,
            task_instance.c.task_id,
            task_instance.c.map_index,
            task_instance.c.state,
            task_instance.c.rev,
            task_instance.c.retry_at,
            task_instance.c.skips,
            task_instance.c.ended_at,
        )
        .where(*conditions)
        .order_by(task_instance.c.pk)
    )


_OF_RUN = _instances(task_instance.c.run_pk == bind("run"), task_instance.c.run_rev > bind("since"))
_BY_KEY = _instances(within(task_instance.c.pk, "pks"))
_DAG = select(dag.c.paused, dag.c.max_active_runs).where(dag.c.dag_id == bind("dag_id"))
_ACTIVE = (
    select(func.count())
    .select_from(dag_run)
    .where(dag_run.c.dag_id == bind("dag_id"), dag_run.c.state == text("'running'"))
)
_QUEUED = (
    select(dag_run.c.pk)
    .where(dag_run.c.dag_id == bind("dag_id"), _IS_QUEUED, dag_run.c.run_after <= _NOW)
    .order_by(dag_run.c.run_after, dag_run.c.pk)
    .limit(bind("most"))
)
_HELD = select(dag_run.c.pk).where(text("held_by_run_pk IS NOT NULL"), within(dag_run.c.held_by_run_pk, "runs"))


@dataclass(frozen=True, slots=True)
class DirtyRun:
    """A live run that the leader has to look at.

    Attributes:
        facts: what its row says beside the state.
    """

    pk: int
    dag_id: str
    run_id: str
    dag_version_pk: int
    state: DagRunState
    rev: int
    facts: RunFacts


@dataclass(frozen=True, slots=True)
class Startable:
    """What decides whether runs of a DAG may start.

    Attributes:
        queued: keys of queued runs that are due, in the order in which they start, no more than there are free run
            slots.
    """

    paused: bool
    max_active_runs: int
    active_runs: int
    queued: list[int]


@dataclass(frozen=True, slots=True)
class Upcoming:
    """What happens by itself.

    Attributes:
        overdue: whether a try is due, or the time of a run is over.
        runs_due: whether queued runs came due.
        next: the next moment after now at which one of that is so.
    """

    overdue: bool
    runs_due: bool
    next: datetime | None


def dirty_runs(tx: Transaction, limit: int) -> list[DirtyRun]:
    """Runs that changed since the leader last looked, oldest mark first. A transaction that writes locks them."""
    return _runs(tx, tx.rows(_DIRTY if tx.read_only else _DIRTY_LOCKED, {"most": limit}))


def runs_by_pk(tx: Transaction, pks: Collection[int]) -> list[DirtyRun]:
    """Runs by key, dirty or not. A transaction that writes locks them."""
    return _runs(tx, tx.rows(_BY_PK if tx.read_only else _BY_PK_LOCKED, {"pks": pks})) if pks else []


def live_runs(tx: Transaction, *, after_pk: int = 0, limit: int = 1000) -> list[DirtyRun]:
    """Queued and running runs by key, a page at a time."""
    return _runs(tx, tx.rows(_LIVE, {"after": after_pk, "most": limit}))


def due_runs(tx: Transaction, limit: int) -> list[DirtyRun]:
    """Live runs with a try that is due now, and those whose time is over, among the first `limit` of each."""
    values = {"now": tx.now, "most": limit}
    due = {row.run_pk for row in tx.rows(_DUE, values)} | {row.pk for row in tx.rows(_TIMED_OUT, values)}
    return [run for run in runs_by_pk(tx, due) if run.state not in DAG_RUN_FINAL]


def due_dags(tx: Transaction, since: datetime) -> list[str]:
    """DAGs with queued runs that came due after a moment, up to now, sorted."""
    return sorted(row.dag_id for row in tx.rows(_DUE_DAGS, {"now": tx.now, "since": since}))


def upcoming(tx: Transaction, since: datetime = EVER) -> Upcoming:
    """What is due, and what is due next.

    Args:
        tx: a transaction.
        since: queued runs that were due up to this moment have been seen.
    """
    row = tx.row(_UPCOMING, {"now": tx.now, "since": since})
    if row is None:
        raise LookupError("a statement without a table gave no row")
    first = [row.first_retry, row.first_timeout]
    following = [row.next_retry, row.next_timeout, row.next_run]
    return Upcoming(
        overdue=any(moment is not None and moment <= tx.now for moment in first),
        runs_due=row.first_run is not None and row.first_run <= tx.now,
        next=min((moment for moment in following if moment is not None), default=None),
    )


def run_instances(tx: Transaction, run_pk: int, since_rev: int) -> list[InstanceFact]:
    """Task instances that changed after a revision of their run, by key; all of them after 0."""
    return [_fact(row) for row in tx.rows(_OF_RUN, {"run": run_pk, "since": since_rev})]


def instances_by_pk(tx: Transaction, pks: Collection[int]) -> list[InstanceFact]:
    """Task instances by key as they are now; claims and starts do not raise the revision of a run."""
    return [_fact(row) for row in tx.rows(_BY_KEY, {"pks": pks})] if pks else []


def startable_runs(tx: Transaction, dag_id: str) -> Startable:
    """Which queued runs of a DAG are due and have a free run slot."""
    found = tx.row(_DAG, {"dag_id": dag_id})
    if found is None:
        return Startable(paused=True, max_active_runs=0, active_runs=0, queued=[])
    active: int = tx.value(_ACTIVE, {"dag_id": dag_id})
    free = max(0, found.max_active_runs - active)
    values = {"dag_id": dag_id, "most": free, "now": tx.now}
    queued = [row.pk for row in tx.rows(_QUEUED, values)] if free else []
    return Startable(found.paused, found.max_active_runs, active, queued)


def mark(tx: Transaction, run_pks: Collection[int]) -> None:
    """Let the leader look at these runs in a later transaction."""
    revisions.touch_runs(tx, run_pks)


def wake_held(tx: Transaction, run_pks: Collection[int]) -> bool:
    """Let the leader look at the runs whose task instances wait for something in one of these; whether any do."""
    held = [row.pk for row in tx.rows(_HELD, {"runs": sorted(run_pks)})] if run_pks else []
    revisions.touch_runs(tx, held)
    return bool(held)


def _fact(row: Any) -> InstanceFact:
    return InstanceFact(
        row.pk,
        row.task_id,
        row.map_index,
        TaskInstanceState(row.state),
        row.rev,
        row.retry_at,
        tuple(row.skips or ()),
        row.ended_at,
    )


def _runs(tx: Transaction, rows: Iterable[Any]) -> list[DirtyRun]:
    found = [
        DirtyRun(row.pk, row.dag_id, row.run_id, row.dag_version_pk, DagRunState(row.state), row.rev, _facts(row))
        for row in rows
    ]
    revisions.seen(tx, (run.pk for run in found))
    return found


def _facts(row: Any) -> RunFacts:
    return RunFacts(row.logical_date, row.started_at, row.timeout_at, _end(row), row.held_by_run_pk)


def _end(row: Any) -> RunEnded | None:
    """Why the run has to end early; other reasons are for people."""
    if row.end_reason is not None and row.end_reason.get("reason") == "run_ended":
        return from_plain(RunEnded, row.end_reason)
    return None if row.cancelled_at is None else RunEnded(cause=RunEndCause.CANCELLED)
