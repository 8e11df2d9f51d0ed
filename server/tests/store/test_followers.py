"""What follows from a write is committed with it, or by itself."""

import asyncio
from collections.abc import Callable, Collection
from typing import Any

import pytest
from sqlalchemy import func, select

from tradewind.server.store import Store, Transaction, audit
from tradewind.server.store.errors import ConflictError
from tradewind.server.store.tables import audit as audit_table

Hint = Callable[[Transaction], None]


def note(tx: Transaction, subject: str) -> None:
    audit.append(tx, actor="test", action="follow", subject=subject)


def written(store: Store) -> list[str]:
    def query(tx: Transaction) -> list[str]:
        return [row.subject for row in tx.rows(select(audit_table.c.subject).order_by(audit_table.c.id))]

    return asyncio.run(store.read(query))


def hints(*topics: str) -> Hint:
    def job(tx: Transaction) -> None:
        note(tx, "write")
        for topic in topics:
            tx.hint(topic)

    return job


def test_a_follower_acts_in_the_transaction_that_hints_and_in_no_other(store: Store) -> None:
    moments: list[Any] = []

    def follow(tx: Transaction, hinted: Collection[str]) -> None:
        moments.append((tx.now, set(hinted)))
        note(tx, "follower")

    store.followers.add({"a", "b"}, follow)

    async def scene() -> Any:
        await store.write(hints("c"))
        return await store.write(lambda tx: (hints("a", "c")(tx), tx.now)[1])

    now = asyncio.run(scene())
    assert moments == [(now, {"a"})]
    assert written(store) == ["write", "write", "follower"]


def test_a_follower_acts_on_what_one_before_it_hints(store: Store) -> None:
    store.followers.add({"a"}, lambda tx, _: tx.hint("b"))
    store.followers.add({"b"}, lambda tx, _: note(tx, "second"))
    asyncio.run(store.write(hints("a")))
    assert written(store) == ["write", "second"]


def test_who_listens_is_woken_by_what_no_follower_took(store: Store) -> None:
    def follow(tx: Transaction, hinted: Collection[str]) -> None:
        if "later" in hinted:
            tx.hint("later")

    async def scene() -> tuple[bool, bool]:
        now, later = (store.hints.subscribe(topic) for topic in ("now", "later"))
        store.followers.add({"now", "later"}, follow)
        await store.write(hints("now"))
        await store.write(hints("later"))
        return await later.wait(10), await now.wait(0)

    assert asyncio.run(scene()) == (True, False)


@pytest.mark.parametrize("error", [RuntimeError("broken"), ConflictError("late")], ids=["broken", "conflict"])
def test_a_follower_that_fails_costs_the_write_nothing_and_its_hint_stays(store: Store, error: Exception) -> None:
    def follow(tx: Transaction, hinted: Collection[str]) -> None:
        note(tx, "half done")
        raise error

    async def scene() -> bool:
        subscription = store.hints.subscribe("a")
        store.followers.add({"a"}, follow)
        await asyncio.gather(*(store.write(hints("a")) for _ in range(3)))
        return await subscription.wait(10)

    assert asyncio.run(scene())
    assert written(store) == ["write"] * 3


def test_what_is_to_be_done_after_the_commit_is_done_after_it_and_only_then(store: Store) -> None:
    done: list[int] = []
    loops: list[asyncio.AbstractEventLoop] = []

    def follow(tx: Transaction, hinted: Collection[str]) -> None:
        tx.after_commit(lambda: done.append(asyncio.run_coroutine_threadsafe(count(), loops[0]).result(10)))

    def fails(tx: Transaction) -> None:
        tx.after_commit(lambda: done.append(-1))
        note(tx, "lost")
        raise ValueError("no")

    async def count() -> int:
        return int(await store.read(lambda tx: tx.value(select(func.count()).select_from(audit_table))))

    async def scene() -> None:
        loops.append(asyncio.get_running_loop())
        store.followers.add({"a"}, follow)
        await store.write(hints("a"))
        with pytest.raises(ValueError, match="no"):
            await store.write(fails)

    asyncio.run(scene())
    assert done == [1]


def test_who_follows_no_more_is_left_out(store: Store) -> None:
    follower = store.followers.add({"a"}, lambda tx, _: note(tx, "follower"))
    store.followers.remove(follower)
    asyncio.run(store.write(hints("a")))
    assert written(store) == ["write"]
