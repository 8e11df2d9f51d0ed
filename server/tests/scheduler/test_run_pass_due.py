"""What a pass does because time has passed, and what it must not forget."""

from datetime import UTC, datetime, timedelta

import pytest

from tradewind.server.contract import DagRunState, SerializedTask, TaskInstanceState
from tradewind.server.scheduler import run_pass
from tradewind.server.scheduler.run_pass import PassResult, RunMemory
from tradewind.server.store import Transaction, runs

from .conftest import World, one_pass, play, serialized
from .test_run_pass import lead, settle

State = TaskInstanceState
DAY = datetime(2026, 1, 1, tzinfo=UTC)


def looks_back(task_id: str) -> SerializedTask:
    return serialized(task_id).model_copy(update={"depends_on_past": True})


async def pass_later(world: World, epoch: int, memory: RunMemory, seconds: float) -> PassResult:
    """A pass as it happens some time from now, and is committed."""

    def job(tx: Transaction) -> PassResult:
        tx.now += timedelta(seconds=seconds)
        return one_pass(tx, epoch, memory)

    result = await world.store.write(job)
    memory.keep(result)
    return result


async def trigger_later(world: World, dag_id: str, run_id: str, seconds: float) -> None:
    due = datetime.now(UTC) + timedelta(seconds=seconds)
    await world.store.write(lambda tx: runs.create_run(tx, dag_id, run_id=run_id, run_after=due))


def test_a_leader_that_goes_on_sees_a_queued_run_come_due(world: World) -> None:
    async def scene() -> None:
        epoch, memory = await lead(world), RunMemory()
        await world.declare("d", [serialized("a")])
        await trigger_later(world, "d", "r", 600)
        result = await pass_later(world, epoch, memory, 0)
        assert result.due_in == pytest.approx(600, abs=5)
        assert (await pass_later(world, epoch, memory, 590)).moves == 0
        assert (await pass_later(world, epoch, memory, 601)).moves == 1
        assert await world.run_state("d") is DagRunState.RUNNING

    play(scene())


def test_a_pass_that_is_rolled_back_has_not_seen_what_came_due(world: World) -> None:
    async def scene() -> None:
        epoch, memory = await lead(world), RunMemory()
        await world.declare("d", [serialized("a")])
        await trigger_later(world, "d", "r", 600)
        await pass_later(world, epoch, memory, 0)

        def lost(tx: Transaction) -> None:
            tx.now += timedelta(seconds=601)
            one_pass(tx, epoch, memory)
            raise RuntimeError("the transaction is lost")

        with pytest.raises(RuntimeError, match="the transaction is lost"):
            await world.store.write(lost)
        assert (await pass_later(world, epoch, memory, 602)).moves == 1

    play(scene())


def test_a_queued_run_for_which_a_pass_has_no_room_is_not_forgotten(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        epoch, memory = await lead(world), RunMemory()
        await world.declare("d", [serialized("a"), serialized("b")])
        for number in range(3):
            await trigger_later(world, "d", f"r{number}", 600)
        await pass_later(world, epoch, memory, 0)
        monkeypatch.setattr(run_pass, "MOVES_PER_PASS", 2)
        while (await pass_later(world, epoch, memory, 601)).more:
            pass
        states = [await world.run_state("d", f"r{number}") for number in range(3)]
        assert states == [DagRunState.RUNNING] * 3

    play(scene())


def test_the_scheduler_wakes_when_a_queued_run_is_due_and_when_the_time_of_a_run_is_over(world: World) -> None:
    async def scene() -> None:
        await world.declare("d", [serialized("a")], dagrun_timeout_seconds=0.2)
        async with world.scheduler():
            await trigger_later(world, "d", "r", 0.2)
            await world.until_run(DagRunState.FAILED, "d")
            run = await world.store.read(lambda tx: runs.get_run(tx, "d", "r"))
            assert run.started_at is not None
            assert run.ended_at is not None
            assert run.started_at >= run.run_after
            assert run.ended_at >= run.started_at + timedelta(seconds=0.2)

    play(scene())


def test_a_live_try_that_the_leader_has_not_seen_start_is_stopped_with_its_run(world: World) -> None:
    async def scene() -> None:
        epoch, memory = await lead(world), RunMemory()
        await world.declare("d", [serialized("a"), serialized("b", "a")])
        run_pk = await world.trigger("d")
        await settle(world, epoch, memory)
        await world.claim()
        await world.store.write(lambda tx: runs.cancel_run(tx, "d", "r", user="u"))
        await settle(world, epoch, memory)
        assert await world.states(run_pk) == {"a": State.FAILED, "b": State.SKIPPED}
        assert await world.run_state("d") is DagRunState.FAILED

    play(scene())


def test_an_end_is_made_in_parts_when_there_is_much_to_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_pass, "MOVES_PER_RUN", 3)

    async def scene() -> None:
        epoch, memory = await lead(world), RunMemory()
        await world.declare("d", [serialized(f"t{number}") for number in range(8)])
        run_pk = await world.trigger("d")
        await settle(world, epoch, memory)
        await world.claim(limit=5)
        await world.store.write(lambda tx: runs.cancel_run(tx, "d", "r", user="u"))
        await settle(world, epoch, memory)
        states = list((await world.states(run_pk)).values())
        assert (states.count(State.FAILED), states.count(State.SKIPPED)) == (5, 3)
        assert await world.run_state("d") is DagRunState.FAILED

    play(scene())


async def two_runs(world: World, dag_id: str, tasks: list[SerializedTask]) -> list[int]:
    await world.declare(dag_id, tasks, max_active_tasks=1000)

    def job(tx: Transaction) -> list[int]:
        dates = [DAY + timedelta(days=number) for number in range(2)]
        return [runs.create_run(tx, dag_id, run_id=f"r{date.day}", logical_date=date).pk for date in dates]

    return await world.store.write(job)


async def cost_of_news_from_the_past(world: World, dag_id: str, width: int) -> int:
    """Rows read by the passes after one finish in a run for which the next one waits with `width` tasks."""
    names = [f"{dag_id}{number}" for number in range(width)]
    _, second = await two_runs(world, dag_id, [looks_back(name) for name in names])
    epoch, memory = await lead(world), RunMemory()
    await settle(world, epoch, memory)
    await world.claim(limit=10_000)
    await world.finish(names[0])
    rows, more = 0, True
    while more:
        result = await pass_later(world, epoch, memory, 0)
        rows, more = rows + result.rows_read, result.more
    states = await world.states(second)
    assert [name for name in names if states[name] is State.SCHEDULED] == names[:1]
    return rows


def test_the_cost_of_news_from_the_run_before_does_not_grow_with_the_run(sqlite_world: World) -> None:
    async def scene() -> None:
        small = await cost_of_news_from_the_past(sqlite_world, "small", 3)
        large = await cost_of_news_from_the_past(sqlite_world, "large", 100)
        assert small == large

    play(scene())


def test_a_run_that_waits_for_the_one_before_is_looked_at_by_another_leader_as_well(world: World) -> None:
    async def scene() -> None:
        epoch = await lead(world)
        _, second = await two_runs(world, "d", [looks_back("a")])
        await settle(world, epoch, RunMemory())
        assert await world.states(second) == {"a": State.NONE}
        await world.claim()
        await world.finish("a")
        await settle(world, epoch, RunMemory())
        assert await world.states(second) == {"a": State.SCHEDULED}

    play(scene())
