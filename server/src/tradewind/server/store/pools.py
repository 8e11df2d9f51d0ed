"""Pools: how many slots the tasks that name one may use together, and how many they do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam as bind
from sqlalchemy import func, select, text

from tradewind.server.contract import ProblemReason
from tradewind.server.domain.claim_order import UNLIMITED
from tradewind.server.domain.refusals import Refused
from tradewind.server.store.limits import IS_LIVE, LIVE_INSTANCES
from tradewind.server.store.rows import Page
from tradewind.server.store.runs.create import DEFAULT_POOL
from tradewind.server.store.statements import insert_ignore
from tradewind.server.store.tables import pool, task_instance
from tradewind.server.store.tables.runs import CLAIMABLE
from tradewind.server.store.transaction import Transaction
from tradewind.server.store.words import storable

_PAGE = select(pool)
_POOL = select(pool).where(pool.c.name == bind("name"))
_CREATE = insert_ignore(pool)
_UPDATE = (
    pool.update()
    .where(pool.c.name == bind("of"))
    .values(
        slots=bind("to_slots"),
        description=bind("to_description", type_=pool.c.description.type),
        include_deferred=bind("to_include_deferred"),
        updated_at=bind("at", type_=pool.c.updated_at.type),
    )
)
_DELETE = pool.delete().where(pool.c.name == bind("of"))
_SLOTS = func.sum(task_instance.c.pool_slots).label("slots")
_ACTIVE = (
    select(task_instance.c.pool, (task_instance.c.state == text("'queued'")).label("queued"), _SLOTS)
    .select_from(LIVE_INSTANCES)
    .where(IS_LIVE)
    .group_by(task_instance.c.pool, text("queued"))
)
_WAITING = select(task_instance.c.pool, _SLOTS).where(text(CLAIMABLE)).group_by(task_instance.c.pool)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolRow:
    """A pool and what its slots are used for.

    Attributes:
        slots: how many there are; -1 for any number.
        include_deferred: whether deferred tasks keep their slots.
        running: slots of tries that run, and of those that were stopped and are not known to have ended.
        queued: slots of tries that were handed out and have not started.
        scheduled: slots that ready tasks wait for.
    """

    name: str
    slots: int
    description: str | None
    include_deferred: bool
    updated_at: datetime
    running: int
    queued: int
    scheduled: int

    @property
    def occupied(self) -> int:
        """Slots in use."""
        return self.running + self.queued

    @property
    def open(self) -> int:
        """Free slots; -1 for any number."""
        return UNLIMITED if self.slots == UNLIMITED else max(0, self.slots - self.occupied)


@dataclass(slots=True)
class _Use:
    running: int = 0
    queued: int = 0
    scheduled: int = 0


def list_pools(tx: Transaction, *, limit: int = 100, offset: int = 0, pattern: str | None = None) -> Page[PoolRow]:
    """Pools by name.

    Args:
        tx: a transaction.
        limit: most rows.
        offset: rows to leave out before them.
        pattern: text that the name contains.
    """
    found = _PAGE
    if pattern:
        found = found.where(pool.c.name.contains(pattern.replace("\0", ""), autoescape=True))
    total = tx.value(select(func.count()).select_from(found.subquery()))
    rows = tx.rows(found.order_by(pool.c.name).limit(limit).offset(offset))
    uses = _uses(tx)
    return Page([_pool(row, uses) for row in rows], total)


def get_pool(tx: Transaction, name: str) -> PoolRow:
    """One pool.

    Raises:
        Refused: `not_found`.
    """
    row = None if "\0" in name else tx.row(_POOL, {"name": name})
    if row is None:
        raise Refused(ProblemReason.NOT_FOUND, f"there is no pool {name}", field="pool_name", action="correct the name")
    return _pool(row, _uses(tx))


def create_pool(
    tx: Transaction, name: str, slots: int, *, description: str | None = None, include_deferred: bool = False
) -> PoolRow:
    """Create a pool.

    Args:
        tx: a transaction that writes.
        name: its name.
        slots: its slots; -1 for any number.
        description: words about it.
        include_deferred: whether deferred tasks keep their slots.

    Raises:
        Refused: `already_exists`, or `invalid_value` for the slots or a name that cannot be stored.
    """
    row = {
        "name": storable(name, field="name"),
        "slots": _checked(slots),
        "description": description,
        "include_deferred": include_deferred,
        "updated_at": tx.now,
    }
    if not tx.change(_CREATE, row):
        raise Refused(
            ProblemReason.ALREADY_EXISTS,
            f"there is a pool {name} already",
            field="name",
            action="change it with PATCH, or choose another name",
        )
    tx.hint("ready")
    return get_pool(tx, name)


def update_pool(tx: Transaction, name: str, changes: Mapping[str, Any]) -> PoolRow:
    """Change a pool; what runs goes on, also beyond fewer slots.

    Args:
        tx: a transaction that writes.
        name: its name.
        changes: new values of `slots`, `description` and `include_deferred`, as far as they change.

    Raises:
        Refused: `not_found`, or `invalid_value` for the slots.
    """
    old = get_pool(tx, name)
    values = {
        "slots": old.slots,
        "description": old.description,
        "include_deferred": old.include_deferred,
        **changes,
    }
    values["slots"] = _checked(values["slots"])
    tx.change(_UPDATE, {"of": name, "at": tx.now, **{f"to_{key}": value for key, value in values.items()}})
    tx.hint("ready")
    return get_pool(tx, name)


def delete_pool(tx: Transaction, name: str) -> None:
    """Delete a pool. Tasks that name it wait from then on until there is one again.

    Raises:
        Refused: `not_found`, or `conflict` for the default pool.
    """
    if name == DEFAULT_POOL:
        raise Refused(
            ProblemReason.CONFLICT,
            f"{DEFAULT_POOL} is the pool of all tasks that name none and cannot be deleted",
            field="pool_name",
            action="change its slots instead",
        )
    get_pool(tx, name)
    tx.change(_DELETE, {"of": name})


def _checked(slots: int) -> int:
    if slots < UNLIMITED:
        raise Refused(
            ProblemReason.INVALID_VALUE,
            f"slots must be 0 or more, or {UNLIMITED} for any number, got {slots}",
            field="slots",
        )
    return slots


def _uses(tx: Transaction) -> dict[str, _Use]:
    uses: dict[str, _Use] = {}
    for row in tx.rows(_ACTIVE):
        use = uses.setdefault(row.pool, _Use())
        if row.queued:
            use.queued = int(row.slots)
        else:
            use.running = int(row.slots)
    for row in tx.rows(_WAITING):
        uses.setdefault(row.pool, _Use()).scheduled = int(row.slots)
    return uses


def _pool(row: Any, uses: Mapping[str, _Use]) -> PoolRow:
    use = uses.get(row.name, _Use())
    return PoolRow(**row._asdict(), running=use.running, queued=use.queued, scheduled=use.scheduled)
