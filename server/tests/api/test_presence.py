"""An API process says that it is there, at a third of a lease, and that it goes."""

import asyncio
import threading
from collections.abc import Callable

import pytest
from sqlalchemy import text

from tradewind.server.api.presence import presence
from tradewind.server.store import Store, Transaction, api_processes
from tradewind.server.store.api_processes import Attendance

LEASE = 900.0
"""Longer than any test, so that a sign of life never runs out in the middle of one."""


class Pauses:
    """Pauses that end when the test says so."""

    def __init__(self) -> None:
        self.begun: asyncio.Queue[float] = asyncio.Queue()
        self.over = asyncio.Semaphore(0)

    async def __call__(self, seconds: float) -> None:
        self.begun.put_nowait(seconds)
        await self.over.acquire()


@pytest.fixture
def store(database_url: str, open_store: Callable[..., Store]) -> Store:
    """A store of each kind."""
    return open_store(database_url, lease_seconds=LEASE)


async def attendance(store: Store) -> Attendance:
    found = await store.read(api_processes.attendance)
    assert found is not None
    return found


def names(tx: Transaction) -> list[str]:
    return [row.name for row in tx.rows(text("SELECT name FROM api_process ORDER BY name"))]


def test_a_process_signs_at_once_then_three_times_in_a_lease_and_leaves_at_its_end(store: Store) -> None:
    async def scene() -> None:
        pauses = Pauses()
        async with presence(store, "api", pause=pauses):
            assert await pauses.begun.get() == LEASE / 3
            first = await attendance(store)
            pauses.over.release()
            await pauses.begun.get()
            second = await attendance(store)
            assert second.since == first.since
            assert second.until > first.until
        assert await store.read(names) == []

    asyncio.run(scene())


def test_two_lives_of_the_same_name_are_two_processes(store: Store) -> None:
    async def scene() -> None:
        first, second = Pauses(), Pauses()
        async with presence(store, "api", pause=first):
            await first.begun.get()
            async with presence(store, "api", pause=second):
                await second.begun.get()
                assert len(await store.read(names)) == 2
            assert len(await store.read(names)) == 1

    asyncio.run(scene())


def test_a_refused_sign_is_tried_again_as_soon_as_the_store_may_take_it(
    sqlite_url: str, open_store: Callable[..., Store]
) -> None:
    store = open_store(sqlite_url, max_waiting=1)
    held, go_on = threading.Event(), threading.Event()

    def hold(_tx: Transaction) -> None:
        held.set()
        go_on.wait()

    async def scene() -> None:
        pauses = Pauses()
        holding = asyncio.create_task(store.write(hold))
        await asyncio.to_thread(held.wait)
        waiting = asyncio.create_task(store.write(lambda _tx: None))
        async with presence(store, "api", pause=pauses):
            assert await pauses.begun.get() < store.options.lease_seconds / 3
            go_on.set()
            await asyncio.gather(holding, waiting)
            assert await store.read(names) == []
            pauses.over.release()
            assert await pauses.begun.get() == store.options.lease_seconds / 3
            assert len(await store.read(names)) == 1

    asyncio.run(scene())
