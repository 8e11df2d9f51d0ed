"""The line of frames on their way to one worker: bounded, so that a slow worker costs only its own connection."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from tradewind.server.executors.worker_session import SessionClosed


class OutgoingLine:
    """Frames in the order in which they are sent. Putting one never waits; those that wait together share a message.

    Args:
        max_message_bytes: most bytes of a message that holds more than one frame.
        max_frames: frames that may wait.
        max_bytes: bytes that may wait; a single frame is taken whatever its size.
        on_overflow: called once, when a frame does not fit any more.
    """

    def __init__(
        self, *, max_frames: int, max_bytes: int, max_message_bytes: int, on_overflow: Callable[[], None]
    ) -> None:
        self._max_frames = max_frames
        self._max_bytes = max_bytes
        self._max_message_bytes = max_message_bytes
        self._on_overflow = on_overflow
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self._filled = asyncio.Event()
        self._closed = False

    def put(self, frame: bytes) -> None:
        """Put a frame in line.

        Raises:
            SessionClosed: the line is closed, or full, which closes it.
        """
        if self._closed:
            raise SessionClosed("the connection is closed")
        if self._frames and (len(self._frames) >= self._max_frames or self._bytes + len(frame) > self._max_bytes):
            self._closed = True
            self._on_overflow()
            raise SessionClosed("the worker does not read what is sent to it")
        self._frames.append(frame)
        self._bytes += len(frame)
        self._filled.set()

    def close(self) -> None:
        """Take nothing more."""
        self._closed = True

    async def drain(self, send: Callable[[str], Awaitable[None]]) -> None:
        """Send message after message until cancelled."""
        while True:
            while self._frames:
                await send(self._message().decode("utf-8"))
            self._filled.clear()
            await self._filled.wait()

    def _message(self) -> bytes:
        frames = [self._frames.popleft()]
        size = len(frames[0])
        while self._frames and size + 1 + len(self._frames[0]) <= self._max_message_bytes:
            frames.append(self._frames.popleft())
            size += 1 + len(frames[-1])
        self._bytes -= size - len(frames) + 1
        return b"\n".join(frames)
