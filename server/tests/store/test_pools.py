"""Pools and what their slots are used for."""

from functools import partial

import pytest

from tradewind.server.contract import ProblemReason
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import pools

from .world import World, dag, started, succeeded, task


def test_the_default_pool_is_there_from_the_beginning(world: World) -> None:
    (row,) = world.read(pools.list_pools).items
    assert (row.name, row.slots, row.open, row.occupied) == ("default_pool", 128, 128, 0)
    with pytest.raises(Refused) as refused:
        world.write(lambda tx: pools.delete_pool(tx, "default_pool"))
    assert (refused.value.reason, refused.value.field) == (ProblemReason.CONFLICT, "pool_name")


def test_a_pool_is_made_changed_and_deleted(world: World) -> None:
    made = world.write(lambda tx: pools.create_pool(tx, "p", 3, description="words", include_deferred=True))
    assert (made.slots, made.description, made.include_deferred, made.open) == (3, "words", True, 3)
    with pytest.raises(Refused) as refused:
        world.write(lambda tx: pools.create_pool(tx, "p", 3))
    assert (refused.value.reason, refused.value.field) == (ProblemReason.ALREADY_EXISTS, "name")
    changed = world.write(lambda tx: pools.update_pool(tx, "p", {"slots": -1}))
    assert (changed.slots, changed.open, changed.description) == (-1, -1, "words")
    world.write(lambda tx: pools.delete_pool(tx, "p"))
    with pytest.raises(Refused) as refused:
        world.read(lambda tx: pools.get_pool(tx, "p"))
    assert refused.value.reason is ProblemReason.NOT_FOUND
    with pytest.raises(Refused) as refused:
        world.write(lambda tx: pools.delete_pool(tx, "p"))
    assert refused.value.reason is ProblemReason.NOT_FOUND


@pytest.mark.parametrize("slots", [-2, -100])
def test_slots_are_a_number_or_minus_one_for_any_number(world: World, slots: int) -> None:
    for job in (
        lambda tx: pools.create_pool(tx, "p", slots),
        lambda tx: pools.update_pool(tx, "default_pool", {"slots": slots}),
    ):
        with pytest.raises(Refused) as refused:
            world.write(job)
        assert (refused.value.reason, refused.value.field) == (ProblemReason.INVALID_VALUE, "slots")


def test_a_name_that_cannot_be_stored_is_refused(world: World) -> None:
    with pytest.raises(Refused) as refused:
        world.write(lambda tx: pools.create_pool(tx, "a\0b", 1))
    assert refused.value.field == "name"
    with pytest.raises(Refused):
        world.read(lambda tx: pools.get_pool(tx, "a\0b"))


def test_slots_are_counted_by_what_they_are_used_for(world: World) -> None:
    world.write(lambda tx: pools.create_pool(tx, "p", 6))
    world.declare(dag("d", *(task(f"t{number}", pool="p", pool_slots=2) for number in range(4))))
    world.trigger("d", run_id="r")
    world.schedule()
    first, _, _ = world.claim()
    world.report(first.dispatch_id, started())
    row = world.read(lambda tx: pools.get_pool(tx, "p"))
    assert (row.running, row.queued, row.scheduled, row.occupied, row.open) == (2, 4, 2, 6, 0)
    world.write(lambda tx: pools.update_pool(tx, "p", {"slots": 4}))
    row = world.read(lambda tx: pools.get_pool(tx, "p"))
    assert (row.occupied, row.open) == (6, 0)
    world.report(first.dispatch_id, succeeded())
    assert world.read(lambda tx: pools.get_pool(tx, "p")).running == 0


def test_pools_are_listed_by_name_in_pages(world: World) -> None:
    for name in ("b", "a%", "c"):
        world.write(partial(pools.create_pool, name=name, slots=1))
    page = world.read(lambda tx: pools.list_pools(tx, limit=2, offset=1))
    assert ([row.name for row in page.items], page.total) == (["b", "c"], 4)
    found = world.read(lambda tx: pools.list_pools(tx, pattern="%"))
    assert [row.name for row in found.items] == ["a%"]
