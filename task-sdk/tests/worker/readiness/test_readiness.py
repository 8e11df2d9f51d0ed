import asyncio
import gc
import os
import weakref
from collections.abc import Awaitable, Callable

from tradewind.sdk.worker.readiness import Readiness, readiness


def with_readiness(work: Callable[[Readiness], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(20):
            await work(readiness(asyncio.get_running_loop()))

    asyncio.run(run())


def test_what_is_not_read_is_told_again_until_it_is_left() -> None:
    async def work(watching: Readiness) -> None:
        reading, writing = os.pipe()
        calls: list[int] = []
        thrice = asyncio.get_running_loop().create_future()

        def act() -> None:
            calls.append(len(calls))
            if len(calls) == 3:
                watching.leave(reading)
                thrice.set_result(None)

        watching.watch(reading, act)
        os.write(writing, b"x")
        await thrice
        other, trigger = os.pipe()
        later = asyncio.get_running_loop().create_future()

        def once() -> None:
            watching.leave(other)
            later.set_result(None)

        watching.watch(other, once)
        os.write(trigger, b"x")
        await later
        assert calls == [0, 1, 2]
        for descriptor in (reading, writing, other, trigger):
            os.close(descriptor)

    with_readiness(work)


def test_the_end_of_a_pipe_is_told() -> None:
    async def work(watching: Readiness) -> None:
        reading, writing = os.pipe()
        ended = asyncio.get_running_loop().create_future()

        def act() -> None:
            ended.set_result(os.read(reading, 1))
            watching.leave(reading)

        watching.watch(reading, act)
        os.close(writing)
        assert await ended == b""
        os.close(reading)

    with_readiness(work)


def test_what_one_callback_leaves_is_not_told_to_another_any_more() -> None:
    async def work(watching: Readiness) -> None:
        pipes = [os.pipe() for _ in range(2)]
        calls: list[int] = []
        called = asyncio.get_running_loop().create_future()

        def act(own: int) -> None:
            calls.append(own)
            for reading, _ in pipes:
                watching.leave(reading)
            called.set_result(None)

        for reading, writing in pipes:
            watching.watch(reading, lambda own=reading: act(own))  # type: ignore[misc]
            os.write(writing, b"x")
        await called
        assert len(calls) == 1
        for pipe in pipes:
            for descriptor in pipe:
                os.close(descriptor)

    with_readiness(work)


def test_it_does_not_outlive_its_loop() -> None:
    async def run() -> weakref.ref[Readiness]:
        return weakref.ref(readiness(asyncio.get_running_loop()))

    made = asyncio.run(run())
    gc.collect()
    assert made() is None
