"""The log of one try on its way to the server: segments, back-pressure, and the disk while the server is away."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from tradewind.sdk.contract import LogLevel, LogSource
from tradewind.sdk.worker.log_lines import LineReader, Masks, supervisor_record
from tradewind.sdk.worker.output_pipes import OutputPipes

logger = logging.getLogger("tradewind.worker")

SEGMENT_BYTES = 256 * 1024
SEGMENT_SECONDS = 1.0
TAIL_SECONDS = 0.1
"""The same while somebody reads along."""

UNSENT_BYTES = 4 * 1024 * 1024
"""What may wait in memory; above it user code waits, and after `PATIENCE_SECONDS` segments move to disk."""

PATIENCE_SECONDS = 5.0
SPILL_BYTES = 256 * 1024 * 1024
"""What may wait on disk; output beyond it is dropped, and a record of the log says so."""

FLUSH_SECONDS = 1.0
FLUSH_AT_MOST_SECONDS = 30.0
_PIPE_END_SECONDS = 10.0

SendSegment = Callable[[int, str], Awaitable[None]]
"""Delivers the segment with this sequence number; returns when the server has it, however long that takes."""


class SegmentRefused(Exception):
    """The server takes no further segment of this dispatch."""


class _Segment:
    __slots__ = ("path", "sequence", "size", "text")

    def __init__(self, sequence: int, text: str | None, size: int, path: Path | None = None) -> None:
        self.sequence = sequence
        self.text = text
        self.size = size
        self.path = path


class LogCollector:
    """Turns the output of one try into numbered segments and delivers them in order, one at a time.

    A try that writes nothing costs no request. While more than `UNSENT_BYTES` wait, the pipes are not read; when that
    lasts, or at once while the worker is cut off, waiting segments go to `spill_folder` in `spill_directory`, so that
    user code never waits for long.
    """

    def __init__(
        self,
        *,
        masks: Masks,
        send: SendSegment,
        is_cut: Callable[[], bool],
        spill_directory: Path,
        spill_folder: str = "",
    ) -> None:
        self._send = send
        self._is_cut = is_cut
        self._spill_place = (spill_directory, spill_folder)
        self._masks = masks
        self._readers: dict[LogSource, LineReader] = {}
        self._pipes: OutputPipes | None = None
        self._records: list[bytes] = []
        self._record_bytes = 0
        self._sequence = 0
        self._unsent: deque[_Segment] = deque()
        self._memory_bytes = 0
        self._spilled_bytes = 0
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._tailed_until = 0.0
        self._sender: asyncio.Task[None] | None = None
        self._reliever: asyncio.Task[None] | None = None
        self._moved = asyncio.Event()
        self._refusal: str | None = None

    @property
    def _spill_directory(self) -> Path:
        directory, folder = self._spill_place
        return directory / folder

    def attach(self, descriptors: dict[LogSource, int]) -> None:
        """Read these descriptors, which now belong to the collector."""
        self._pipes = OutputPipes(descriptors, self._take)

    def leave_alone(self) -> None:
        """See `OutputPipes`."""
        if self._pipes is not None:
            self._pipes.leave_alone()

    def attend(self) -> None:
        """See `OutputPipes`."""
        if self._pipes is not None:
            self._pipes.attend()

    def note(self, level: LogLevel, message: str) -> None:
        """Say something in the log of the try."""
        self._add(supervisor_record(level, self._masks.mask(message)))

    def tail(self, seconds: float) -> None:
        """Deliver what is written within `TAIL_SECONDS` for so long; at once what is there already."""
        self._tailed_until = self._loop.time() + seconds
        self._close_segment()

    async def flush(self) -> None:
        """Read the rest of the output, after the process is gone, and deliver what can be delivered soon.

        Waits at most `FLUSH_SECONDS` for each answer, `FLUSH_AT_MOST_SECONDS` in all, and for the end of a cut.
        """
        if self._pipes is not None:
            await self._pipes.ended(_PIPE_END_SECONDS)
        self._close_segment()
        waited = 0.0
        while self._unsent and self._refusal is None and waited < FLUSH_AT_MOST_SECONDS:
            self._moved.clear()
            loop = asyncio.get_running_loop()
            began = loop.time()
            try:
                async with asyncio.timeout(FLUSH_SECONDS):
                    await self._moved.wait()
            except TimeoutError:
                if not self._is_cut():
                    return
            else:
                waited += loop.time() - began

    async def close(self) -> None:
        """End the delivery. What is left stays in the spill directory, which the worker's log names."""
        if self._pipes is not None:
            self._pipes.close()
        self._close_segment()
        for task in (self._sender, self._reliever):
            if task is not None:
                task.cancel()
        await asyncio.gather(*(task for task in (self._sender, self._reliever) if task), return_exceptions=True)
        if self._timer is not None:
            self._timer.cancel()
        if self._unsent:
            await self._spill([segment for segment in self._unsent if segment.text is not None])
            logger.warning(
                "log segments were not delivered segments=%d kept_in=%s reason=%s",
                len(self._unsent),
                self._spill_directory,
                self._refusal or "the server could not be reached in time",
            )

    def _take(self, source: LogSource, data: bytes) -> None:
        reader = self._readers.get(source)
        if reader is None:
            if not data:
                return
            reader = self._readers[source] = LineReader(source, self._masks)
        for record in reader.feed(data) if data else reader.close():
            self._add(record)

    def _add(self, record: bytes) -> None:
        self._records.append(record)
        self._record_bytes += len(record) + 1
        if self._record_bytes >= SEGMENT_BYTES:
            self._close_segment()
        elif self._timer is None:
            seconds = TAIL_SECONDS if self._loop.time() < self._tailed_until else SEGMENT_SECONDS
            self._timer = self._loop.call_later(seconds, self._close_segment)

    def _close_segment(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._records:
            return
        text = (b"\n".join(self._records) + b"\n").decode()
        segment = _Segment(self._sequence, text, self._record_bytes)
        self._sequence += 1
        self._records, self._record_bytes = [], 0
        self._unsent.append(segment)
        self._memory_bytes += segment.size
        if self._sender is None and self._refusal is None:
            self._sender = asyncio.create_task(self._send_all(), name="log sender")
        if self._memory_bytes > UNSENT_BYTES and self._reliever is None and self._pipes is not None:
            self._pipes.pause()
            self._reliever = asyncio.create_task(self._relieve(), name="log spill")

    async def _send_all(self) -> None:
        try:
            while self._unsent:
                segment = self._unsent[0]
                text = segment.text
                if text is None and segment.path is not None:
                    text = await asyncio.to_thread(segment.path.read_text, "utf-8")
                await self._send(segment.sequence, text or "")
                self._forget(self._unsent.popleft())
                self._moved.set()
        except SegmentRefused as refusal:
            self._refusal = str(refusal)
            self._moved.set()
        except OSError as error:
            self._refusal = f"a spilled segment cannot be read: {error}"
            self._moved.set()
        finally:
            self._sender = None

    def _forget(self, segment: _Segment) -> None:
        if segment.text is not None:
            self._memory_bytes -= segment.size
        if segment.path is not None:
            segment.path.unlink(missing_ok=True)
            self._spilled_bytes -= segment.size
            if not self._spilled_bytes:
                with suppress(OSError):
                    self._spill_directory.rmdir()

    async def _relieve(self) -> None:
        """Wait for the server while that is short, then make room, and let user code go on."""
        try:
            loop = asyncio.get_running_loop()
            patience_ends = loop.time() + PATIENCE_SECONDS
            while self._memory_bytes > UNSENT_BYTES // 2 and not self._is_cut() and self._refusal is None:
                self._moved.clear()
                try:
                    async with asyncio.timeout_at(min(patience_ends, loop.time() + FLUSH_SECONDS)):
                        await self._moved.wait()
                except TimeoutError:
                    if loop.time() >= patience_ends:
                        break
            if self._memory_bytes > UNSENT_BYTES // 2:
                # The first one may be on its way to the server.
                await self._spill([segment for segment in list(self._unsent)[1:] if segment.text is not None])
        finally:
            self._reliever = None
            if self._pipes is not None:
                self._pipes.resume()

    async def _spill(self, segments: list[_Segment]) -> None:
        """Move segments to disk, or where that fails put a word in their place."""
        room = SPILL_BYTES - self._spilled_bytes
        failures = await asyncio.to_thread(_write_segments, self._spill_directory, segments, room)
        for segment, failure in zip(segments, failures, strict=True):
            path = self._spill_directory / _file_name(segment)
            if segment not in self._unsent:
                path.unlink(missing_ok=True)
            elif failure is None:
                self._spilled_bytes += segment.size
                self._memory_bytes -= segment.size
                segment.path, segment.text = path, None
            else:
                message = f"{segment.size} bytes of output were dropped here: the server is away, and {failure}"
                lost = (supervisor_record(LogLevel.ERROR, message) + b"\n").decode()
                self._memory_bytes += len(lost) - segment.size
                segment.text, segment.size = lost, len(lost)


def _write_segments(directory: Path, segments: list[_Segment], room: int) -> list[OSError | None]:
    failures: list[OSError | None] = []
    for segment in segments:
        try:
            if segment.size > room:
                raise OSError(f"{SPILL_BYTES} bytes of this try's log wait already")
            directory.mkdir(parents=True, exist_ok=True)
            (directory / _file_name(segment)).write_text(segment.text or "", "utf-8")
        except OSError as error:
            failures.append(error)
        else:
            failures.append(None)
            room -= segment.size
    return failures


def _file_name(segment: _Segment) -> str:
    return f"{segment.sequence:08}.jsonl"
