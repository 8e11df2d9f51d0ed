"""From the bytes that user code writes to records of its log: lines, masked and of bounded length."""

from __future__ import annotations

import codecs
import datetime as dt
from collections.abc import Iterator
from typing import Protocol

import msgspec

from tradewind.sdk.contract import LogLevel, LogRecord, LogSource, decode, encode

MAX_LINE = 64 * 1024
"""Characters of a message; a longer one goes on in the next record."""

_MAX_STRUCTURED_LINE = 1024 * 1024
_LEVELS = {LogSource.STDOUT: LogLevel.INFO, LogSource.STDERR: LogLevel.ERROR, LogSource.LOG: LogLevel.INFO}


class Masks(Protocol):
    """What hides the secrets that were handed out."""

    def mask(self, text: str) -> str:
        """The text with each secret in it replaced."""
        ...

    @property
    def longest(self) -> int:
        """Characters of the longest secret."""
        ...


class LineReader:
    """Splits the bytes of one descriptor into encoded log records, in the order in which they were written.

    The lines of `LogSource.LOG` are log records already, masked by the process that wrote them; they are checked and
    masked again. A line that is no record is taken as plain text.
    """

    def __init__(self, source: LogSource, masks: Masks) -> None:
        self._source = source
        self._masks = masks
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._limit = _MAX_STRUCTURED_LINE if source is LogSource.LOG else MAX_LINE

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The records that these bytes complete."""
        *lines, self._rest = (self._rest + self._decoder.decode(data)).split("\n")
        for line in lines:
            yield from self._records(line)
        # The end of an unfinished line may be the beginning of a secret: as much as a secret has stays back.
        back = max(self._masks.longest - 1, 0)
        if len(self._rest) > self._limit + back:
            masked = self._masks.mask(self._rest)
            cut = max(len(masked) - back, 0)
            self._rest = masked[cut:]
            yield from self._text_records(masked[:cut])

    def close(self) -> Iterator[bytes]:
        """The record of a last line without an end."""
        line, self._rest = self._rest + self._decoder.decode(b"", final=True), ""
        if line:
            yield from self._records(line)

    def _records(self, line: str) -> Iterator[bytes]:
        line = line.removesuffix("\r")
        if self._source is LogSource.LOG:
            try:
                record = decode(LogRecord, line)
            except msgspec.DecodeError:
                pass
            else:
                yield from self._split(record)
                return
        yield from self._text_records(self._masks.mask(line))

    def _split(self, record: LogRecord) -> Iterator[bytes]:
        logger = self._masks.mask(record.logger) if record.logger else None
        for message in _pieces(self._masks.mask(record.message)):
            yield encode(
                LogRecord(
                    timestamp=record.timestamp, source=LogSource.LOG, level=record.level, message=message, logger=logger
                )
            )

    def _text_records(self, masked: str) -> Iterator[bytes]:
        timestamp = now()
        for message in _pieces(masked):
            yield encode(
                LogRecord(timestamp=timestamp, source=self._source, level=_LEVELS[self._source], message=message)
            )


def now() -> dt.datetime:
    """The present on the worker's clock."""
    return dt.datetime.now(dt.UTC)


def supervisor_record(level: LogLevel, message: str) -> bytes:
    """A record by which the supervisor speaks in the log of a try."""
    return encode(LogRecord(timestamp=now(), source=LogSource.SUPERVISOR, level=level, message=message))


def _pieces(text: str) -> Iterator[str]:
    if len(text) <= MAX_LINE:
        yield text
    else:
        yield from (text[start : start + MAX_LINE] for start in range(0, len(text), MAX_LINE))
