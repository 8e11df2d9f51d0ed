"""Grouped commits: who shares a transaction, who fails alone, and when the one who waits is told."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import Any, Self

import pytest
from sqlalchemy import text

from tradewind.server.contract import ProblemReason, Variable
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import Store, Transaction, secrets, sqlite

from .world import OpenStore, World


def put(key: str) -> Callable[[Transaction], int]:
    """A job that writes a variable and returns which transaction it ran in."""

    def job(tx: Transaction) -> int:
        secrets.put_variable(tx, Variable(key=key, value="v"))
        return id(tx)

    return job


def keys(tx: Transaction) -> list[str]:
    return [row.key for row in secrets.list_variables(tx, limit=1000).items]


class Gate:
    """Holds the committer in a job, so that everything written meanwhile waits for one batch."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._reached = threading.Event()
        self._open = threading.Event()

    async def __aenter__(self) -> Self:
        def hold(tx: Transaction) -> None:
            self._reached.set()
            assert self._open.wait(30)

        self._held = asyncio.create_task(self._store.write(hold))
        await asyncio.to_thread(self._reached.wait, 30)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._open.set()
        await self._held


async def together(store: Store, *jobs: Callable[[Transaction], Any]) -> list[Any]:
    """Write jobs that all wait for the same batch; return results and exceptions."""
    async with Gate(store):
        waiting = [asyncio.ensure_future(store.write(job)) for job in jobs]
        await asyncio.sleep(0)
    return await asyncio.gather(*waiting, return_exceptions=True)


def test_everything_that_waits_is_one_transaction(world: World) -> None:
    results = world.run(together(world.store, *(put(f"k{number}") for number in range(50))))
    assert len(set(results)) == 1
    assert len(world.read(keys)) == 50


def test_a_job_that_fails_before_it_writes_fails_alone(world: World) -> None:
    def refuse(tx: Transaction) -> None:
        raise Refused(ProblemReason.NOT_FOUND, "not there")

    first, refused, second = world.run(together(world.store, put("a"), refuse, put("b")))
    assert isinstance(refused, Refused)
    assert first == second
    assert world.read(keys) == ["a", "b"]


def test_a_job_that_fails_after_writing_takes_nobody_with_it(world: World) -> None:
    def fail(tx: Transaction) -> None:
        put("culprit")(tx)
        raise ZeroDivisionError

    jobs = [fail if number == 13 else put(f"k{number:02}") for number in range(32)]
    results = world.run(together(world.store, *jobs))
    assert [number for number, result in enumerate(results) if isinstance(result, Exception)] == [13]
    assert isinstance(results[13], ZeroDivisionError)
    assert world.read(keys) == [f"k{number:02}" for number in range(32) if number != 13]


def test_a_statement_that_the_database_refuses_takes_nobody_with_it(world: World) -> None:
    def fail(tx: Transaction) -> None:
        tx.change(text("INSERT INTO no_such_table (x) VALUES (:x)"), {"x": 1})

    first, failed, second = world.run(together(world.store, put("a"), fail, put("b")))
    assert "no_such_table" in str(failed)
    assert isinstance(first, int)
    assert isinstance(second, int)
    assert world.read(keys) == ["a", "b"]


def test_a_function_of_many_gets_all_items_of_a_batch_and_refuses_one_of_them(world: World) -> None:
    calls: list[list[int]] = []

    def double(tx: Transaction, items: Sequence[int]) -> list[int | Refused]:
        calls.append(list(items))
        put(f"call{len(calls)}")(tx)
        return [Refused(ProblemReason.NOT_FOUND, "five") if item == 5 else item * 2 for item in items]

    async def scene() -> list[Any]:
        async with Gate(world.store):
            waiting = [asyncio.ensure_future(world.store.write_each(double, number)) for number in range(8)]
            await asyncio.sleep(0)
        return await asyncio.gather(*waiting, return_exceptions=True)

    answers = world.run(scene())
    assert calls == [list(range(8))]
    assert isinstance(answers.pop(5), Refused)
    assert answers == [0, 2, 4, 6, 8, 12, 14]
    assert world.read(keys) == ["call1"]


def test_an_item_that_breaks_a_function_of_many_fails_alone(world: World) -> None:
    def invert(tx: Transaction, items: Sequence[int]) -> list[float | Refused]:
        for item in items:
            put(f"k{item}")(tx)
        return [1 / item for item in items]

    async def scene() -> list[Any]:
        async with Gate(world.store):
            waiting = [asyncio.ensure_future(world.store.write_each(invert, number)) for number in range(4)]
            await asyncio.sleep(0)
        return await asyncio.gather(*waiting, return_exceptions=True)

    answers = world.run(scene())
    assert isinstance(answers[0], ZeroDivisionError)
    assert answers[1:] == [1, 1 / 2, 1 / 3]
    assert world.read(keys) == ["k1", "k2", "k3"]


def test_an_answer_means_that_it_is_committed(world: World) -> None:
    async def scene() -> None:
        for number in range(20):
            await world.store.write(put(f"k{number:02}"))
            assert len(await world.store.read(keys)) == number + 1

    world.run(scene())


