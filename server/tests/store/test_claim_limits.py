"""Limits at claim: what they hold back, that it holds nothing else back, and that it goes when there is room."""

from collections.abc import Sequence

import pytest

from tradewind.server.contract import SerializedTask, WeightRule
from tradewind.server.store import dags, pools
from tradewind.server.store.handouts import Handout

from .world import World, dag, started, succeeded, task, task_id_of


def weighted(task_id: str, weight: int, **options: object) -> SerializedTask:
    return task(task_id, priority_weight=weight, weight_rule=WeightRule.ABSOLUTE, **options)


def ready(world: World, *tasks: SerializedTask, dag_id: str = "d", run_id: str = "r", **options: object) -> None:
    world.declare(dag(dag_id, *tasks, **options), file=f"{dag_id}.py")
    world.trigger(dag_id, run_id=run_id)
    world.schedule()


def ids(handouts: Sequence[Handout]) -> list[str]:
    return [task_id_of(handout) for handout in handouts]


def test_heavier_tasks_of_a_dag_go_first(world: World) -> None:
    ready(world, weighted("a", 1), weighted("b", 3), weighted("c", -2), weighted("e", 3))
    assert ids(world.claim()) == ["b", "e", "a", "c"]


def test_by_default_a_task_weighs_as_much_as_everything_that_waits_for_it(world: World) -> None:
    ready(world, task("leaf"), task("root"), task("middle", "root"), task("last", "middle"))
    assert ids(world.claim()) == ["root", "leaf"]


def test_pool_slots_are_never_more_than_the_pool_has(world: World) -> None:
    world.write(lambda tx: pools.create_pool(tx, "p", 5))
    ready(world, *(task(f"t{number}", pool="p", pool_slots=2) for number in range(4)), task("other"))
    handouts = world.claim()
    assert ids(handouts) == ["t0", "t1", "other"]
    assert handouts.held_back
    world.report(handouts[0].dispatch_id, succeeded())
    assert ids(world.claim()) == ["t2"]
    world.write(lambda tx: pools.update_pool(tx, "p", {"slots": -1}))
    last = world.claim()
    assert (ids(last), last.held_back) == (["t3"], False)


def test_a_pool_is_shared_by_all_dags_and_queues(world: World) -> None:
    world.write(lambda tx: pools.create_pool(tx, "p", 1))
    ready(world, task("a", pool="p", queue="x"))
    ready(world, task("b", pool="p", queue="y"), dag_id="e")
    (first,) = world.claim(queues=["x"])
    assert world.claim() == []
    world.report(first.dispatch_id, started())
    assert world.claim() == []
    world.report(first.dispatch_id, succeeded())
    assert ids(world.claim(queues=["y"])) == ["b"]


def test_an_unknown_pool_holds_its_tasks_back_and_no_others(world: World) -> None:
    ready(world, weighted("a", 9, pool="missing"), weighted("b", 1))
    handouts = world.claim()
    assert (ids(handouts), handouts.held_back) == (["b"], False)
    world.write(lambda tx: pools.create_pool(tx, "missing", 1))
    assert ids(world.claim()) == ["a"]


def test_a_run_has_no_more_active_tasks_than_its_dag_allows(world: World) -> None:
    tasks = [task(f"t{number}") for number in range(5)]
    ready(world, *tasks, max_active_tasks=2)
    world.trigger("d", run_id="r2")
    world.schedule()
    handouts = world.claim()
    assert sorted(ids(handouts)) == ["t0", "t0", "t1", "t1"]
    world.report(handouts[0].dispatch_id, succeeded())
    assert ids(world.claim()) == ["t2"]


def test_a_task_is_active_in_no_more_runs_than_it_allows(world: World) -> None:
    ready(world, task("limited", max_active_tis_per_dag=1), task("free"), run_id="r0")
    for run_id in ("r1", "r2"):
        world.trigger("d", run_id=run_id)
    world.schedule()
    handouts = world.claim()
    assert sorted(ids(handouts)) == ["free", "free", "free", "limited"]
    assert (world.claim(), handouts.held_back) == ([], True)
    limited = next(handout for handout in handouts if task_id_of(handout) == "limited")
    world.report(limited.dispatch_id, succeeded())
    assert ids(world.claim()) == ["limited"]


def test_a_limit_within_a_run_leaves_other_runs_alone(world: World) -> None:
    ready(world, task("t", max_active_tis_per_dagrun=1), run_id="r0")
    world.trigger("d", run_id="r1")
    world.schedule()
    assert ids(world.claim()) == ["t", "t"]


def test_a_paused_dag_hands_nothing_out_and_what_runs_goes_on(world: World) -> None:
    ready(world, task("a"), task("b"))
    (first,) = world.claim(limit=1)
    world.write(lambda tx: dags.set_paused(tx, "d", True))
    assert world.claim() == []
    world.report(first.dispatch_id, succeeded())
    assert world.states()["a"] == "success"
    world.write(lambda tx: dags.set_paused(tx, "d", False))
    assert ids(world.claim()) == ["b"]


@pytest.mark.parametrize("number", [300, 600])
def test_more_lanes_than_one_walk_sees_are_all_reached(world: World, number: int) -> None:
    """Each of the blocked tasks stands in a lane of its own, and the free one behind all of them."""
    world.write(lambda tx: [pools.create_pool(tx, f"p{one:03}", 0) for one in range(number)])
    blocked = [task(f"t{one:03}", pool=f"p{one:03}") for one in range(number)]
    world.write(lambda tx: pools.create_pool(tx, "q", 2))
    ready(world, *blocked, task("free", pool="q"), task("last", pool="q"))
    assert ids(world.claim(limit=1)) == ["free"]
    assert ids(world.claim(limit=1)) == ["last"]
    nothing = world.claim(limit=1)
    assert (nothing, nothing.held_back) == ([], True)
    world.write(lambda tx: pools.update_pool(tx, "p000", {"slots": 1}))
    assert ids(world.claim(limit=1)) == ["t000"]
