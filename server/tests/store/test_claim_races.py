"""Several claimers on PostgreSQL: whatever the order of their steps, no limit is exceeded, nothing goes out twice."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from sqlalchemy import text

from tradewind.server.contract import WeightRule
from tradewind.server.store import Store, Transaction, pools

from .world import OpenStore, World, dag, succeeded, task

SLOTS = {"narrow": 3, "wide": 9}
MAX_ACTIVE_TASKS = 5
LIMIT_OF_TASK = 2

_ACTIVE = text(
    "SELECT dag_id, run_pk, task_id, pool, pool_slots, max_active_tis_per_dag FROM task_instance"
    " WHERE state IN ('queued', 'running')"
)


@pytest.fixture
def worlds(postgres_url: str, open_store: OpenStore, world_of: Callable[[Store], World]) -> tuple[World, World, World]:
    """Two processes that claim, and one that looks."""
    first, second, third = (world_of(open_store(postgres_url)) for _ in range(3))
    return first, second, third


def declare(world: World) -> int:
    for name, slots in SLOTS.items():
        world.write(partial(pools.create_pool, name=name, slots=slots))
    number = 0
    for dag_id in "de":
        tasks = [
            task(
                f"t{one:02}",
                pool=("narrow", "wide", None)[one % 3],
                pool_slots=1 + one % 2,
                max_active_tis_per_dag=LIMIT_OF_TASK if one % 4 == 0 else None,
                priority_weight=one % 5,
                weight_rule=WeightRule.ABSOLUTE,
            )
            for one in range(12)
        ]
        world.declare(dag(dag_id, *tasks, max_active_tasks=MAX_ACTIVE_TASKS), file=f"{dag_id}.py")
        for run in range(4):
            world.trigger(dag_id, run_id=f"r{run}")
            number += len(tasks)
    world.schedule()
    return number


def exceeded(tx: Transaction) -> list[str]:
    """Limits that what is active now exceeds, in the view of one moment."""
    rows = tx.rows(_ACTIVE)
    of_pools: Counter[str] = Counter()
    for row in rows:
        of_pools[row.pool] += row.pool_slots
    of_runs = Counter(row.run_pk for row in rows)
    of_tasks = Counter((row.dag_id, row.task_id) for row in rows if row.max_active_tis_per_dag is not None)
    return [
        *(f"{name}: {of_pools[name]}" for name, slots in SLOTS.items() if of_pools[name] > slots),
        *(f"run {run}: {number}" for run, number in of_runs.items() if number > MAX_ACTIVE_TASKS),
        *(f"task {key}: {number}" for key, number in of_tasks.items() if number > LIMIT_OF_TASK),
    ]


@pytest.mark.parametrize("seed", range(3))
def test_limits_hold_under_random_interleavings(worlds: tuple[World, World, World], seed: int) -> None:
    total = declare(worlds[2])
    finished: list[list[str]] = [[], []]
    barrier, done = threading.Barrier(3), threading.Event()

    def work(number: int) -> None:
        """Claim and finish in any order until both have finished everything."""
        chance, world = random.Random(seed * 2 + number), worlds[number]
        held: list[str] = []
        barrier.wait(30)
        while len(finished[0]) + len(finished[1]) < total:
            if chance.random() < 0.5:
                held += [one.dispatch_id for one in world.claim(limit=chance.randint(1, 6))]
            if held and chance.random() < 0.6:
                one = held.pop(chance.randrange(len(held)))
                world.report(one, succeeded())
                finished[number].append(one)

    def watch() -> list[str]:
        seen: list[str] = []
        barrier.wait(30)
        while not done.is_set():
            seen += worlds[2].read(exceeded)
        return seen

    with ThreadPoolExecutor(3) as executor:
        watching = executor.submit(watch)
        try:
            list(executor.map(work, (0, 1), timeout=60))
        finally:
            done.set()
        assert watching.result() == []
    assert len(set(finished[0]) | set(finished[1])) == total
    assert all(finished)


def test_two_claimers_never_fill_one_slot_twice(worlds: tuple[World, World, World]) -> None:
    first, second, _ = worlds
    first.write(lambda tx: pools.create_pool(tx, "one", 1))
    first.declare(dag("d", *(task(f"t{number}", pool="one") for number in range(20))))
    first.trigger("d", run_id="r")
    first.schedule()
    barrier = threading.Barrier(2)
    for _ in range(20):

        def claim(world: World) -> list[str]:
            barrier.wait(30)
            while not (handouts := world.claim(limit=4)) and handouts.contended:
                continue
            return [handout.dispatch_id for handout in handouts]

        with ThreadPoolExecutor(2) as executor:
            claimed = [one for found in executor.map(claim, (first, second)) for one in found]
        assert len(claimed) == 1
        first.report(claimed[0], succeeded())
