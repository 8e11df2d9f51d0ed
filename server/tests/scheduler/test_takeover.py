from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from tradewind.server.api.presence import presence
from tradewind.server.contract import TaskInstanceState
from tradewind.server.scheduler.takeover import OutageFloor, is_due, take_over
from tradewind.server.settings import Settings, load_settings
from tradewind.server.store import Transaction, api_processes, runs, scheduling

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
            "TRADEWIND__WORKERS__LEASE_SECONDS": "0.6",
            "TRADEWIND__WORKERS__RENEW_EVERY_SECONDS": "0.2",
            "TRADEWIND__WORKERS__HANDOUT_TIMEOUT_SECONDS": "0.2",
        },
    )


def test_a_dispatch_that_nobody_starts_goes_back_in_line_and_then_fails(world: World) -> None:
    async def scene() -> None:
        await world.declare("d", [serialized("a")])
        async with presence(world.store, "api"), world.scheduler():
            run_pk = await world.trigger("d")
            for _ in range(world.settings.scheduler.max_lost_tries + 1):
                await world.until_ready("a")
                assert await world.claim() == ["a"]
            await world.until(lambda tx: runs.instance_states(tx, run_pk) == {"failed": 1})
            instance = await world.store.read(lambda tx: runs.get_instance(tx, "d", "r", "a"))
            assert (instance.lost, instance.failures) == (world.settings.scheduler.max_lost_tries + 1, 1)

    play(scene())


def be_there(tx: Transaction, *, since: float, until: float, name: str = "api") -> None:
    """Let an API process give signs of life, every half second, from one moment to another."""
    now = tx.now
    for half in range(int(since * 2), int(until * 2) + 1):
        tx.now = now + seconds(half / 2)
        api_processes.sign(tx, name)
    tx.now = now


def lost_after(number: float, *times: tuple[float, float], floor: float = -3600) -> Callable[[Transaction], int]:
    """How many dispatches a new leader loses some seconds from now, with API processes there at these times.

    All numbers are seconds from now; the floor is since when it saw the store.
    """

    def job(tx: Transaction) -> int:
        now = tx.now
        for which, (since, until) in enumerate(times):
            be_there(tx, since=since, until=until, name=f"api {which}")
        tx.now = now + seconds(number)
        epoch = scheduling.take_leadership(tx, f"leader {number}", 0)
        assert epoch is not None
        due = is_due(tx, now + seconds(floor))
        lost = take_over(tx, epoch, now + seconds(floor))
        assert due == bool(lost)
        return len(lost)

    return job


@pytest.fixture
def claimed(world: World) -> World:
    """A world in which a broker has one dispatch, for 0.2 s at most."""

    async def scene() -> None:
        await world.declare("d", [serialized("a")])
        async with world.scheduler():
            await world.trigger("d")
            await world.until_ready("a")
        assert await world.claim() == ["a"]

    play(scene())
    return world


def test_nothing_is_taken_over_before_an_api_process_was_ever_there(claimed: World) -> None:
    assert play(claimed.store.write(lost_after(3600))) == 0


def test_nothing_is_taken_over_while_no_api_process_is_there(claimed: World) -> None:
    assert play(claimed.store.write(lost_after(3600, (-60, 0)))) == 0


def test_nothing_is_taken_over_for_what_an_api_process_did_not_live_to_see(claimed: World) -> None:
    # It counts as alive still, but is known to be so only for a moment before the end of the broker's time.
    assert play(claimed.store.write(lost_after(0.5, (-60, 0)))) == 0


def test_after_an_outage_of_the_api_time_counts_from_its_return_for_a_new_leader_too(claimed: World) -> None:
    # The dispatch is overdue since long ago, and was not heard for an hour.
    assert play(claimed.store.write(lost_after(3600, (-60, 0), (3600, 3600)))) == 0
    assert play(claimed.store.write(lost_after(3600.5, (3600, 3600.5)))) == 1


def test_an_outage_of_the_store_counts_beside_that_of_the_api(claimed: World) -> None:
    assert play(claimed.store.write(lost_after(60, (-60, 60), floor=59.9))) == 0


def test_with_an_api_process_there_all_the_time_a_new_leader_takes_over(claimed: World) -> None:
    assert play(claimed.store.write(lost_after(1, (-60, 1)))) == 1


def test_a_leader_of_the_past_takes_nothing_over(world: World) -> None:
    async def scene() -> None:
        await world.declare("d", [serialized("a")])
        async with world.scheduler("one"):
            run_pk = await world.trigger("d")
            await world.until_ready("a")
        await world.claim()
        epochs: list[int] = []
        for name in ("two", "three"):
            epoch = await world.store.write(partial(scheduling.take_leadership, holder=name, lease_seconds=0))
            assert epoch is not None
            epochs.append(epoch)

        def take_over_by(epoch: int) -> Callable[[Transaction], list[str]]:
            def job(tx: Transaction) -> list[str]:
                be_there(tx, since=-60, until=60)
                tx.now += seconds(60)
                return take_over(tx, epoch, tx.now - seconds(3600))

            return job

        assert await world.store.write(take_over_by(epochs[0])) == []
        assert await world.states(run_pk) == {"a": TaskInstanceState.QUEUED}
        assert len(await world.store.write(take_over_by(epochs[1]))) == 1

    play(scene())
