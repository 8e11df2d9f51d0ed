"""The supervisor's end of a channel, in an event loop."""

from __future__ import annotations

import asyncio
import collections
import socket
from collections.abc import AsyncIterator

from tradewind.sdk.worker.channel import READ_BYTES, ChannelClosed, Frames, FrameTooLarge, pack
from tradewind.sdk.worker.readiness import readiness

_MAX_WAITING_FRAMES = 64
_MAX_LAST_READS = 256


class AsyncChannel:
    """The supervisor's end: iterate over it for the bodies of frames.

    Reading stops while `_MAX_WAITING_FRAMES` frames are not taken, so that a child cannot fill the supervisor's memory.

    Args:
        connection: a connected, non-blocking stream socket, owned from now on.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._readiness = readiness(self._loop)
        self._connection = connection
        self._descriptor = connection.fileno()
        self._frames = Frames()
        self._received: collections.deque[bytes] = collections.deque()
        self._reader: asyncio.Future[None] | None = None
        self._outgoing = bytearray()
        self._writer: asyncio.Future[None] | None = None
        self._ended = False
        self._closed = False
        self._error: FrameTooLarge | None = None
        self._paused = self._left_alone = False
        self._readiness.watch(self._descriptor, self._read)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while not self._received:
            if self._error:
                raise self._error
            if self._ended:
                raise StopAsyncIteration
            self._reader = self._loop.create_future()
            await self._reader
        body = self._received.popleft()
        if self._paused and not self._received and not self._ended:
            self._paused = False
            if not self._left_alone:
                self._readiness.watch(self._descriptor, self._read)
        return body

    async def send(self, body: bytes) -> None:
        """Send one frame; frames go out in the order of the calls. Returns when the kernel has all of it.

        Raises:
            ChannelClosed: the child is gone, before the frame or in its middle.
            FrameTooLarge: the body is above the limit; nothing was sent.
        """
        frame = pack(body)
        if self._closed:
            raise ChannelClosed("The process has ended.")
        if not self._outgoing:
            try:
                sent = self._connection.send(frame)
            except BlockingIOError:
                sent = 0
            except OSError as error:
                raise ChannelClosed("The process has ended.") from error
            if sent == len(frame):
                return
            frame = frame[sent:]
        self._outgoing += frame
        if self._writer is None:
            self._writer = self._loop.create_future()
            self._loop.add_writer(self._descriptor, self._write)
        await asyncio.shield(self._writer)

    def leave_alone(self) -> None:
        """Read nothing until `attend` or `finish`: the child is about to end, and no step need be seen."""
        if not self._ended and not self._left_alone:
            self._left_alone = True
            self._readiness.leave(self._descriptor)

    def attend(self) -> None:
        """Read on after `leave_alone`."""
        if not self._ended and self._left_alone:
            self._left_alone = False
            if not self._paused:
                self._readiness.watch(self._descriptor, self._read)

    def finish(self) -> None:
        """End the iteration after what is there already: the process has exited, whoever else holds the socket."""
        for _ in range(_MAX_LAST_READS):
            if self._ended or not self._read_once():
                break
        self._end()

    def close(self) -> None:
        """Close the connection; what was not read is lost."""
        self._end()

    def _read(self) -> None:
        self._read_once()
        if len(self._received) >= _MAX_WAITING_FRAMES and not self._ended:
            self._paused = True
            self._readiness.leave(self._descriptor)
        if self._reader and not self._reader.done() and (self._received or self._ended):
            self._reader.set_result(None)

    def _read_once(self) -> bool:
        """Read what fits one buffer; False when there was nothing, or there will be nothing more."""
        try:
            data = self._connection.recv(READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._end()
            return False
        self._frames.add(data)
        try:
            while (body := self._frames.next()) is not None:
                self._received.append(body)
        except FrameTooLarge as error:
            self._error = error
            self._end()
            return False
        return True

    def _write(self) -> None:
        try:
            sent = self._connection.send(self._outgoing)
        except BlockingIOError:
            return
        except OSError:
            self._end()
            return
        del self._outgoing[:sent]
        if not self._outgoing and self._writer:
            self._loop.remove_writer(self._descriptor)
            self._writer.set_result(None)
            self._writer = None

    def _end(self) -> None:
        self._ended = True
        if not self._closed:
            self._closed = True
            self._readiness.leave(self._descriptor)
            if self._writer:
                self._loop.remove_writer(self._descriptor)
                self._writer.set_exception(ChannelClosed("The process has ended."))
                self._writer.exception()  # seen, also when whoever sent has given up waiting
                self._writer = None
            self._connection.close()
        if self._reader and not self._reader.done():
            self._reader.set_result(None)
