"""Frames on their way to the server: those that wait together share a message."""

from __future__ import annotations

import asyncio
from collections import deque

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import WebSocketException


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

    async def drain(self, connection: ClientConnection) -> None:
        """Send what is put until the connection is cut, which its reader sees too, or until cancelled."""
        try:
            while True:
                await self._filled.wait()
                while self._frames:
                    await connection.send(self._message(), text=True)
                self._filled.clear()
        except WebSocketException:
            return

    def _message(self) -> bytes:
        frames = [self._frames.popleft()]
        size = len(frames[0])
        while self._frames and size + 1 + len(self._frames[0]) <= self._max_message_bytes:
            frames.append(self._frames.popleft())
            size += 1 + len(frames[-1])
        return b"\n".join(frames)
