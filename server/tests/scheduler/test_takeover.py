from datetime import UTC, datetime, timedelta

import pytest

from tradewind.server.contract import TaskInstanceState
from tradewind.server.scheduler.takeover import OutageFloor, take_over
from tradewind.server.settings import Settings, load_settings
from tradewind.server.store import runs, scheduling

from .conftest import World, play, serialized

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def test_silence_counts_from_the_first_sight_of_the_store() -> None:
    floor = OutageFloor(15)
    assert floor.reached(100.0, NOON) == NOON
    assert floor.reached(105.0, NOON + seconds(5)) == NOON


def test_a_gap_longer_than_a_lease_moves_the_floor() -> None:
    floor = OutageFloor(15)
    floor.reached(100.0, NOON)
    assert floor.reached(115.0, NOON + seconds(15)) == NOON
    assert floor.reached(130.5, NOON + seconds(30.5)) == NOON + seconds(30.5)


def test_the_gap_is_measured_by_the_own_clock_and_not_by_that_of_the_store() -> None:
    floor = OutageFloor(15)
    floor.reached(100.0, NOON)
    # The store's clock was set forward by an hour; nobody was silent for that.
    assert floor.reached(101.0, NOON + seconds(3601)) == NOON


def test_whoever_did_not_watch_begins_anew() -> None:
    floor = OutageFloor(15)
    floor.reached(100.0, NOON)
    floor.forget()
    assert floor.reached(101.0, NOON + seconds(1)) == NOON + seconds(1)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return load_settings(
        settings.home,
        {
            "TRADEWIND__SCHEDULER__POLL_SECONDS": "86400",
            "TRADEWIND__SCHEDULER__LEASE_SECONDS": "0.6",
            "TRADEWIND__WORKERS__HANDOUT_TIMEOUT_SECONDS": "0.2",
        },
    )


def test_a_dispatch_that_nobody_starts_goes_back_in_line_and_then_fails(world: World) -> None:
    async def scene() -> None:
        await world.declare("d", [serialized("a")])
        async with world.scheduler():
            run_pk = await world.trigger("d")
            for _ in range(world.settings.scheduler.max_lost_tries + 1):
                await world.until_ready("a")
                assert await world.claim() == ["a"]
            await world.until(lambda tx: runs.instance_states(tx, run_pk) == {"failed": 1})
            instance = await world.store.read(lambda tx: runs.get_instance(tx, "d", "r", "a"))
            assert (instance.lost, instance.failures) == (world.settings.scheduler.max_lost_tries + 1, 1)

    play(scene())


def test_a_leader_of_the_past_takes_nothing_over(world: World) -> None:
    async def scene() -> None:
        await world.declare("d", [serialized("a")])
        async with world.scheduler("one"):
            run_pk = await world.trigger("d")
            await world.until_ready("a")
        await world.claim()
        past = await world.store.write(lambda tx: scheduling.take_leadership(tx, "two", 5))
        assert past is not None
        await world.store.write(lambda tx: scheduling.resign_leadership(tx, "two"))
        await world.store.write(lambda tx: scheduling.take_leadership(tx, "three", 5))
        long_ago = NOON - timedelta(days=365)
        assert await world.store.write(lambda tx: take_over(tx, past, long_ago)) == []
        assert await world.states(run_pk) == {"a": TaskInstanceState.QUEUED}

    play(scene())
