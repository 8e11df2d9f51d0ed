"""Pools: slots that limit how much of some work runs at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from tradewind.server.api.public.access import LARGEST, Given, Limit, Offset, UpdateMask, User
from tradewind.server.api.public.shapes import Body, Shape, masked, same_name
from tradewind.server.contract import PoolName, ProblemReason
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import audit, pools

if TYPE_CHECKING:
    from tradewind.server.store import Transaction
    from tradewind.server.store.pools import PoolRow

router = APIRouter(prefix="/pools", tags=["Pools"])

Slots = Annotated[int, Field(strict=True, ge=-1, le=LARGEST, description="Slots; -1 for any number.")]
Description = Annotated[str, Field(max_length=5000)]
Pattern = Annotated[str | None, Query(max_length=256, description="Text that the name contains.")]


class Pool(Shape):
    """A pool. `open_slots` is -1 where `slots` is; deferred tasks do not exist yet."""

    name: str
    slots: int
    description: str | None
    include_deferred: bool
    occupied_slots: int
    running_slots: int
    queued_slots: int
    scheduled_slots: int
    open_slots: int
    deferred_slots: int = 0


class PoolCollection(Shape):
    """Pools and how many there are in all."""

    pools: list[Pool]
    total_entries: int


class PoolPatch(Body):
    """What to change of a pool; what is left out stays. A name is there for clients that send the whole pool."""

    name: PoolName | None = None
    slots: Slots | None = None
    description: Description | None = None
    include_deferred: bool | None = None


class NewPool(Body):
    """A pool to create."""

    name: PoolName
    slots: Slots
    description: Description | None = None
    include_deferred: bool = False


@router.get("")
async def list_pools(
    services: Given, limit: Limit = 50, offset: Offset = 0, pool_name_pattern: Pattern = None
) -> PoolCollection:
    """Pools in alphabetical order."""
    page = await services.store.read(
        lambda tx: pools.list_pools(tx, limit=limit, offset=offset, pattern=pool_name_pattern)
    )
    return PoolCollection(pools=[_shown(row) for row in page.items], total_entries=page.total)


@router.get("/{pool_name:path}")
async def get_pool(services: Given, pool_name: str) -> Pool:
    """One pool."""
    return _shown(await services.store.read(lambda tx: pools.get_pool(tx, pool_name)))


@router.post("", status_code=201)
async def create_pool(services: Given, user: User, body: NewPool) -> Pool:
    """Create a pool."""

    def create(tx: Transaction) -> PoolRow:
        made = pools.create_pool(
            tx, body.name, body.slots, description=body.description, include_deferred=body.include_deferred
        )
        audit.append(tx, actor=user.label, action="set_pool", subject=body.name, detail={"slots": body.slots})
        return made

    return _shown(await services.store.write(create))


@router.patch("/{pool_name:path}")
async def patch_pool(
    services: Given, user: User, pool_name: str, body: PoolPatch, update_mask: UpdateMask = None
) -> Pool:
    """Change a pool."""
    same_name("name", body.name, pool_name)
    changes = body.model_dump(include=masked(body, update_mask) - {"name"})
    for field in ("slots", "include_deferred"):
        if changes.get(field, "") is None:
            raise Refused(ProblemReason.INVALID_VALUE, f"{field} may not be removed", field=field)

    def change(tx: Transaction) -> PoolRow:
        changed = pools.update_pool(tx, pool_name, changes)
        audit.append(tx, actor=user.label, action="set_pool", subject=pool_name, detail={"slots": changed.slots})
        return changed

    return _shown(await services.store.write(change))


@router.delete("/{pool_name:path}", status_code=204)
async def delete_pool(services: Given, user: User, pool_name: str) -> Response:
    """Delete a pool; the default pool stays."""

    def delete(tx: Transaction) -> None:
        pools.delete_pool(tx, pool_name)
        audit.append(tx, actor=user.label, action="delete_pool", subject=pool_name, detail={})

    await services.store.write(delete)
    return Response(status_code=204)


def _shown(row: PoolRow) -> Pool:
    return Pool(
        name=row.name,
        slots=row.slots,
        description=row.description,
        include_deferred=row.include_deferred,
        occupied_slots=row.occupied,
        running_slots=row.running,
        queued_slots=row.queued,
        scheduled_slots=row.scheduled,
        open_slots=row.open,
    )
