"""Who decides: the lease of the one leader, and the epoch that fences those before it."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import bindparam as bind
from sqlalchemy import select

from tradewind.server.store.column_types import UtcDateTime
from tradewind.server.store.rows import LeaderRow
from tradewind.server.store.statements import insert_ignore
from tradewind.server.store.tables import leader as leader_table
from tradewind.server.store.transaction import Transaction

SCHEDULER = "scheduler"

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


def still_leads(tx: Transaction, epoch: int) -> bool:
    """Whether the epoch is the newest; the row is held until the end, so that nobody takes over in between."""
    current = tx.memo.get("epoch")
    if current is None:
        current = tx.memo["epoch"] = tx.value(_EPOCH)
    return bool(current == epoch)
