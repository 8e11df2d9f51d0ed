"""Signs of life of API processes: what time is known to be without a gap."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from tradewind.server.store import Transaction, api_processes
from tradewind.server.store.api_processes import Attendance

from .world import World

LEASE = 15
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def when(seconds: float, job: Callable[[Transaction], None]) -> Callable[[Transaction], None]:
    def shifted(tx: Transaction) -> None:
        tx.now = at(seconds)
        job(tx)

    return shifted


def sign(world: World, name: str, *moments: float) -> None:
    for moment in moments:
        world.write(when(moment, lambda tx: api_processes.sign(tx, name)))


def attended(world: World, seconds: float) -> tuple[float, float] | None:
    """Begin and end of the time without a gap, in seconds after noon."""

    def job(tx: Transaction) -> Attendance | None:
        tx.now = at(seconds)
        return api_processes.attendance(tx)

    found = world.write(job)
    return None if found is None else ((found.since - NOON).total_seconds(), (found.until - NOON).total_seconds())


def test_without_a_process_nobody_is_there(world: World) -> None:
    assert attended(world, 0) is None


def test_a_process_is_there_from_its_first_sign_to_its_last(world: World) -> None:
    sign(world, "a", 0, 5, 10)
    assert attended(world, 12) == (0, 10)


def test_a_process_without_signs_is_gone_after_a_lease(world: World) -> None:
    sign(world, "a", 0, 5)
    assert attended(world, 5 + LEASE - 1) == (0, 5)
    assert attended(world, 5 + LEASE) is None


def test_a_process_that_comes_back_after_a_gap_is_there_since_then(world: World) -> None:
    sign(world, "a", 0, 5, 5 + LEASE)
    assert attended(world, 21) == (20, 20)


def test_a_process_that_ends_in_order_is_gone_at_once(world: World) -> None:
    sign(world, "a", 0, 5)
    world.write(when(6, lambda tx: api_processes.leave(tx, "a")))
    assert attended(world, 6) is None


def test_the_times_of_two_processes_are_one_when_they_overlap(world: World) -> None:
    sign(world, "a", 0, 5)
    sign(world, "b", 4, 9)
    assert attended(world, 10) == (0, 9)


def test_a_process_that_comes_within_the_lease_of_a_dead_one_does_not_vouch_for_the_time_between(world: World) -> None:
    sign(world, "a", 0, 5)
    sign(world, "b", 10, 15)
    assert attended(world, 16) == (10, 15)


def test_times_are_joined_over_a_third_process(world: World) -> None:
    sign(world, "a", 0, 5)
    sign(world, "b", 4, 9)
    sign(world, "c", 9, 14)
    assert attended(world, 15) == (0, 14)


def test_processes_that_died_leave_nothing_behind(world: World) -> None:
    sign(world, "a", 0)
    sign(world, "b", LEASE)
    names = world.read(lambda tx: [row.name for row in tx.rows(text("SELECT name FROM api_process"))])
    assert names == ["b"]


def test_an_attendance_ends_now_at_the_latest(world: World) -> None:
    sign(world, "a", 0, 10)
    assert attended(world, 8) == (0, 8)
