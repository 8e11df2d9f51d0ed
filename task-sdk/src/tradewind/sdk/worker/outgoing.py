"""Frames on their way to the server: those that wait together share a message."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable


class Outgoing:
    """What one connection is to send, in order. Putting a frame never waits.

    Args:
        max_message_bytes: most bytes of a message that holds more than one frame.
    """

    def __init__(self, max_message_bytes: int = 0) -> None:
        self._max_message_bytes = max_message_bytes
        self._frames: deque[bytes] = deque()
        self._filled = asyncio.Event()

    def put(self, frame: bytes) -> None:
        """Send a frame after those before it; it is lost with the connection."""
        self._frames.append(frame)
        self._filled.set()

    async def drain(self, send: Callable[[bytes], Awaitable[None]]) -> None:
        """Send what is put, message after message, until that fails or this is cancelled."""
        while True:
            await self._filled.wait()
            while self._frames:
                await send(self._message())
            self._filled.clear()

    def _message(self) -> bytes:
        frames = [self._frames.popleft()]
        size = len(frames[0])
        while self._frames and size + 1 + len(self._frames[0]) <= self._max_message_bytes:
            frames.append(self._frames.popleft())
            size += 1 + len(frames[-1])
        return b"\n".join(frames)
