"""What every executor has to do; another executor joins by a rig in conftest.py."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest

from tradewind.server.contract import ActivityKind
from tradewind.server.executors.protocol import Executor

from .conftest import PLACES, OpenRig, Rig, delivery, envelope

KIND = ActivityKind.PARSE_DAG_FILE


def free(executor: Executor) -> int:
    return sum(offer.free for offer in executor.capacity() if offer.kind is KIND)


def in_rig(open_rig: OpenRig, check: Callable[[Rig], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(60), open_rig() as rig:
            await check(rig)

    asyncio.run(run())


def test_it_offers_its_places(open_rig: OpenRig) -> None:
    async def check(rig: Rig) -> None:
        assert rig.executor.name
        assert free(rig.executor) == PLACES
        assert {offer.kind for offer in rig.executor.capacity()} <= set(ActivityKind)
        assert rig.executor.known() == set()

    in_rig(open_rig, check)


def test_an_activity_takes_a_place_until_it_ends(open_rig: OpenRig) -> None:
    async def check(rig: Rig) -> None:
        first, second = str(uuid4()), str(uuid4())
        for taken, dispatch_id in enumerate([first, second], start=1):
            await rig.executor.queue_activity(kind=KIND, context=rig.context(dispatch_id))
            assert free(rig.executor) == PLACES - taken
        assert rig.executor.known() == {first, second}
        told = rig.host.changes
        await rig.end(first)
        await rig.host.until(lambda: rig.host.changes > told)
        assert free(rig.executor) == 1
        assert rig.executor.known() == {second}

    in_rig(open_rig, check)


def test_the_same_dispatch_twice_takes_one_place(open_rig: OpenRig) -> None:
    async def check(rig: Rig) -> None:
        dispatch_id = str(uuid4())
        for _ in range(2):
            await rig.executor.queue_activity(kind=KIND, context=rig.context(dispatch_id))
        assert rig.executor.known() == {dispatch_id}
        assert free(rig.executor) == PLACES - 1

    in_rig(open_rig, check)


def test_cancel_frees_the_place_and_tells_it(open_rig: OpenRig) -> None:
    async def check(rig: Rig) -> None:
        dispatch_id = str(uuid4())
        await rig.executor.queue_activity(kind=KIND, context=rig.context(dispatch_id))
        told = rig.host.changes
        await rig.executor.cancel(dispatch_id, "its run was deleted")
        await rig.host.until(lambda: rig.host.changes > told and free(rig.executor) == PLACES)
        assert rig.executor.known() == set()

    in_rig(open_rig, check)


def test_cancel_of_a_dispatch_that_it_never_had_is_no_error(open_rig: OpenRig) -> None:
    async def check(rig: Rig) -> None:
        await rig.executor.cancel(str(uuid4()), "nobody knows it")

    in_rig(open_rig, check)


def test_what_it_does_not_deliver_is_refused(open_rig: OpenRig) -> None:
    async def check(rig: Rig) -> None:
        wrong = envelope(str(uuid4())) if rig.executor.delivers == "session" else delivery(str(uuid4()))
        with pytest.raises(TypeError):
            await rig.executor.queue_activity(kind=KIND, context=wrong)  # type: ignore[arg-type]  # the point of it
        assert rig.executor.known() == set()

    in_rig(open_rig, check)
