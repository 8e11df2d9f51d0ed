"""What the one leader reads and writes: its lease, dirty runs, decisions."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, String, and_, func, select, text
from sqlalchemy import bindparam as bind

from tradewind.server.contract import (
    DAG_RUN_FINAL,
    DAG_RUN_TRANSITIONS,
    DagRunEvent,
    DagRunState,
    TaskInstanceState,
    to_plain,
)
from tradewind.server.domain.decisions import InstanceFact, InstanceMove, RunDecision
from tradewind.server.store import events, revisions
from tradewind.server.store.column_types import Json, UtcDateTime
from tradewind.server.store.rows import DirtyRun, LeaderRow, Startable
from tradewind.server.store.statements import insert_ignore, within
from tradewind.server.store.tables import dag, dag_run, task_instance
from tradewind.server.store.tables import leader as leader_table
from tradewind.server.store.transaction import Transaction

SCHEDULER = "scheduler"
ACTOR = "scheduler"

_LEADER = select(leader_table.c.holder, leader_table.c.epoch, leader_table.c.lease_until).where(
    leader_table.c.name == SCHEDULER
)
_LEADER_LOCKED = _LEADER.with_for_update()
_EPOCH = select(leader_table.c.epoch).where(leader_table.c.name == SCHEDULER).with_for_update(read=True)
_FIRST_LEADER = insert_ignore(leader_table)
_LEAD = (
    leader_table.update()
    .where(leader_table.c.name == SCHEDULER)
    .values(holder=bind("to_holder"), epoch=bind("to_epoch"), lease_until=bind("to_lease_until", type_=UtcDateTime()))
)
_RESIGN = (
    leader_table.update()
    .where(leader_table.c.name == SCHEDULER, leader_table.c.holder == bind("of"))
    .values(lease_until=bind("at", type_=UtcDateTime()))
)

_RUNS = select(
    dag_run.c.pk, dag_run.c.dag_id, dag_run.c.run_id, dag_run.c.dag_version_pk, dag_run.c.state, dag_run.c.rev
)
_IS_LIVE = text("dag_run.state IN ('queued', 'running')")
_DIRTY = _RUNS.where(dag_run.c.dirty_at.is_not(None)).order_by(dag_run.c.dirty_at, dag_run.c.pk).limit(bind("most"))
_BY_PK = _RUNS.where(within(dag_run.c.pk, "pks")).order_by(dag_run.c.pk)
# What is decided about a run in the same transaction is decided about its newest rows.
_DIRTY_LOCKED = _DIRTY.with_for_update(of=dag_run)
_BY_PK_LOCKED = _BY_PK.with_for_update(of=dag_run)
_LIVE = _RUNS.where(_IS_LIVE, dag_run.c.pk > bind("after")).order_by(dag_run.c.pk).limit(bind("most"))
_WAITS_FOR_RETRY = and_(task_instance.c.state == text("'up_for_retry'"))
_DUE = (
    select(task_instance.c.run_pk)
    .where(_WAITS_FOR_RETRY, task_instance.c.retry_at <= bind("now", type_=UtcDateTime()))
    .order_by(task_instance.c.retry_at)
    .limit(bind("most"))
)
_NEXT_DUE = select(func.min(task_instance.c.retry_at)).where(_WAITS_FOR_RETRY)
_INSTANCES = (
    select(
        task_instance.c.pk,
        task_instance.c.task_id,
        task_instance.c.map_index,
        task_instance.c.state,
        task_instance.c.rev,
        task_instance.c.retry_at,
    )
    .where(task_instance.c.run_pk == bind("run"), task_instance.c.run_rev > bind("since"))
    .order_by(task_instance.c.pk)
)
_REVISIONS = select(task_instance.c.pk, task_instance.c.rev).where(within(task_instance.c.pk, "pks")).with_for_update()
_DECIDE = (
    dag_run.update()
    .where(dag_run.c.pk == bind("of"), dag_run.c.rev == bind("expected_rev", type_=BigInteger()))
    .values(
        rev=bind("to_rev", type_=BigInteger()),
        state=bind("to_state", type_=String()),
        dirty_at=bind("to_dirty_at", type_=UtcDateTime()),
        started_at=func.coalesce(dag_run.c.started_at, bind("to_started_at", type_=UtcDateTime())),
        ended_at=bind("to_ended_at", type_=UtcDateTime()),
        changed_at=bind("at", type_=UtcDateTime()),
    )
)
_CLEAR = (
    dag_run.update()
    .where(dag_run.c.pk == bind("of"), dag_run.c.rev == bind("expected_rev", type_=BigInteger()))
    .values(dirty_at=bind("to_dirty_at", type_=UtcDateTime()))
)
_MOVE = (
    task_instance.update()
    .where(task_instance.c.pk == bind("of"), task_instance.c.rev == bind("expected_rev", type_=BigInteger()))
    .values(
        state=bind("to_state", type_=String()),
        rev=task_instance.c.rev + 1,
        run_rev=bind("to_run_rev", type_=BigInteger()),
        reason=bind("to_reason", type_=Json()),
        scheduled_at=bind("to_scheduled_at", type_=UtcDateTime()),
        ended_at=bind("to_ended_at", type_=UtcDateTime()),
        retry_at=None,
        changed_at=bind("at", type_=UtcDateTime()),
    )
)
_DAG = select(dag.c.paused, dag.c.max_active_runs).where(dag.c.dag_id == bind("dag_id"))
_ACTIVE = (
    select(func.count())
    .select_from(dag_run)
    .where(dag_run.c.dag_id == bind("dag_id"), dag_run.c.state == text("'running'"))
)
_QUEUED = (
    select(dag_run.c.pk)
    .where(dag_run.c.dag_id == bind("dag_id"), dag_run.c.state == text("'queued'"))
    .order_by(dag_run.c.run_after, dag_run.c.pk)
    .limit(bind("most"))
)


def take_leadership(tx: Transaction, holder: str, lease_seconds: float) -> int | None:
    """Lead, or go on leading, until a lease from now has passed.

    Args:
        tx: a transaction that writes.
        holder: name of one life of a scheduler.
        lease_seconds: how long to lead without renewing.

    Returns:
        The epoch, raised by each change of the leader; None while another one leads.
    """
    until = tx.now + timedelta(seconds=lease_seconds)
    first = {"name": SCHEDULER, "holder": holder, "epoch": 0, "lease_until": tx.now - timedelta(seconds=1)}
    row = tx.row(_LEADER_LOCKED)
    if row is None:
        tx.change(_FIRST_LEADER, first)
        row = tx.row(_LEADER_LOCKED)
    if row is None:
        return None
    mine = row.holder == holder and row.epoch > 0
    if not mine and row.lease_until > tx.now:
        return None
    epoch: int = row.epoch if mine else row.epoch + 1
    tx.change(_LEAD, {"to_holder": holder, "to_epoch": epoch, "to_lease_until": until})
    return epoch


def resign_leadership(tx: Transaction, holder: str) -> None:
    """Let another one lead at once, if this one does."""
    tx.change(_RESIGN, {"of": holder, "at": tx.now})


def leader(tx: Transaction) -> LeaderRow | None:
    """Who leads, or led last."""
    row = tx.row(_LEADER)
    return None if row is None else LeaderRow(**row._asdict())


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
    """Live runs with a try that is due now, among the first `limit` instances that are."""
    due = {row.run_pk for row in tx.rows(_DUE, {"now": tx.now, "most": limit})}
    return [run for run in runs_by_pk(tx, due) if run.state not in DAG_RUN_FINAL]


def next_due(tx: Transaction) -> datetime | None:
    """When the next try of any run is due."""
    moment: datetime | None = tx.value(_NEXT_DUE)
    return moment


def run_instances(tx: Transaction, run_pk: int, since_rev: int) -> list[InstanceFact]:
    """Task instances that changed after a revision of their run, by key; all of them after 0."""
    return [
        InstanceFact(row.pk, row.task_id, row.map_index, TaskInstanceState(row.state), row.rev, row.retry_at)
        for row in tx.rows(_INSTANCES, {"run": run_pk, "since": since_rev})
    ]


def startable_runs(tx: Transaction, dag_id: str) -> Startable:
    """Which queued runs of a DAG have a free run slot."""
    found = tx.row(_DAG, {"dag_id": dag_id})
    if found is None:
        return Startable(paused=True, max_active_runs=0, active_runs=0, queued=[])
    active: int = tx.value(_ACTIVE, {"dag_id": dag_id})
    free = max(0, found.max_active_runs - active)
    queued = [row.pk for row in tx.rows(_QUEUED, {"dag_id": dag_id, "most": free})] if free else []
    return Startable(found.paused, found.max_active_runs, active, queued)


def apply_decision(tx: Transaction, epoch: int, decision: RunDecision) -> int | None:
    """Carry out what was decided about a run, if the decision is still right.

    Args:
        tx: a transaction that writes.
        epoch: epoch of the leader that decided.
        decision: what to do.

    Returns:
        The revision of the run afterwards; None, with nothing changed, when the leader, the run or one of the task
        instances has changed since.
    """
    if not _still_leads(tx, epoch):
        return None
    revisions.seen(tx, [decision.run_pk])
    to_dirty_at = None if decision.complete else tx.now
    expected = {"of": decision.run_pk, "expected_rev": decision.run_rev}
    if not decision.changes:
        cleared = tx.change(_CLEAR, {**expected, "to_dirty_at": to_dirty_at})
        return decision.run_rev if cleared else None
    if not _revisions_fit(tx, decision.moves):
        return None
    rev = decision.run_rev + 1
    started = decision.run_event is DagRunEvent.START
    values = {
        "to_rev": rev,
        "to_state": decision.run_state.value,
        "to_dirty_at": to_dirty_at,
        "to_started_at": tx.now if started else None,
        "to_ended_at": tx.now if decision.run_state in DAG_RUN_FINAL else None,
        "at": tx.now,
    }
    if not tx.change(_DECIDE, {**expected, **values}):
        return None
    _move(tx, decision, rev)
    if not decision.complete:
        tx.hint("runs")
    return rev


def _still_leads(tx: Transaction, epoch: int) -> bool:
    """Whether the epoch is the newest; the row is held until the end, so that nobody takes over in between."""
    current = tx.memo.get("epoch")
    if current is None:
        current = tx.memo["epoch"] = tx.value(_EPOCH)
    return bool(current == epoch)


def _revisions_fit(tx: Transaction, moves: Collection[InstanceMove]) -> bool:
    if not moves:
        return True
    found = {row.pk: row.rev for row in tx.rows(_REVISIONS, {"pks": [move.pk for move in moves]})}
    return all(found.get(move.pk) == move.rev for move in moves)


def _move(tx: Transaction, decision: RunDecision, rev: int) -> None:
    changes: list[dict[str, Any]] = []
    for move in decision.moves:
        scheduled = move.to_state is TaskInstanceState.SCHEDULED
        changes.append(
            {
                "of": move.pk,
                "expected_rev": move.rev,
                "to_state": move.to_state.value,
                "to_run_rev": rev,
                "to_reason": None if move.reason is None else to_plain(move.reason),
                "to_scheduled_at": tx.now if scheduled else None,
                "to_ended_at": None if scheduled else tx.now,
                "at": tx.now,
            }
        )
        events.append(
            tx,
            machine="task_instance",
            run_pk=decision.run_pk,
            instance_pk=move.pk,
            from_state=move.from_state.value,
            event=move.event.value,
            to_state=move.to_state.value,
            actor=ACTOR,
            detail=changes[-1]["to_reason"],
        )
        if scheduled:
            tx.hint("ready")
    tx.change(_MOVE, changes)
    if decision.run_event is not None:
        tx.hint("run_states")
        events.append(
            tx,
            machine="dag_run",
            run_pk=decision.run_pk,
            instance_pk=None,
            from_state=_state_before(decision).value,
            event=decision.run_event.value,
            to_state=decision.run_state.value,
            actor=ACTOR,
        )


def _state_before(decision: RunDecision) -> DagRunState:
    """The state from which the run's event leads to its new one, by the table of states."""
    return next(
        state
        for (state, event), following in DAG_RUN_TRANSITIONS.items()
        if event is decision.run_event and following is decision.run_state
    )


def _runs(tx: Transaction, rows: Iterable[Any]) -> list[DirtyRun]:
    found = [
        DirtyRun(row.pk, row.dag_id, row.run_id, row.dag_version_pk, DagRunState(row.state), row.rev) for row in rows
    ]
    revisions.seen(tx, (run.pk for run in found))
    return found
