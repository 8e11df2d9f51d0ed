"""What one pass costs and what it leaves behind when its transaction fails."""

from collections.abc import Callable
from typing import Any

import pytest

from tradewind.server.contract import TaskInstanceState
from tradewind.server.domain.projection import RunProjection
from tradewind.server.scheduler.faults import RunFaultError
from tradewind.server.scheduler.run_pass import PassResult, RunMemory
from tradewind.server.store import Transaction, runs, scheduling
from tradewind.server.store.scheduling import DirtyRun

from .conftest import World, failed, one_pass, play, serialized

State = TaskInstanceState


async def lead(world: World) -> int:
    epoch = await world.store.write(lambda tx: scheduling.take_leadership(tx, "test", 60))
    assert epoch is not None
    return epoch


async def one_committed_pass(world: World, epoch: int, memory: RunMemory) -> PassResult:
    result = await world.store.write(lambda tx: one_pass(tx, epoch, memory))
    memory.keep(result)
    return result


async def settle(world: World, epoch: int, memory: RunMemory) -> None:
    while (await one_committed_pass(world, epoch, memory)).more:
        pass


def steps_of_the_database(tx: Transaction, work: Callable[[], object]) -> int:
    """How many instructions of its virtual machine SQLite needs for a piece of work."""
    connection: Any = tx._connection.connection.driver_connection
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    connection.set_progress_handler(count, 1)
    try:
        work()
    finally:
        connection.set_progress_handler(None, 0)
    return steps


async def cost_of_one_finish(world: World, dag_id: str, width: int) -> tuple[int, int]:
    """Rows read and database steps of the pass after one finish in a run with `width` parallel pairs of tasks."""
    pairs = [
        task
        for number in range(width)
        for task in (serialized(f"{dag_id}{number}"), serialized(f"after{number}", f"{dag_id}{number}"))
    ]
    await world.declare(dag_id, pairs)
    await world.trigger(dag_id)
    epoch, memory = await lead(world), RunMemory()
    await settle(world, epoch, memory)
    await world.claim(limit=10_000)
    await world.finish(f"{dag_id}0")
    steps = 0

    def job(tx: Transaction) -> PassResult:
        nonlocal steps
        results: list[PassResult] = []
        steps = steps_of_the_database(tx, lambda: results.append(one_pass(tx, epoch, memory)))
        return results[0]

    result = await world.store.write(job)
    assert result.moves == 1
    return result.rows_read, steps


def test_the_cost_of_a_finish_does_not_grow_with_the_run(sqlite_world: World) -> None:
    async def scene() -> None:
        small_rows, small_steps = await cost_of_one_finish(sqlite_world, "small", 5)
        large_rows, large_steps = await cost_of_one_finish(sqlite_world, "large", 500)
        assert small_rows == large_rows == 1
        # Deeper trees cost a few instructions more; a scan of the run would cost a hundred times as many.
        assert large_steps < small_steps * 1.5

    play(scene())


def test_the_cost_of_a_finish_does_not_grow_with_history(sqlite_world: World) -> None:
    async def scene() -> None:
        _, before = await cost_of_one_finish(sqlite_world, "first", 5)
        epoch, memory = await lead(sqlite_world), RunMemory()
        await sqlite_world.declare("old", [serialized("x")])
        for number in range(60):
            await sqlite_world.trigger("old", f"r{number}")
            await settle(sqlite_world, epoch, memory)
            while "x" in await sqlite_world.claim():
                await sqlite_world.finish("x")
                await settle(sqlite_world, epoch, memory)
        _, after = await cost_of_one_finish(sqlite_world, "second", 5)
        assert after < before * 1.5

    play(scene())


def test_a_pass_that_is_rolled_back_is_repeated_from_the_rows(world: World) -> None:
    async def scene() -> None:
        await world.declare("d", [serialized("a"), serialized("b", "a")])
        run_pk = await world.trigger("d")
        epoch, memory = await lead(world), RunMemory()
        await settle(world, epoch, memory)
        await world.claim()
        await world.finish("a", failed())

        def job(tx: Transaction) -> None:
            assert one_pass(tx, epoch, memory).moves == 1
            raise RuntimeError("the transaction is lost")

        with pytest.raises(RuntimeError, match="the transaction is lost"):
            await world.store.write(job)
        assert (await world.states(run_pk))["b"] is State.NONE
        result = await one_committed_pass(world, epoch, memory)
        assert result.rows_read == 2
        assert (await world.states(run_pk))["b"] is State.UPSTREAM_FAILED

    play(scene())


def test_a_decision_based_on_older_rows_is_refused_and_made_again(world: World) -> None:
    async def scene() -> None:
        await world.declare("d", [serialized("a"), serialized("b", "a")])
        run_pk = await world.trigger("d")
        epoch, memory, other = await lead(world), RunMemory(), RunMemory()
        await settle(world, epoch, memory)
        await settle(world, epoch, other)
        await world.claim()
        await world.finish("a")
        await settle(world, epoch, other)
        # `memory` has not seen that `b` is scheduled; it learns it from the rows before it decides.
        assert (await one_committed_pass(world, epoch, memory)).moves == 0
        assert (await world.states(run_pk))["b"] is State.SCHEDULED

    play(scene())


def test_a_pass_without_work_reads_no_task_instances(world: World) -> None:
    async def scene() -> None:
        epoch = await lead(world)
        result = await one_committed_pass(world, epoch, RunMemory())
        assert (result.rows_read, result.moves, result.more) == (0, 0, False)

    play(scene())


class FailingHalfWay(RunMemory):
    """A memory that marks a run once more and then has lost it."""

    def take(self, tx: Transaction, run: DirtyRun) -> tuple[RunProjection, int]:
        scheduling.mark(tx, [run.pk])
        raise OverflowError(f"run {run.pk} is out of range")


def test_a_decision_that_fails_half_way_names_its_run_and_nothing_of_it_is_committed(world: World) -> None:
    async def scene() -> None:
        await world.declare("d", [serialized("a")])
        run_pk = await world.trigger("d")
        epoch = await lead(world)
        with pytest.raises(RunFaultError) as raised:
            await world.store.write(lambda tx: one_pass(tx, epoch, FailingHalfWay()))
        assert raised.value.run_pk == run_pk
        assert isinstance(raised.value.__cause__, OverflowError)
        assert (await settled(world, epoch)) == {"a": State.SCHEDULED}

    async def settled(world: World, epoch: int) -> dict[str, State]:
        await settle(world, epoch, RunMemory())
        (run,) = (await world.store.read(lambda tx: runs.list_runs(tx, "d"))).items
        return await world.states(run.pk)

    play(scene())
