"""Frames between a supervisor and a process that runs user code: four bytes of big-endian length, then JSON.

Here are the format and the child's end, which blocks; the supervisor's is `async_channel.AsyncChannel`.
"""

from __future__ import annotations

import os
import struct

MAX_FRAME_BYTES = 64 * 1024 * 1024
"""Limit of one frame, far above what the contract's own limits let through."""

_HEADER = struct.Struct(">I")
READ_BYTES = 65536
"""How much to read from a channel at a time."""


class ChannelClosed(Exception):
    """The other side is gone."""


class FrameTooLarge(ChannelClosed):
    """A frame is above `MAX_FRAME_BYTES`, or what was read is no frame at all; nothing more can be read."""


def pack(body: bytes) -> bytes:
    """The frame of a body.

    Raises:
        FrameTooLarge: the body is above the limit.
    """
    if len(body) > MAX_FRAME_BYTES:
        raise FrameTooLarge(f"A frame of {len(body)} bytes is above the limit of {MAX_FRAME_BYTES}: send less at once.")
    return _HEADER.pack(len(body)) + body


class Frames:
    """Frames out of the bytes of a stream."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def add(self, data: bytes) -> None:
        """Take what was read."""
        self._buffer += data

    def next(self) -> bytes | None:
        """The next frame's body, None while it is not complete.

        Raises:
            FrameTooLarge: its length is above the limit.
        """
        buffer = self._buffer
        if len(buffer) < _HEADER.size:
            return None
        (length,) = _HEADER.unpack_from(buffer)
        if length > MAX_FRAME_BYTES:
            raise FrameTooLarge(f"A frame says that it has {length} bytes; the limit is {MAX_FRAME_BYTES}.")
        end = _HEADER.size + length
        if len(buffer) < end:
            return None
        body = bytes(memoryview(buffer)[_HEADER.size : end])
        del buffer[:end]
        return body


class Channel:
    """The child's end, over a descriptor that it owns. For one thread at a time, and for this process only.

    Args:
        descriptor: a connected, blocking stream socket.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._frames = Frames()
        self._pid = os.getpid()

    def send(self, body: bytes) -> None:
        """Send one frame.

        Raises:
            ChannelClosed: the supervisor is gone.
            FrameTooLarge: the body is above the limit; nothing was sent.
            RuntimeError: called in a process that was forked from the task's own.
        """
        self._require_own_process()
        rest = memoryview(pack(body))
        try:
            while rest:  # more than once only when a signal handler ran in the middle of a large frame
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            raise ChannelClosed("The supervisor of this process is gone.") from error

    def receive(self) -> bytes | None:
        """Wait for one frame; None when the supervisor has closed its end.

        Raises:
            FrameTooLarge: what comes is no frame.
            RuntimeError: called in a process that was forked from the task's own.
        """
        self._require_own_process()
        while (body := self._frames.next()) is None:
            try:
                data = os.read(self._descriptor, READ_BYTES)
            except ConnectionError:
                return None
            if not data:
                return None
            self._frames.add(data)
        return body

    def _require_own_process(self) -> None:
        if os.getpid() != self._pid:
            raise RuntimeError(
                "A process that was forked from a task cannot call Tradewind: its answers would mix with the task's. "
                "Make the call in the task itself and hand the result over."
            )