def test_a_batch_wakes_the_event_loop_once(world: World) -> None:
    def hint(tx: Transaction) -> int:
        tx.hint("ready")
        return 0

    async def scene() -> int:
        loop = asyncio.get_running_loop()
        wakes: list[Any] = []
        real = loop.call_soon_threadsafe

        def counted(*arguments: Any, **options: Any) -> Any:
            wakes.append(arguments)
            return real(*arguments, **options)

        subscription = world.store.hints.subscribe("ready")
        async with Gate(world.store):
            waiting = [asyncio.ensure_future(world.store.write(put(f"k{number}"))) for number in range(20)]
            waiting.append(asyncio.ensure_future(world.store.write(hint)))
            await asyncio.sleep(0)
            loop.call_soon_threadsafe = counted  # type: ignore[method-assign, assignment]
        await asyncio.gather(*waiting)
        loop.call_soon_threadsafe = real  # type: ignore[method-assign]
        assert await subscription.wait(0)
        return len(wakes)

    # One for the job that held the gate, one for the batch.
    assert world.run(scene()) == 2


def test_a_hint_is_given_after_the_commit_and_lost_with_a_failed_transaction(world: World) -> None:
    def hint_and_fail(tx: Transaction) -> None:
        put("lost")(tx)
        tx.hint("ready")
        raise ZeroDivisionError

    def hint(tx: Transaction) -> None:
        tx.hint("ready")

    async def scene() -> None:
        subscription = world.store.hints.subscribe("ready")
        with pytest.raises(ZeroDivisionError):
            await world.store.write(hint_and_fail)
        assert not await subscription.wait(0)
        await world.store.write(hint)
        assert await subscription.wait(0)
        assert not await subscription.wait(0)

    world.run(scene())


def test_who_stops_waiting_disturbs_nobody(world: World) -> None:
    async def scene() -> int:
        async with Gate(world.store):
            given_up = asyncio.ensure_future(world.store.write(put("a")))
            kept = asyncio.ensure_future(world.store.write(put("b")))
            await asyncio.sleep(0)
            given_up.cancel()
        return await kept

    assert world.run(scene())
    assert "b" in world.read(keys)


def test_too_many_waiting_writes_are_refused_with_the_time_to_try_again(
    sqlite_url: str, open_store: OpenStore, world_of: Callable[[Store], World]
) -> None:
    store = open_store(sqlite_url, max_waiting=2)

    async def scene() -> None:
        async with Gate(store):
            waiting = [asyncio.ensure_future(store.write(put(key))) for key in "ab"]
            await asyncio.sleep(0)
            with pytest.raises(Refused) as refused:
                await store.write(put("c"))
            assert refused.value.reason is ProblemReason.TOO_BUSY
            assert refused.value.retry_after_seconds
        await asyncio.gather(*waiting)

    world_of(store).run(scene())


def test_a_closed_store_commits_what_waits_and_refuses_the_rest(
    database_url: str, open_store: OpenStore, world_of: Callable[[Store], World]
) -> None:
    store = open_store(database_url)
    world = world_of(store)

    async def scene() -> None:
        waiting = [asyncio.ensure_future(store.write(put(f"k{number}"))) for number in range(5)]
        await asyncio.sleep(0)
        await asyncio.to_thread(store.close)
        await asyncio.gather(*waiting)
        with pytest.raises(Refused):
            await store.write(put("late"))
        with pytest.raises(Refused):
            await store.read(keys)

    world.run(scene())
    assert len(world_of(open_store(database_url)).read(keys)) == 5


@contextmanager
def locked(url: str) -> Any:
    """Another program that holds SQLite's write lock."""
    connection = sqlite.driver.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield
    connection.execute("ROLLBACK")
    connection.close()


def test_a_locked_sqlite_refuses_as_too_busy_and_recovers(
    sqlite_url: str,
    open_store: OpenStore,
    world_of: Callable[[Store], World],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.01)
    world = world_of(open_store(sqlite_url))
    with locked(sqlite_url), pytest.raises(Refused) as refused:
        world.write(put("a"))
    assert refused.value.reason is ProblemReason.TOO_BUSY
    world.write(put("b"))
    assert world.read(keys) == ["b"]


def test_a_full_disk_refuses_as_too_busy_and_recovers(
    sqlite_url: str, open_store: OpenStore, world_of: Callable[[Store], World]
) -> None:
    world = world_of(open_store(sqlite_url))

    def fill(tx: Transaction) -> None:
        tx.row(text("PRAGMA max_page_count = 1"))
        secrets.put_variable(tx, Variable(key="large", value="x" * 1_000_000))

    with pytest.raises(Refused) as refused:
        world.write(fill)
    assert refused.value.reason is ProblemReason.TOO_BUSY
    assert "full" in refused.value.detail
    world.write(put("b"))
    assert world.read(keys) == ["b"]


def test_a_query_cannot_write(world: World) -> None:
    with pytest.raises(Exception, match="read-?only"):
        world.read(put("a"))
    assert world.read(keys) == []
