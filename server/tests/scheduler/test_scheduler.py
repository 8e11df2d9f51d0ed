import asyncio
import logging

import pytest
from sqlalchemy import text

from tradewind.server.contract import DagRunState, TaskInstanceState
from tradewind.server.store import Transaction, dags, runs, scheduling

from .conftest import World, failed, lose_instances, one_pass, play, serialized

State = TaskInstanceState


def test_a_run_goes_from_its_trigger_to_success_by_hints_alone(world: World) -> None:
    async def scene() -> None:
        async with world.scheduler():
            await world.declare("d", [serialized("a"), serialized("b", "a")])
            await world.trigger("d")
            for task_id in ("a", "b"):
                await world.until_ready(task_id)
                assert await world.claim() == [task_id]
                await world.finish(task_id)
            await world.until_run(DagRunState.SUCCESS, "d")

    play(scene())


def test_a_failure_reaches_the_tasks_below_and_the_run(world: World) -> None:
    async def scene() -> None:
        async with world.scheduler():
            await world.declare("d", [serialized("a"), serialized("b", "a"), serialized("c", "b")])
            run_pk = await world.trigger("d")
            await world.until_ready("a")
            await world.claim()
            await world.finish("a", failed())
            await world.until_run(DagRunState.FAILED, "d")
            assert await world.states(run_pk) == {
                "a": State.FAILED,
                "b": State.UPSTREAM_FAILED,
                "c": State.UPSTREAM_FAILED,
            }

    play(scene())


def test_a_retry_is_scheduled_when_it_is_due(world: World) -> None:
    async def scene() -> None:
        async with world.scheduler():
            await world.declare("d", [serialized("a", retries=1, retry_delay_seconds=0.2)])
            await world.trigger("d")
            await world.until_ready("a")
            await world.claim()
            await world.finish("a", failed())
            await world.until_ready("a")
            assert await world.claim() == ["a"]
            assert world.handouts["a"].activity.task_try.try_number == 2  # type: ignore[union-attr]  # a task's
            await world.finish("a")
            await world.until_run(DagRunState.SUCCESS, "d")

    play(scene())


def test_a_retry_survives_a_restart_of_the_scheduler(world: World) -> None:
    async def scene() -> None:
        await world.declare("d", [serialized("a", retries=1, retry_delay_seconds=0.2)])
        async with world.scheduler():
            await world.trigger("d")
            await world.until_ready("a")
            await world.claim()
        await world.finish("a", failed())
        async with world.scheduler("another"):
            await world.until_ready("a")

    play(scene())


def test_runs_beyond_max_active_runs_wait_and_start_in_order(world: World) -> None:
    async def scene() -> None:
        async with world.scheduler():
            await world.declare("d", [serialized("a")], max_active_runs=1)
            for run_id in ("first", "second", "third"):
                await world.trigger("d", run_id)
            await world.until_run(DagRunState.RUNNING, "d", "first")
            for run_id, following in (("first", "second"), ("second", "third")):
                assert await world.run_state("d", following) is DagRunState.QUEUED
                await world.until_ready("a")
                await world.claim()
                await world.finish("a")
                await world.until_run(DagRunState.SUCCESS, "d", run_id)
                await world.until_run(DagRunState.RUNNING, "d", following)

    play(scene())


def test_a_run_of_a_paused_dag_starts_when_the_pause_ends(world: World) -> None:
    async def scene() -> None:
        async with world.scheduler():
            await world.declare("d", [serialized("a")])
            await world.declare("other", [serialized("b")])
            await world.store.write(lambda tx: dags.set_paused(tx, "d", paused=True))
            await world.trigger("d")
            await world.trigger("other")
            # The other run is looked at later: when it has started, the first was passed over.
            await world.until_run(DagRunState.RUNNING, "other")
            assert await world.run_state("d") is DagRunState.QUEUED
            await world.store.write(lambda tx: dags.set_paused(tx, "d", paused=False))
            await world.until_run(DagRunState.RUNNING, "d")

    play(scene())


def test_a_run_without_tasks_succeeds(world: World) -> None:
    async def scene() -> None:
        async with world.scheduler():
            await world.declare("d", [])
            await world.trigger("d")
            await world.until_run(DagRunState.SUCCESS, "d")

    play(scene())


