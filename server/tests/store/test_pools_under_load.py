"""Pools whose slots change while their tasks run, with tasks of every weight."""

from collections.abc import Sequence

import pytest

from tradewind.server.contract import SerializedTask, WaitingForPoolSlots, WeightRule
from tradewind.server.domain import reasons
from tradewind.server.store import Transaction, pools, runs, views
from tradewind.server.store.handouts import Handout

from .world import World, dag, started, succeeded, task, task_id_of


def weighted(task_id: str, weight: int, **options: object) -> SerializedTask:
    return task(task_id, priority_weight=weight, weight_rule=WeightRule.ABSOLUTE, pool="p", **options)


def begin(world: World, *tasks: SerializedTask, slots: int) -> list[Handout]:
    """A run of tasks of the pool `p`; what is handed out at once."""
    world.connect()
    world.write(lambda tx: pools.create_pool(tx, "p", slots))
    world.declare(dag("d", *tasks))
    world.trigger("d", run_id="r")
    world.schedule()
    return world.claim()


def resize(world: World, slots: int) -> None:
    world.write(lambda tx: pools.update_pool(tx, "p", {"slots": slots}))


def names(handouts: Sequence[Handout]) -> list[str]:
    return [task_id_of(handout) for handout in handouts]


def why(world: World, task_id: str) -> object:
    def query(tx: Transaction) -> object:
        row = runs.get_instance(tx, "d", "r", task_id)
        return reasons.explain(views.instance_views(tx, [row])[row.pk])

    return world.read(query)


def test_a_pool_that_shrinks_below_what_is_used_lets_that_end_and_hands_out_nothing(world: World) -> None:
    handouts = begin(world, *(weighted(f"t{number}", 9 - number) for number in range(6)), slots=3)
    assert names(handouts) == ["t0", "t1", "t2"]
    for handout in handouts:
        world.report(handout.dispatch_id, started())
    resize(world, 1)
    assert world.claim() == []
    assert why(world, "t3") == WaitingForPoolSlots(pool="p", slots=1, used=3, needed=1)
    assert world.states() == {
        **dict.fromkeys(("t0", "t1", "t2"), "running"),
        **dict.fromkeys(("t3", "t4", "t5"), "scheduled"),
    }
    world.report(handouts[0].dispatch_id, succeeded())
    world.report(handouts[1].dispatch_id, succeeded())
    assert world.claim() == []
    world.report(handouts[2].dispatch_id, succeeded())
    assert names(world.claim()) == ["t3"]


def test_a_pool_that_grows_hands_out_at_once_and_a_closed_one_nothing(world: World) -> None:
    assert names(begin(world, *(weighted(f"t{number}", 0) for number in range(5)), slots=0)) == []
    assert why(world, "t0") == WaitingForPoolSlots(pool="p", slots=0, used=0, needed=1)
    resize(world, 2)
    assert names(world.claim()) == ["t0", "t1"]
    resize(world, 3)
    assert names(world.claim()) == ["t2"]
    resize(world, -1)
    assert names(world.claim()) == ["t3", "t4"]


@pytest.mark.parametrize("slots", [1, 2, 8])
def test_weights_below_zero_come_last_and_in_their_order(world: World, slots: int) -> None:
    weights = {"a": -1, "b": -(2**31), "c": 0, "d": 2**31 - 1, "e": -7}
    waiting = begin(world, *(weighted(task_id, weight) for task_id, weight in weights.items()), slots=slots)
    order: list[str] = []
    while waiting:
        order += names(waiting)
        for handout in waiting:
            world.report(handout.dispatch_id, succeeded())
        waiting = world.claim()
    assert order == ["d", "c", "a", "e", "b"]
