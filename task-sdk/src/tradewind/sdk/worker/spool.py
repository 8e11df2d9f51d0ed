"""Outcomes that wait to be acknowledged, on disk before anything else happens to them."""

from __future__ import annotations

import asyncio
import logging
import os
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from tradewind.sdk import contract
from tradewind.sdk.worker.alarms import GRAIN_SECONDS, Alarm, alarms

logger = logging.getLogger("tradewind.worker")

T = TypeVar("T")

_COMPACT_ABOVE_BYTES = 4 * 1024 * 1024
_HEAD_BYTES = 18  # two numbers of eight hexadecimal digits with a space behind each


class SpoolRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of one dispatch.

    Attributes:
        dispatch_id: the dispatch that ended.
        token: its execution token; also an expired one can be renewed while the dispatch is live.
        outcome: JSON of the contract's `Outcome`.
        contract_version: version of the contract that the outcome is written in.
    """

    dispatch_id: str
    token: str
    outcome: msgspec.Raw
    contract_version: str = contract.VERSION


class _Mark(msgspec.Struct, frozen=True):
    acknowledged: str


_decode_record = msgspec.json.Decoder(SpoolRecord).decode
_decode_mark = msgspec.json.Decoder(_Mark).decode
_encode = msgspec.json.encode


class Spool:
    """An append-only file of outcomes and of marks that say which of them arrived.

    A line is the length and the CRC-32 of its JSON text, eight hexadecimal digits each, and the text. A line without an
    end is a write that was cut off and never counted as durable. Any other damaged line is moved to a file beside the
    spool. Everything that waits is written and synced by one thread as one write; what is acknowledged before its turn
    comes is not written at all. The file holds execution tokens: it is readable for its owner only.

    Attributes:
        pending: records by dispatch id, oldest first.
    """

    def __init__(self, path: Path) -> None:
        """Read what a former life left.

        Raises:
            OSError: the file can be neither read nor created.
        """
        self.pending: dict[str, SpoolRecord] = {}
        self._path = path
        self._executor: ThreadPoolExecutor | None = None
        self._waiting: list[tuple[bytes, asyncio.Future[bool]]] = []
        self._postponed: dict[str, tuple[SpoolRecord, asyncio.Future[bool], Alarm]] = {}
        self._lazy: list[bytes] = []
        self._unwritten: list[bytes] = []
        self._writer: asyncio.Task[None] | None = None
        self._compact_above = _COMPACT_ABOVE_BYTES
        self._failing = False
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._end = 0
        self._recover()

    def put(self, record: SpoolRecord, *, within: float = 0.0) -> asyncio.Future[bool]:
        """Keep an outcome; a later record of the same dispatch replaces the earlier.

        Args:
            record: the outcome.
            within: seconds until it is to be written, unless it is acknowledged before.

        Returns:
            True once it is on disk or acknowledged; False when the disk refused it and it lives in memory only (an
            error is logged).
        """
        dispatch_id = record.dispatch_id
        self._drop_postponed(dispatch_id)
        self.pending[dispatch_id] = record
        loop = asyncio.get_running_loop()
        written: asyncio.Future[bool] = loop.create_future()
        if within > 0:
            timer = alarms().after(max(within - GRAIN_SECONDS, 0.0), partial(self._write_postponed, dispatch_id))
            self._postponed[dispatch_id] = (record, written, timer)
        else:
            self._write(record, written)
        return written

    def acknowledge(self, dispatch_id: str) -> None:
        """Forget an outcome that arrived or that nobody wants any more.

        The mark goes to disk with the next write: without it the outcome is delivered once more, which changes nothing.
        """
        if self.pending.pop(dispatch_id, None) is not None and not self._drop_postponed(dispatch_id):
            self._lazy.append(_line(_encode(_Mark(dispatch_id))))

    async def close(self) -> None:
        """Write what waits and close the file."""
        for dispatch_id in list(self._postponed):
            self._write_postponed(dispatch_id)
        if self._writer is not None:
            await self._writer
        if self.pending:
            await self._in_thread(self._append_durably, self._take_lazy())
        else:
            await self._in_thread(self._truncate)
        if self._executor is not None:
            self._executor.shutdown()
            self._executor = None
        os.close(self._descriptor)

    def _write_postponed(self, dispatch_id: str) -> None:
        record, written, timer = self._postponed.pop(dispatch_id)
        timer.cancel()
        self._write(record, written)

    def _drop_postponed(self, dispatch_id: str) -> bool:
        """Do not write a record that is not written yet; whether there was one."""
        if (postponed := self._postponed.pop(dispatch_id, None)) is None:
            return False
        _, written, timer = postponed
        timer.cancel()
        if not written.done():
            written.set_result(True)
        return True

    def _write(self, record: SpoolRecord, written: asyncio.Future[bool]) -> None:
        self._waiting.append((_line(_encode(record)), written))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_waiting(), name="spool writer")

    async def _write_waiting(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                # A mark comes behind its record, which may have been acknowledged while its write waited.
                lines = [*(line for line, _ in batch), *self._take_lazy()]
                durable = await self._in_thread(self._append_durably, lines)
                for _, written in batch:
                    if not written.done():
                        written.set_result(durable)
                if self._end > self._compact_above and not self._waiting:
                    await self._compact()
        finally:
            self._writer = None

    def _take_lazy(self) -> list[bytes]:
        lines, self._lazy = self._lazy, []
        return lines

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        if self._executor is None:
            self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spool")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, work, *arguments)

    def _append(self, lines: list[bytes]) -> None:
        self._end = _write_at(self._descriptor, b"".join(lines), self._end)

    def _append_durably(self, lines: list[bytes]) -> bool:
        lines = self._unwritten + lines
        try:
            self._append(lines)
            os.fdatasync(self._descriptor)
        except OSError as error:
            self._unwritten = lines
            if not self._failing:
                self._failing = True
                logger.error(  # noqa: TRY400 - the error says all
                    "spool cannot be written path=%s error=%r: outcomes are kept in memory and delivered from there; "
                    "they are lost if the worker ends before; free disk space",
                    self._path,
                    str(error),
                )
            return False
        self._unwritten = []
        if self._failing:
            self._failing = False
            logger.warning("spool can be written again path=%s", self._path)
        return True

    async def _compact(self) -> None:
        """Write the file anew when most of it is acknowledged."""
        lines = [_line(_encode(record)) for record in self.pending.values()]
        size = sum(map(len, lines))
        self._compact_above = max(_COMPACT_ABOVE_BYTES, 2 * size, self._end if size > self._end // 2 else 0)
        if self._end <= self._compact_above:
            return
        self._lazy.clear()
        if lines:
            await self._in_thread(self._replace, lines)
        else:
            await self._in_thread(self._truncate)

    def _truncate(self) -> None:
        os.ftruncate(self._descriptor, 0)
        self._end = 0
        self._unwritten = []

    def _replace(self, lines: list[bytes]) -> None:
        fresh = self._path.with_name(self._path.name + ".new")
        descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            end = _write_at(descriptor, b"".join(lines), 0)
            os.fsync(descriptor)
            fresh.replace(self._path)
            _sync_directory(self._path.parent)
        except OSError as error:
            os.close(descriptor)
            logger.error(  # noqa: TRY400 - the error says all
                "spool cannot be compacted path=%s error=%r", self._path, str(error)
            )
            return
        os.close(self._descriptor)
        self._descriptor, self._end, self._unwritten = descriptor, end, []

    def _recover(self) -> None:
        data = self._path.read_bytes()
        whole, _, torn = data.rpartition(b"\n")
        if torn:
            logger.warning("spool ends in a write that was cut off path=%s bytes=%d: dropped", self._path, len(torn))
        damaged = [line for line in (whole.split(b"\n") if whole else []) if not self._read(line)]
        self._end = len(data) - len(torn)
        if damaged:
            self._move_aside(damaged)
        if damaged or torn or (data and not self.pending):
            self._replace([_line(_encode(record)) for record in self.pending.values()])

    def _read(self, line: bytes) -> bool:
        text = line[_HEAD_BYTES:]
        if line != _line(text)[:-1]:
            return False
        try:
            if text.startswith(b'{"acknowledged"'):
                self.pending.pop(_decode_mark(text).acknowledged, None)
            else:
                record = _decode_record(text)
                self.pending[record.dispatch_id] = record
        except msgspec.DecodeError:
            return False
        return True

    def _move_aside(self, damaged: list[bytes]) -> None:
        aside = self._path.with_name(self._path.name + ".damaged")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, b"".join(line + b"\n" for line in damaged))
        finally:
            os.close(descriptor)
        logger.error(
            "spool was damaged path=%s lines=%d moved_to=%s: the outcomes in them are lost and their dispatches are "
            "handed out again; check the disk",
            self._path,
            len(damaged),
            aside,
        )


def _line(text: bytes) -> bytes:
    return b"%08x %08x %b\n" % (len(text), zlib.crc32(text), text)


def _write_at(descriptor: int, data: bytes, offset: int) -> int:
    """Write all of it; returns the offset behind it. An earlier failure's rest behind `offset` is written over."""
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written
    return offset


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