def test_a_wide_run_is_decided_in_bounded_steps(world: World) -> None:
    async def scene() -> None:
        async with world.scheduler():
            tasks = [serialized(f"t{number:04}") for number in range(1200)]
            await world.declare("d", tasks)
            await world.trigger("d")
            await world.until_ready(*(task.task_id for task in tasks))

    play(scene())


def test_one_scheduler_leads_and_another_takes_over_when_it_stops(world: World) -> None:
    async def scene() -> None:
        await world.declare("d", [serialized("a"), serialized("b", "a")])
        async with world.scheduler("one"):
            await world.trigger("d")
            await world.until_ready("a")
            async with world.scheduler("two") as second:
                await world.claim()
                await world.finish("a")
                await world.until_ready("b")
                assert not second.is_leader
        async with world.scheduler("three") as third:
            await world.claim()
            await world.finish("b")
            await world.until_run(DagRunState.SUCCESS, "d")
            assert third.is_leader

    play(scene())


def test_a_decision_of_a_leader_of_the_past_changes_nothing(world: World) -> None:
    async def scene() -> None:
        await world.declare("d", [serialized("a")])
        run_pk = await world.trigger("d")
        first = await world.store.write(lambda tx: scheduling.take_leadership(tx, "one", 5))
        assert first is not None
        await world.store.write(lambda tx: scheduling.resign_leadership(tx, "one"))
        second = await world.store.write(lambda tx: scheduling.take_leadership(tx, "two", 5))
        assert second is not None
        assert second > first
        late = await world.store.write(lambda tx: one_pass(tx, first))
        assert (late.refused, late.moves) == ([run_pk], 0)
        assert await world.states(run_pk) == {"a": State.NONE}
        current = await world.store.write(lambda tx: one_pass(tx, second))
        assert (current.refused, current.moves) == ([], 1)

    play(scene())


def test_a_scheduler_that_finds_work_at_its_start_needs_no_hint(world: World) -> None:
    async def scene() -> None:
        await world.declare("d", [serialized("a")])
        await world.trigger("d")
        async with world.scheduler():
            await world.until_ready("a")

    play(scene())


def test_a_lost_hint_costs_nothing_but_time(world: World) -> None:
    async def scene() -> None:
        polling = world.settings.scheduler.model_copy(update={"poll_seconds": 0.1})
        async with world.scheduler(settings=world.settings.model_copy(update={"scheduler": polling})):
            await world.declare("d", [serialized("a")])

            def trigger_in_silence(tx: Transaction) -> None:
                runs.create_run(tx, "d", run_id="r")
                tx.topics.clear()

            await world.store.write(trigger_in_silence)
            await world.until_ready("a")

    play(scene())


def test_a_turn_that_fails_does_not_end_the_scheduler(world: World) -> None:
    async def scene() -> None:
        heard = asyncio.Event()
        loop = asyncio.get_running_loop()

        class Hearing(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                if "turn of the scheduler failed" in record.getMessage():
                    loop.call_soon_threadsafe(heard.set)

        logger, hearing = logging.getLogger("tradewind.server.scheduler.scheduler"), Hearing()
        spoil = text("UPDATE dag_run SET end_reason = :words")
        await world.declare("d", [serialized("a")])
        await world.trigger("d")
        await world.store.write(lambda tx: tx.change(spoil, {"words": "{"}))
        logger.addHandler(hearing)
        try:
            async with world.scheduler():
                await heard.wait()
                await world.store.write(lambda tx: tx.change(spoil, {"words": None}))
                await world.until_ready("a")
        finally:
            logger.removeHandler(hearing)

    play(scene())


def test_a_run_that_can_not_be_decided_does_not_stop_the_others(world: World, caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        await world.declare("bad", [serialized("a")])
        await world.declare("good", [serialized("b")])
        bad = await world.trigger("bad")
        await world.trigger("good")
        await world.store.write(lambda tx: lose_instances(tx, bad))
        async with world.scheduler():
            await world.until_ready("b")
        assert [record.run_pk for record in caplog.records if record.msg == "run can not be decided"] == [bad]  # type: ignore[attr-defined]

    play(scene())
