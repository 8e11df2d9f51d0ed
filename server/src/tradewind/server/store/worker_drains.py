"""Workers that an administrator wants to end after what they run: asked for in one process, told by another."""

from __future__ import annotations

from typing import Final

from sqlalchemy import bindparam as bind
from sqlalchemy import or_, select

from tradewind.server.store.column_types import UtcDateTime
from tradewind.server.store.statements import within
from tradewind.server.store.tables import worker_session
from tradewind.server.store.transaction import Transaction

TOPIC: Final = "drains"
"""Hint: a worker session is to drain."""

_OPEN_BY_NAME = select(worker_session.c.session_id).where(
    worker_session.c.closed_at.is_(None),
    or_(worker_session.c.connected, worker_session.c.lease_until > bind("now", type_=UtcDateTime())),
    or_(worker_session.c.worker == bind("named"), worker_session.c.session_id == bind("named")),
)
_ASK = (
    worker_session.update().where(within(worker_session.c.session_id, "sessions")).values(drain_reason=bind("because"))
)
_REASON = select(worker_session.c.drain_reason).where(worker_session.c.session_id == bind("session"))


def ask_to_drain(tx: Transaction, named: str, reason: str) -> set[str]:
    """Let workers take no more work and end after what they have, also when they are not connected at the moment.

    A new life of such a worker is another session, and works.

    Args:
        tx: a transaction that writes.
        named: name of a worker, for all its sessions, or id of one session.
        reason: for people.

    Returns:
        Ids of the sessions that were meant; empty when there is none of that name.
    """
    sessions = {row.session_id for row in tx.rows(_OPEN_BY_NAME, {"now": tx.now, "named": named})}
    if sessions:
        tx.change(_ASK, {"sessions": sorted(sessions), "because": reason})
        tx.hint(TOPIC)
    return sessions


def drain_reason(tx: Transaction, session_id: str) -> str | None:
    """Why a session is to drain; None when it is not."""
    reason: str | None = tx.value(_REASON, {"session": session_id})
    return reason
