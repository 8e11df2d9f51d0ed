"""Deadlines: which dispatches nobody has given a sign of for so long that they are taken to be lost."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam as bind
from sqlalchemy import func, select, text, union_all

from tradewind.server.store.api_processes import Attendance
from tradewind.server.store.column_types import UtcDateTime
from tradewind.server.store.handouts import LossCause, Overdue
from tradewind.server.store.statements import within
from tradewind.server.store.tables import dispatch, worker_session
from tradewind.server.store.transaction import Transaction

_OF_SESSION = text("dispatch.gone_at IS NULL AND dispatch.session_id IS NOT NULL")
_OF_BROKER = text("dispatch.ended_at IS NULL AND dispatch.session_id IS NULL")

# A session may be closed in the moment in which something is claimed for it.
_WATCHED = union_all(
    select(worker_session.c.session_id).where(worker_session.c.closed_at.is_(None)),
    select(dispatch.c.session_id).where(_OF_SESSION),
)
_SHORTEST = (
    select(func.min(dispatch.c.takeover_after_seconds))
    .where(_OF_SESSION, dispatch.c.session_id == worker_session.c.session_id)
    .correlate(worker_session)
    .scalar_subquery()
)
_SESSIONS = (
    select(
        worker_session.c.session_id,
        worker_session.c.lease_until,
        _SHORTEST.label("takeover_after_seconds"),
    )
    .where(worker_session.c.session_id.in_(_WATCHED))
    .order_by(worker_session.c.lease_until, worker_session.c.session_id)
)
_SILENT_SESSIONS = _SESSIONS.where(worker_session.c.lease_until < bind("now", type_=UtcDateTime()))
_LIVE = select(
    dispatch.c.dispatch_id, dispatch.c.executor, dispatch.c.session_id, dispatch.c.takeover_after_seconds
).where(_OF_SESSION, within(dispatch.c.session_id, "sessions"))
_NOT_STARTED = (
    select(dispatch.c.dispatch_id, dispatch.c.executor)
    .where(_OF_BROKER, dispatch.c.claimed_at <= bind("before", type_=UtcDateTime()))
    .order_by(dispatch.c.claimed_at)
    .limit(bind("most"))
)
_FIRST_NOT_STARTED = select(func.min(dispatch.c.claimed_at)).where(_OF_BROKER)
_CLOSE = (
    worker_session.update()
    .where(within(worker_session.c.session_id, "sessions"), worker_session.c.closed_at.is_(None))
    .values(closed_at=bind("at", type_=UtcDateTime()))
)


def overdue_dispatches(tx: Transaction, attendance: Attendance, limit: int = 1000) -> list[Overdue]:
    """Dispatches whose deadline has passed: of silent workers, and of brokers that nobody started them for.

    Stopped ones are among them as long as their process may be there.

    Sessions that ran out and have nothing in hand are closed along the way.

    Args:
        tx: a transaction that writes.
        attendance: when somebody was there to hear a worker; no silence outside it counts.
        limit: most of each sort.
    """
    silent = tx.rows(_SILENT_SESSIONS, {"now": tx.now})
    due = {
        row.session_id: _silent_since(tx, row, attendance.since)
        for row in silent
        if row.takeover_after_seconds is not None and _deadline(tx, row, attendance.since) <= attendance.until
    }
    empty = [row.session_id for row in silent if row.takeover_after_seconds is None]
    if empty:
        tx.change(_CLOSE, {"sessions": empty, "at": tx.now})
    overdue: list[Overdue] = []
    if due:
        overdue = [
            Overdue(row.dispatch_id, row.executor, LossCause.WORKER_SILENT)
            for row in tx.rows(_LIVE, {"sessions": sorted(due)})
            if due[row.session_id] + timedelta(seconds=row.takeover_after_seconds) <= attendance.until
        ]
    patience = timedelta(seconds=tx.options.handout_timeout_seconds)
    if attendance.since + patience <= attendance.until:
        rows = tx.rows(_NOT_STARTED, {"before": attendance.until - patience, "most": limit})
        overdue += [Overdue(row.dispatch_id, row.executor, LossCause.NOT_STARTED) for row in rows]
    return overdue[:limit]


def next_takeover(tx: Transaction, floor: datetime) -> datetime | None:
    """The first moment at which a dispatch may be overdue if nothing more is heard; None when nothing is handed out.

    Args:
        tx: any transaction.
        floor: no silence counts before this moment.
    """
    moments = [_deadline(tx, row, floor) for row in tx.rows(_SESSIONS) if row.takeover_after_seconds is not None]
    first: datetime | None = tx.value(_FIRST_NOT_STARTED)
    if first is not None:
        moments.append(max(first, floor) + timedelta(seconds=tx.options.handout_timeout_seconds))
    return min(moments, default=None)


def _silent_since(tx: Transaction, row: Any, floor: datetime) -> datetime:
    """When the lease of a session ended, counted from the floor at the earliest."""
    moment: datetime = max(row.lease_until, floor + timedelta(seconds=tx.options.lease_seconds))
    return moment


def _deadline(tx: Transaction, row: Any, floor: datetime) -> datetime:
    return _silent_since(tx, row, floor) + timedelta(seconds=row.takeover_after_seconds)
