"""The bounded line of frames to a worker, and which of its connections counts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from tradewind.server.api.open_connections import OpenConnections
from tradewind.server.api.session.outgoing import OutgoingLine
from tradewind.server.executors.worker_session import SessionClosed
from tradewind.server.store.handouts import WorkerBinding


def test_frames_go_out_in_order() -> None:
    async def check() -> list[str]:
        line = OutgoingLine(max_frames=3, max_bytes=100, max_message_bytes=1, on_overflow=pytest.fail)
        sent: list[str] = []
        done = asyncio.Event()

        async def send(frame: str) -> None:
            sent.append(frame)
            if frame == "last":
                done.set()

        line.put(b"one")
        drain = asyncio.create_task(line.drain(send))
        line.put("zwei ü".encode())
        line.put(b"last")
        await done.wait()
        drain.cancel()
        return sent

    assert asyncio.run(check()) == ["one", "zwei ü", "last"]


def test_frames_that_wait_together_share_messages_of_limited_size() -> None:
    async def check() -> list[str]:
        line = OutgoingLine(max_frames=9, max_bytes=100, max_message_bytes=7, on_overflow=pytest.fail)
        for frame in (b"one", b"two", b"three", b"a message of its own", b"4", b"5"):
            line.put(frame)
        sent: list[str] = []
        done = asyncio.Event()

        async def send(message: str) -> None:
            sent.append(message)
            if message.endswith("5"):
                done.set()

        drain = asyncio.create_task(line.drain(send))
        await done.wait()
        drain.cancel()
        return sent

    assert asyncio.run(check()) == ["one\ntwo", "three", "a message of its own", "4\n5"]


@pytest.mark.parametrize(("max_frames", "max_bytes"), [(2, 1000), (1000, 10)])
def test_a_full_line_is_closed_and_says_so_once(max_frames: int, max_bytes: int) -> None:
    async def check() -> None:
        overflows: list[None] = []
        line = OutgoingLine(
            max_frames=max_frames, max_bytes=max_bytes, max_message_bytes=1, on_overflow=lambda: overflows.append(None)
        )
        line.put(b"12345")
        line.put(b"12345")
        for _ in range(2):
            with pytest.raises(SessionClosed):
                line.put(b"1")
        assert len(overflows) == 1

    asyncio.run(check())


def test_a_single_large_frame_is_taken() -> None:
    async def check() -> None:
        OutgoingLine(max_frames=1, max_bytes=1, max_message_bytes=1, on_overflow=pytest.fail).put(b"x" * 100)

    asyncio.run(check())


@dataclass(eq=False)
class Connected:
    epoch: int
    instance_id: str = "i"
    fenced: list[None] = field(default_factory=list)

    @property
    def identity(self) -> WorkerBinding:
        return WorkerBinding(
            session_id="s", credential_id="c", instance_id=self.instance_id, connection_epoch=self.epoch, worker="w"
        )

    def fence(self) -> None:
        self.fenced.append(None)


def test_a_newer_connection_fences_the_older_one() -> None:
    connections = OpenConnections()
    old, new, other = Connected(1), Connected(2), Connected(1, "j")
    assert all(connections.admit(one) for one in (old, other, new))
    assert (len(old.fenced), len(new.fenced), len(other.fenced)) == (1, 0, 0)
    connections.leave(old)
    assert len(connections) == 2
    connections.leave(new)
    assert len(connections) == 1


def test_an_older_connection_that_comes_late_is_not_admitted() -> None:
    connections = OpenConnections()
    old, new = Connected(1), Connected(2)
    assert connections.admit(new)
    assert not connections.admit(old)
    assert not new.fenced
