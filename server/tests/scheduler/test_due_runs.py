"""Schedules in the hands of schedulers: wake-ups, outages, bounds, leaders that change."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from tradewind.server.contract import (
    ContinuousTimetable,
    CronTriggerTimetable,
    DagRunState,
    Delta,
    DeltaTriggerTimetable,
    OnceTimetable,
    Timetable,
)
from tradewind.server.domain.schedules import Schedule
from tradewind.server.scheduler import due_runs
from tradewind.server.scheduler.due_runs import DueLook, Look
from tradewind.server.store import Transaction, dags, plans, runs, schedules, scheduling

from .conftest import World, failed, play, serialized

HOURLY = CronTriggerTimetable(crons=["@hourly"], timezone="UTC")
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def every(seconds: float) -> Timetable:
    return DeltaTriggerTimetable(delta=Delta(months=0, seconds=seconds))


async def lead(world: World, name: str = "test") -> int:
    epoch = await world.store.write(lambda tx: scheduling.take_leadership(tx, name, 3600))
    assert epoch is not None
    return epoch


async def look(world: World, epoch: int, *, now: datetime | None = None, ignored: Any = ()) -> Look:
    def job(tx: Transaction) -> Look:
        tx.now = now or tx.now
        return DueLook(tx, epoch, ignored).run()

    return await world.store.write(job)


async def plan(world: World, dag_id: str, now: datetime) -> None:
    """Plan the next run as if the DAG were parsed at a moment."""

    def job(tx: Transaction) -> None:
        tx.now = now
        plans.replan(tx, dag_id, Schedule.of(dags.dag_version(tx, dags.get_dag(tx, dag_id).dag_version_pk)))

    await world.store.write(job)


async def count(world: World, dag_id: str) -> int:
    return await world.store.read(lambda tx: runs.list_runs(tx, dag_id, limit=1).total)


def test_a_schedule_runs_by_itself_from_the_parse_to_success(world: World) -> None:
    async def scene() -> None:
        async with world.scheduler():
            await world.declare("d", [serialized("a")], timetable=OnceTimetable())
            await world.until_ready("a")
            await world.claim()
            await world.finish("a")
            (run,) = (await world.store.read(lambda tx: runs.list_runs(tx, "d"))).items
            await world.until_run(DagRunState.SUCCESS, "d", run.run_id)

    play(scene())


def test_the_scheduler_wakes_when_the_next_run_is_due(world: World) -> None:
    async def scene() -> None:
        async with world.scheduler():
            start = datetime.now(UTC) + timedelta(seconds=0.3)
            await world.declare("d", [], timetable=every(0.4), start_date=start, catchup=True)
            await world.until(lambda tx: runs.list_runs(tx, "d").total >= 3)
        found = (await world.store.read(lambda tx: runs.list_runs(tx, "d", order=["id"]))).items
        assert [run.run_after - found[0].run_after for run in found[:3]] == [
            timedelta(seconds=0.4) * number for number in range(3)
        ]
        assert all(run.queued_at >= run.run_after for run in found)

    play(scene())


def test_continuous_follows_the_end_of_each_run(world: World) -> None:
    async def scene() -> None:
        async with world.scheduler():
            await world.declare("d", [serialized("a")], timetable=ContinuousTimetable(), start_date=NEW_YEAR)
            for number in range(1, 4):
                await world.until_ready("a")
                assert await count(world, "d") == number
                await world.claim()
                await world.finish("a")
            await world.until_ready("a")
        found = (await world.store.read(lambda tx: runs.list_runs(tx, "d", order=["id"]))).items
        spans = [(run.data_interval_start, run.data_interval_end) for run in found]
        assert spans[0][0] == NEW_YEAR
        assert [start for start, _ in spans[1:]] == [end for _, end in spans[:-1]]

    play(scene())


def test_continuous_goes_on_after_a_run_that_failed(world: World) -> None:
    async def scene() -> None:
        async with world.scheduler():
            await world.declare("d", [serialized("a")], timetable=ContinuousTimetable(), start_date=NEW_YEAR)
            for _ in range(2):
                await world.until_ready("a")
                await world.claim()
                await world.finish("a", failed())
            await world.until_ready("a")
        found = (await world.store.read(lambda tx: runs.list_runs(tx, "d", order=["id"]))).items
        assert [run.state for run in found] == [DagRunState.FAILED, DagRunState.FAILED, DagRunState.RUNNING]
        assert [run.data_interval_start for run in found[1:]] == [run.data_interval_end for run in found[:-1]]

    play(scene())


def test_continuous_stops_when_too_many_runs_in_a_row_failed(world: World) -> None:
    async def scene() -> None:
        async with world.scheduler():
            await world.declare(
                "d",
                [serialized("a")],
                timetable=ContinuousTimetable(),
                start_date=NEW_YEAR,
                max_consecutive_failed_dag_runs=2,
            )
            for _ in range(2):
                await world.until_ready("a")
                await world.claim()
                await world.finish("a", failed())
            await world.until(lambda tx: dags.get_dag(tx, "d").paused)
            await world.declare("e", [serialized("b")], timetable=OnceTimetable())
            await world.until_ready("b")
            assert await count(world, "d") == 2

    play(scene())


def test_catch_up_goes_on_as_runs_end(world: World) -> None:
    async def scene() -> None:
        async with world.scheduler():
            end = NEW_YEAR + timedelta(hours=4)
            await world.declare(
                "d",
                [serialized("a")],
                timetable=HOURLY,
                start_date=NEW_YEAR,
                end_date=end,
                catchup=True,
                max_active_runs=1,
            )
            for number in range(1, 6):
                await world.until_ready("a")
                assert await count(world, "d") == number
                await world.claim()
                await world.finish("a")
            await world.until(
                lambda tx: not runs.list_runs(tx, "d", chosen=runs.RunFilter(states=["queued", "running"])).items
            )
            assert await count(world, "d") == 5

    play(scene())


def test_a_dag_that_goes_on_after_a_pause_is_due_at_once(world: World) -> None:
    async def scene() -> None:
        await world.declare("d", [serialized("a")], timetable=OnceTimetable(), paused_upon_creation=True)
        async with world.scheduler():
            await world.declare("other", [serialized("b")], timetable=OnceTimetable())
            await world.until_ready("b")
            assert await count(world, "d") == 0
            await world.store.write(lambda tx: dags.set_paused(tx, "d", paused=False))
            await world.until_ready("a", "b")

    play(scene())


def test_after_an_outage_the_latest_run_is_made_by_whoever_leads(world: World) -> None:
    async def scene() -> None:
        await world.declare("d", [serialized("a")], timetable=HOURLY, start_date=NEW_YEAR)
        await plan(world, "d", NEW_YEAR)
        before = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        async with world.scheduler():
            await world.until_ready("a")
        (run,) = (await world.store.read(lambda tx: runs.list_runs(tx, "d"))).items
        assert run.run_after in {before, before + timedelta(hours=1)}

    play(scene())


def test_two_schedulers_make_a_run_once(world: World) -> None:
    async def scene() -> None:
        async with world.scheduler("one"), world.scheduler("two"):
            for number in range(5):
                await world.declare(f"d{number}", [serialized(f"t{number}")], timetable=OnceTimetable())
            await world.until_ready(*(f"t{number}" for number in range(5)))
        assert await world.store.read(lambda tx: runs.list_runs(tx, None).total) == 5

    play(scene())


def test_a_leader_of_the_past_makes_nothing(world: World) -> None:
    async def scene() -> None:
        first = await lead(world)
        await world.store.write(lambda tx: scheduling.resign_leadership(tx, "test"))
        second = await lead(world, "other")
        await world.declare("d", [serialized("a")], timetable=OnceTimetable())
        late = await look(world, first)
        assert (late.deposed, late.created) == (True, [])
        assert await count(world, "d") == 0
        assert len((await look(world, second)).created) == 1

    play(scene())


def test_a_look_is_bounded_and_turns_to_every_dag(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due_runs, "STEPS_PER_LOOK", 30)

    async def scene() -> None:
        await world.declare(
            "long", [serialized("a")], timetable=HOURLY, start_date=NEW_YEAR, catchup=True, max_active_runs=10_000
        )
        for number in range(3):
            start = NEW_YEAR + timedelta(days=100, hours=number)
            await world.declare(f"late{number}", [serialized("a")], timetable=HOURLY, start_date=start, catchup=True)
        epoch = await lead(world)
        first = await look(world, epoch)
        assert (len(first.created), first.more, first.due_in) == (30, True, 0)
        made = [dag_id for dag_id, _ in first.created]
        assert {made.count(dag_id) for dag_id in ("long", "late0", "late1", "late2")} == {7, 8}

    play(scene())


def test_thousands_of_runs_to_catch_up_with_leave_room_for_others(world: World) -> None:
    async def scene() -> None:
        end = NEW_YEAR + timedelta(seconds=1999)
        await world.declare(
            "d", [], timetable=every(1), start_date=NEW_YEAR, end_date=end, catchup=True, max_active_runs=100_000
        )
        epoch = await lead(world)
        looks = 0
        while (found := await look(world, epoch)).more:
            looks += 1
            assert len(found.created) <= due_runs.STEPS_PER_LOOK
        assert await count(world, "d") == 2000
        assert looks + 1 == 2000 // due_runs.STEPS_PER_LOOK
        assert found.due_in is None

    play(scene())


def test_wide_runs_count_by_their_task_instances(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due_runs, "INSTANCES_PER_LOOK", 100)

    async def scene() -> None:
        tasks = [serialized(f"t{number}") for number in range(40)]
        await world.declare("d", tasks, timetable=HOURLY, start_date=NEW_YEAR, catchup=True)
        found = await look(world, await lead(world))
        assert (len(found.created), found.more) == (3, True)

    play(scene())


def test_runs_that_are_there_already_are_counted_as_steps(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due_runs, "STEPS_PER_LOOK", 5)

    async def scene() -> None:
        await world.declare("d", [], timetable=HOURLY, start_date=NEW_YEAR, catchup=True)
        for number in range(7):
            date = NEW_YEAR + timedelta(hours=number)
            await world.store.write(lambda tx, date=date: runs.create_run(tx, "d", logical_date=date))  # type: ignore[misc]
        epoch = await lead(world)
        first = await look(world, epoch)
        assert (first.created, first.more) == ([], True)
        second = await look(world, epoch)
        assert len(second.created) == 3

    play(scene())


async def damage(world: World, dag_id: str) -> None:
    """Leave a version in the store that no code of ours writes."""

    def job(tx: Transaction) -> None:
        tx.cache.clear()
        tx.change(text("UPDATE dag_version SET serialized = '{}' WHERE dag_id = :dag"), {"dag": dag_id})

    await world.store.write(job)


def test_a_schedule_that_can_not_be_evaluated_does_not_stop_the_others(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        await world.declare("bad", [serialized("a")], timetable=OnceTimetable(), start_date=NEW_YEAR)
        await damage(world, "bad")
        async with world.scheduler():
            await world.declare("good", [serialized("b")], timetable=OnceTimetable())
            await world.until_ready("b")
        assert await count(world, "bad") == 0
        faulty = [record.dag_id for record in caplog.records if record.msg == "schedule can not be evaluated"]  # type: ignore[attr-defined]
        assert faulty == ["bad"]

    play(scene())


def test_a_faulty_dag_is_left_alone_for_a_while(world: World) -> None:
    async def scene() -> None:
        await world.declare("bad", [serialized("a")], timetable=OnceTimetable(), start_date=NEW_YEAR)
        await damage(world, "bad")
        epoch = await lead(world)
        first = await look(world, epoch)
        assert (list(first.faulty), first.due_in, first.more) == (["bad"], None, False)
        second = await look(world, epoch, ignored={"bad"})
        assert (second.faulty, second.due_in) == ({}, None)

    play(scene())


def test_a_lost_hint_costs_no_more_than_a_renewal_of_the_lease(world: World) -> None:
    async def scene() -> None:
        section = world.settings.scheduler.model_copy(update={"lease_seconds": 0.6})
        async with world.scheduler(settings=world.settings.model_copy(update={"scheduler": section})):
            await world.declare("d", [serialized("a")], paused_upon_creation=True, timetable=OnceTimetable())

            def resume_in_silence(tx: Transaction) -> None:
                dags.set_paused(tx, "d", paused=False)
                tx.topics.clear()

            await world.store.write(resume_in_silence)
            await world.until_ready("a")

    play(scene())


def test_a_run_that_ended_while_nobody_led_is_followed_by_the_next(world: World) -> None:
    async def scene() -> None:
        await world.declare("d", [serialized("a")], timetable=ContinuousTimetable(), start_date=NEW_YEAR)
        epoch = await lead(world)
        ((_, run_id),) = (await look(world, epoch)).created
        assert await world.store.read(schedules.next_due) is None
        await world.store.write(lambda tx: scheduling.resign_leadership(tx, "test"))

        def end_in_silence(tx: Transaction) -> None:
            pk = runs.get_run(tx, "d", run_id).pk
            tx.change(text("UPDATE dag_run SET state = 'success', dirty_at = NULL WHERE pk = :run"), {"run": pk})

        await world.store.write(end_in_silence)
        async with world.scheduler():
            await world.until(lambda tx: runs.list_runs(tx, "d").total == 2)

    play(scene())


def test_a_clock_that_jumps_makes_a_run_due(world: World) -> None:
    """The store's clock decides; the scheduler's own only says when to look."""

    async def scene() -> None:
        start = datetime.now(UTC) + timedelta(days=1)
        await world.declare("d", [serialized("a")], timetable=OnceTimetable(), start_date=start)
        epoch = await lead(world)
        today = await look(world, epoch)
        assert today.created == []
        assert today.due_in is not None
        assert 86_000 < today.due_in <= 86_400
        tomorrow = await look(world, epoch, now=start)
        assert len(tomorrow.created) == 1
        yesterday = await look(world, epoch)
        assert yesterday.created == []

    play(scene())
