"""Signs of life of API processes: whether workers can be heard, and since when without a gap."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam as bind
from sqlalchemy import select

from tradewind.server.store.column_types import UtcDateTime
from tradewind.server.store.statements import upsert
from tradewind.server.store.tables import api_process
from tradewind.server.store.transaction import Transaction

_ALIVE = (
    select(api_process.c.alive_since, api_process.c.seen_at)
    .where(api_process.c.alive_until > bind("now", type_=UtcDateTime()))
    .order_by(api_process.c.seen_at.desc())
)
_STAY = (
    api_process.update()
    .where(api_process.c.name == bind("of"), api_process.c.alive_until > bind("now", type_=UtcDateTime()))
    .values(seen_at=bind("at", type_=UtcDateTime()), alive_until=bind("until", type_=UtcDateTime()))
)
_APPEAR = upsert(api_process, "alive_since", "seen_at", "alive_until")
_FORGET_DEAD = api_process.delete().where(api_process.c.alive_until <= bind("now", type_=UtcDateTime()))
_LEAVE = api_process.delete().where(api_process.c.name == bind("of"))


@dataclass(frozen=True, slots=True)
class Attendance:
    """A time without a gap in which somebody was there to hear workers, on the store's clock.

    Attributes:
        since: its begin.
        until: the last moment that is known to belong to it.
    """

    since: datetime
    until: datetime


def sign(tx: Transaction, name: str) -> None:
    """An API process is alive, for a worker's lease from now.

    A process that comes, or comes back later than that, is alive since now: nobody may have heard workers in between.
    Whoever ended without a word is forgotten on this occasion.

    Args:
        tx: a transaction that writes.
        name: name of one life of the process.
    """
    until = tx.now + timedelta(seconds=tx.options.lease_seconds)
    if tx.change(_STAY, {"of": name, "now": tx.now, "at": tx.now, "until": until}):
        return
    tx.change(_FORGET_DEAD, {"now": tx.now})
    tx.change(_APPEAR, {"name": name, "alive_since": tx.now, "seen_at": tx.now, "alive_until": until})


def leave(tx: Transaction, name: str) -> None:
    """An API process ends in order."""
    tx.change(_LEAVE, {"of": name})


def attendance(tx: Transaction) -> Attendance | None:
    """Since when, and until when, API processes that are alive are known to have answered without a gap.

    A process answered from `alive_since` to its last sign, and not surely after it: it may have died since. What two
    processes saw is one time when it overlaps. A process that is gone vouches for nothing any more, so that the time
    may begin late, never early.

    Returns:
        None while no API process is alive.
    """
    rows = tx.rows(_ALIVE, {"now": tx.now})
    if not rows:
        return None
    since: datetime = rows[0].alive_since
    for row in rows:
        if row.seen_at < since:
            break
        since = min(since, row.alive_since)
    # A clock that was set back must not let silence count that has not happened.
    return Attendance(since=since, until=min(rows[0].seen_at, tx.now))
