"""Frames arrive whole and in order, and both ends notice when the other one is gone."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import threading
from collections.abc import Awaitable, Callable

import pytest

from tradewind.sdk.worker.async_channel import AsyncChannel
from tradewind.sdk.worker.channel import MAX_FRAME_BYTES, Channel, ChannelClosed, FrameTooLarge


def both_ends(scenario: Callable[[AsyncChannel, Channel], Awaitable[None]]) -> None:
    async def run() -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        channel = AsyncChannel(ours)
        try:
            await asyncio.wait_for(scenario(channel, Channel(theirs.fileno())), 30)
        finally:
            channel.close()
            theirs.close()

    asyncio.run(run())


def test_frames_arrive_in_order_both_ways() -> None:
    async def scenario(supervisor: AsyncChannel, child: Channel) -> None:
        for body in (b"1", b"", b"333"):
            child.send(body)
            await supervisor.send(body)
        assert [await anext(supervisor) for _ in range(3)] == [b"1", b"", b"333"]
        assert [child.receive() for _ in range(3)] == [b"1", b"", b"333"]

    both_ends(scenario)


def test_frames_larger_than_any_buffer_arrive_whole() -> None:
    async def scenario(supervisor: AsyncChannel, child: Channel) -> None:
        body = os.urandom(5_000_000)
        sending = asyncio.create_task(supervisor.send(body))
        assert await asyncio.to_thread(child.receive) == body
        await sending
        answering = asyncio.create_task(asyncio.to_thread(child.send, body))
        assert await anext(supervisor) == body
        await answering

    both_ends(scenario)


def test_frames_sent_at_the_same_time_do_not_mix() -> None:
    async def scenario(supervisor: AsyncChannel, child: Channel) -> None:
        bodies = [bytes([number]) * 300_000 for number in range(5)]
        sending = [asyncio.create_task(supervisor.send(body)) for body in bodies]
        assert [await asyncio.to_thread(child.receive) for _ in bodies] == bodies
        await asyncio.gather(*sending)

    both_ends(scenario)


def test_a_frame_may_come_in_pieces() -> None:
    async def run() -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        channel = AsyncChannel(ours)
        waiting = asyncio.create_task(anext(channel))
        for byte in struct.pack(">I", 2) + b"ab":
            theirs.send(bytes([byte]))
            await asyncio.sleep(0)
        assert await asyncio.wait_for(waiting, 30) == b"ab"
        channel.close()
        theirs.close()

    asyncio.run(run())


def test_a_child_learns_that_its_supervisor_is_gone() -> None:
    async def scenario(supervisor: AsyncChannel, child: Channel) -> None:
        supervisor.close()
        assert child.receive() is None
        with pytest.raises(ChannelClosed):
            child.send(b"too late")

    both_ends(scenario)


def test_the_iteration_ends_after_the_last_frame() -> None:
    async def run() -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        channel = AsyncChannel(ours)
        child = Channel(theirs.fileno())
        child.send(b"last")
        theirs.close()
        assert [body async for body in channel] == [b"last"]
        with pytest.raises(ChannelClosed):
            await channel.send(b"too late")

    asyncio.run(run())


def test_finish_ends_the_iteration_although_the_other_end_is_open() -> None:
    async def scenario(supervisor: AsyncChannel, child: Channel) -> None:
        for number in range(200):
            child.send(b"%d" % number)
        supervisor.finish()
        assert [body async for body in supervisor] == [b"%d" % number for number in range(200)]

    both_ends(scenario)


def test_a_sender_whose_frame_is_not_taken_is_told_when_the_other_end_goes() -> None:
    async def scenario(supervisor: AsyncChannel, child: Channel) -> None:
        sending = asyncio.create_task(supervisor.send(b"x" * 5_000_000))
        await asyncio.sleep(0)
        supervisor.finish()
        with pytest.raises(ChannelClosed):
            await sending

    both_ends(scenario)


def test_a_child_that_sends_more_than_is_taken_has_to_wait() -> None:
    async def scenario(supervisor: AsyncChannel, child: Channel) -> None:
        body = b"x" * 60_000
        count = 1000
        sent = threading.Semaphore(0)

        def send_all() -> None:
            for _ in range(count):
                child.send(body)
                sent.release()

        sending = asyncio.create_task(asyncio.to_thread(send_all))
        assert await anext(supervisor) == body
        while not supervisor._paused:  # noqa: ASYNC110 - the loop itself is what is waited for
            await asyncio.sleep(0)
        assert len(supervisor._received) < 200
        assert [await anext(supervisor) for _ in range(count - 1)] == [body] * (count - 1)
        await sending

    both_ends(scenario)


def test_a_length_above_the_limit_ends_the_channel() -> None:
    async def scenario(supervisor: AsyncChannel, child: Channel) -> None:
        child.send(b"before")
        os.write(child._descriptor, struct.pack(">I", MAX_FRAME_BYTES + 1))
        assert await anext(supervisor) == b"before"
        with pytest.raises(FrameTooLarge, match=str(MAX_FRAME_BYTES + 1)):
            await anext(supervisor)
        assert child.receive() is None

    both_ends(scenario)


def test_a_body_above_the_limit_is_not_sent() -> None:
    async def scenario(supervisor: AsyncChannel, child: Channel) -> None:
        body = bytes(MAX_FRAME_BYTES + 1)
        with pytest.raises(FrameTooLarge, match="send less at once"):
            child.send(body)
        with pytest.raises(FrameTooLarge):
            await supervisor.send(body)
        child.send(b"after")
        assert await anext(supervisor) == b"after"

    both_ends(scenario)
