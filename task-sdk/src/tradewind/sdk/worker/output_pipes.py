"""Reading of what user code writes to its descriptors, in the event loop and only as fast as somebody takes it."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from functools import partial

from tradewind.sdk.contract import LogSource
from tradewind.sdk.worker.readiness import readiness

logger = logging.getLogger("tradewind.worker")

_READ_BYTES = 64 * 1024
_MAX_LAST_READS = 64


class OutputPipes:
    """The read ends of a process's output. They belong to this object, which closes each at its end.

    `take` gets the bytes; no bytes mean that the source ended.
    """

    def __init__(self, descriptors: dict[LogSource, int], take: Callable[[LogSource, bytes], None]) -> None:
        loop = asyncio.get_running_loop()
        self._readiness = readiness(loop)
        self._open = descriptors
        self._take = take
        self._paused = self._left_alone = False
        self._ended: asyncio.Future[None] = loop.create_future()
        self._watch()

    def pause(self) -> None:
        """Read nothing until `resume`: user code waits when its pipe is full."""
        if not self._paused:
            self._paused = True
            self._unwatch()

    def resume(self) -> None:
        """Read on after `pause`."""
        if self._paused:
            self._paused = False
            if not self._left_alone:
                self._watch()

    def leave_alone(self) -> None:
        """Read nothing until `attend` or `ended`: the process is about to end, and no step need be seen."""
        if not self._left_alone:
            self._left_alone = True
            if not self._paused:
                self._unwatch()

    def attend(self) -> None:
        """Read on after `leave_alone`."""
        if self._left_alone:
            self._left_alone = False
            if not self._paused:
                self._watch()

    async def ended(self, timeout: float) -> None:
        """Wait until all that was written is taken, that is, until the last process that can write is gone.

        Args:
            timeout: seconds after which the pipes are given up, should a process have escaped from its tree.
        """
        self._take_what_is_there()
        self.attend()
        if not self._open:
            return
        await asyncio.wait([self._ended], timeout=timeout)
        if self._open:
            logger.warning("output is given up: a process outside of the try's tree still holds it open")
            self.close()

    def close(self) -> None:
        """Give up what is still open."""
        for source in list(self._open):
            self._end(source)

    def _watch(self) -> None:
        for source, descriptor in self._open.items():
            self._readiness.watch(descriptor, partial(self._read, source, descriptor))

    def _unwatch(self) -> None:
        for descriptor in self._open.values():
            self._readiness.leave(descriptor)

    def _take_what_is_there(self) -> None:
        for source, descriptor in list(self._open.items()):
            for _ in range(_MAX_LAST_READS):
                if self._paused or not self._read(source, descriptor):
                    break

    def _read(self, source: LogSource, descriptor: int) -> bool:
        """Take what fits one read; False when there was nothing, or there will be nothing more."""
        try:
            data = os.read(descriptor, _READ_BYTES)
        except BlockingIOError:
            return False
        if data:
            self._take(source, data)
        else:
            self._end(source)
        return bool(data)

    def _end(self, source: LogSource) -> None:
        descriptor = self._open.pop(source)
        self._readiness.leave(descriptor)
        os.close(descriptor)
        self._take(source, b"")
        if not self._open and not self._ended.done():
            self._ended.set_result(None)


class OutputTail:
    """The end of the output of a process whose output has no log of its own: what it said before it died."""

    def __init__(self, descriptors: dict[LogSource, int], *, keep_bytes: int = 32 * 1024) -> None:
        self._keep = keep_bytes
        self._tail = bytearray()
        self._pipes = OutputPipes(descriptors, self._take)

    async def text(self, timeout: float) -> str:
        """What is left of the output once the process is gone; waits at most `timeout` seconds for its end."""
        await self._pipes.ended(timeout)
        return self._tail.decode("utf-8", "replace")

    def leave_alone(self) -> None:
        """See `OutputPipes`."""
        self._pipes.leave_alone()

    def attend(self) -> None:
        """See `OutputPipes`."""
        self._pipes.attend()

    def close(self) -> None:
        """Read no more."""
        self._pipes.close()

    def _take(self, source: LogSource, data: bytes) -> None:
        self._tail += data
        del self._tail[: -self._keep]
