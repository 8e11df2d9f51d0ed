"""Fairness: no DAG starves another, and a claim costs the same however much waits."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from tradewind.server.contract import ActivityKind, ExecuteTask, SerializedTask, WeightRule
from tradewind.server.store import Store, Transaction, dispatches, limits, pools, prepared
from tradewind.server.store.dispatches.claim_walk import rows_of, walk
from tradewind.server.store.handouts import ClaimRequest, Handout
from tradewind.server.store.tables import task_instance

from .world import EXECUTOR, OpenStore, World, dag, succeeded, task


def heavy(number: int) -> SerializedTask:
    return task(f"t{number:04}", priority_weight=1000 + number, weight_rule=WeightRule.ABSOLUTE)


def ready(world: World, dag_id: str, *tasks: SerializedTask) -> None:
    world.declare(dag(dag_id, *tasks, max_active_tasks=5000), file=f"{dag_id}.py")
    world.trigger(dag_id, run_id="r")
    world.schedule()


def of_dags(handouts: Sequence[Handout]) -> Counter[str]:
    return Counter(
        handout.activity.task_try.dag_id for handout in handouts if isinstance(handout.activity, ExecuteTask)
    )


def task_ids(handouts: Sequence[Handout]) -> list[str]:
    return [handout.activity.task_try.task_id for handout in handouts if isinstance(handout.activity, ExecuteTask)]


def test_thousands_of_heavy_tasks_of_one_dag_do_not_starve_another(world: World) -> None:
    ready(world, "a", *(heavy(number) for number in range(2000)))
    first = world.claim(limit=16)
    assert task_ids(first) == [f"t{number:04}" for number in range(1999, 1983, -1)]
    ready(world, "b", *(task(f"t{number}") for number in range(40)))
    for handout in first[:8]:
        world.report(handout.dispatch_id, succeeded())
    second = world.claim(limit=8)
    assert of_dags(second) == {"b": 8}
    assert task_ids(second) == [f"t{number}" for number in range(8)]
    for handout in (*first[8:12], *second[:4]):
        world.report(handout.dispatch_id, succeeded())
    third = world.claim(limit=8)
    assert of_dags(third) == {"a": 4, "b": 4}
    assert [one for one in task_ids(third) if len(one) > 3] == [f"t{number:04}" for number in range(1983, 1979, -1)]


def test_many_dags_share_the_places_evenly_and_each_keeps_its_order(world: World) -> None:
    for name in "abc":
        ready(world, name, *(heavy(number) for number in range(20)))
    handouts = world.claim(limit=31)
    assert sorted(of_dags(handouts).values()) == [10, 10, 11]
    for name in "abc":
        own = [
            one.activity.task_try.task_id
            for one in handouts
            if isinstance(one.activity, ExecuteTask) and one.activity.task_try.dag_id == name
        ]
        assert own == sorted(own, reverse=True)


def test_a_dag_with_one_task_goes_before_the_second_one_of_any_other(world: World) -> None:
    for name in "abcde":
        ready(world, name, *(heavy(number) for number in range(10)))
    ready(world, "z", task("only"))
    assert of_dags(world.claim(limit=6)) == dict.fromkeys("abcdez", 1)


def claim_one(tx: Transaction) -> int:
    request = ClaimRequest(kind=ActivityKind.EXECUTE_TASK, executor=EXECUTOR, limit=1, queues=("default",))
    return len(dispatches.claim(tx, [request]))


def multiply(world: World, dag_id: str, number: int) -> None:
    """Let so many more instances wait for each one of a DAG that waits."""
    columns = ", ".join(column.name for column in task_instance.columns if column.name not in {"pk", "task_id"})
    numbers = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < :number) SELECT n FROM n"
    more = text(
        f"INSERT INTO task_instance ({columns}, task_id) SELECT {columns}, task_id || '_' || n"
        f" FROM task_instance, ({numbers}) AS numbers WHERE dag_id = :dag_id"
    )
    world.write(lambda tx: tx.change(more, {"number": number, "dag_id": dag_id}))


def test_a_claim_costs_the_same_however_many_wait(sqlite_world: World) -> None:
    """Counted in instructions of SQLite's machine: they do not depend on the machine that runs it."""
    steps: list[int] = []

    def counted(tx: Transaction) -> int:
        driver = tx._connection.connection.driver_connection
        assert driver is not None
        steps.append(0)
        driver.set_progress_handler(count, 10)
        try:
            return claim_one(tx)
        finally:
            driver.set_progress_handler(None, 0)

    def count() -> None:
        steps[-1] += 1

    world = sqlite_world
    world.write(lambda tx: pools.create_pool(tx, "full", 0))
    for dag_id, number in (("few", 10), ("many", 10_000)):
        ready(world, dag_id, task("held", pool="full", **EQUAL), task("free", **EQUAL))
        multiply(world, dag_id, number)
        assert [world.write(counted) for _ in range(5)] == [1] * 5
    assert max(steps[5:]) < 1.5 * max(steps[:5]) + 20


def test_postgresql_finds_what_goes_next_by_its_index(postgres_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # What is executed straight on the driver is out of SQLAlchemy's sight.
    monkeypatch.setattr(prepared, "REPEATED", math.inf)
    world = postgres_world
    ready(world, "d", task("t"))
    multiply(world, "d", 10_000)

    def plans(tx: Transaction) -> str:
        lane = walk(tx, EXECUTOR, "default", behind=None).lanes[0]
        found: list[str] = []

        def explain(connection: Connection, _cursor: object, statement: str, values: Any, *_: object) -> None:
            if not statement.startswith("EXPLAIN"):
                found.extend(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", values))

        event.listen(tx._connection, "before_cursor_execute", explain)
        try:
            walk(tx, EXECUTOR, "default", behind=None)
            rows_of(tx, EXECUTOR, lane, None, 1)
            limits.active_instances(tx)
        finally:
            event.remove(tx._connection, "before_cursor_execute", explain)
        return "\n".join(found)

    plan = world.write(plans)
    assert "Seq Scan on task_instance" not in plan
    assert plan.count("ix_task_instance_claimable") == 3


EQUAL = {"weight_rule": WeightRule.ABSOLUTE}


@pytest.fixture
def sqlite_world(sqlite_url: str, open_store: OpenStore, world_of: Callable[[Store], World]) -> World:
    return world_of(open_store(sqlite_url))


@pytest.fixture
def postgres_world(postgres_url: str, open_store: OpenStore, world_of: Callable[[Store], World]) -> World:
    return world_of(open_store(postgres_url))
