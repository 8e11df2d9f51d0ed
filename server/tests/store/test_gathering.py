"""How long a transaction waits for company."""

import asyncio
from collections.abc import Callable

import pytest

from tradewind.server.contract import Variable
from tradewind.server.store import Transaction, secrets
from tradewind.server.store.gathering import LEAST_EXPECTED, SHARE, Gathering

from .world import OpenStore, World


def expecting(writes: int) -> Gathering:
    gathering = Gathering()
    gathering.expect(lambda: writes)
    return gathering


@pytest.mark.parametrize("expected", [0, 1, LEAST_EXPECTED - 1])
def test_a_write_waits_for_nobody_where_few_are_at_work(expected: int) -> None:
    assert expecting(expected).wanted() == 1


def test_a_quarter_of_those_at_work_is_company_enough() -> None:
    assert expecting(16).wanted() == 16 // SHARE


def test_waits_in_vain_make_further_ones_rarer_and_company_makes_them_common_again() -> None:
    gathering = expecting(16)

    def at_once() -> int:
        """Transactions that begin at once before the next one that waits."""
        return next(number for number in range(1000) if gathering.wanted() > 1)

    found = []
    for _ in range(9):
        gathering.waited(in_vain=True)
        found.append(at_once())
    assert found == [0, 1, 3, 7, 15, 31, 63, 63, 63]
    gathering.waited(in_vain=False)
    assert at_once() == 0
    gathering.waited(in_vain=True)
    assert at_once() == 0


def put(key: str) -> Callable[[Transaction], int]:
    def job(tx: Transaction) -> int:
        secrets.put_variable(tx, Variable(key=key, value="v"))
        return id(tx)

    return job


def test_a_transaction_begins_once_there_is_company_enough(world: World) -> None:
    async def writes() -> list[int]:
        return await asyncio.gather(*(world.store.write(put(f"k{number}")) for number in range(4)))

    world.store.gathering.expect(lambda: 4 * SHARE)
    world.store.gathering.longest_seconds = 3600
    assert len(set(world.run(writes()))) == 1


def test_a_write_without_company_is_committed_after_a_moment(world: World) -> None:
    world.store.gathering.expect(lambda: 1000)
    assert world.run(world.store.write(put("alone")))


def test_closing_waits_for_no_company(open_store: OpenStore, database_url: str) -> None:
    store = open_store(database_url)
    store.gathering.expect(lambda: 1000)
    store.gathering.longest_seconds = 3600

    async def write() -> int:
        waiting = asyncio.ensure_future(store.write(put("last")))
        await asyncio.sleep(0)
        await asyncio.to_thread(store.close)
        return await waiting

    assert asyncio.run(write())
