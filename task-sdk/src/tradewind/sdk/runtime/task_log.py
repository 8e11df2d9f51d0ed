"""The log of a task: records of `logging` as lines of the contract, with secrets hidden."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import logging
import os
import sys
from collections.abc import Iterator

from tradewind.sdk.contract import LogLevel, LogRecord, LogSource, encode
from tradewind.sdk.error_text import printable
from tradewind.sdk.masking import Masker

PIECE = 64 * 1024
"""Characters of a message in one record; a longer message goes on in the next."""

_LEVELS = (
    (logging.CRITICAL, LogLevel.CRITICAL),
    (logging.ERROR, LogLevel.ERROR),
    (logging.WARNING, LogLevel.WARNING),
    (logging.INFO, LogLevel.INFO),
)


class ContractHandler(logging.Handler):
    """Writes each record as one line of JSON, or as several when its message is long.

    What it writes is what `logging` shows without a formatter: the message, and the traceback of an exception.

    Args:
        descriptor: where to; it stays open.
        masker: what to hide.
    """

    def __init__(self, descriptor: int, masker: Masker) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._masker = masker

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._write(record)
        except Exception:  # noqa: BLE001 - as every handler of logging: a record that cannot be shown stops no task
            self.handleError(record)

    def _write(self, record: logging.LogRecord) -> None:
        message = printable(self._masker.mask(self.format(record)))
        timestamp = dt.datetime.fromtimestamp(record.created, dt.UTC)
        level = next((level for number, level in _LEVELS if record.levelno >= number), LogLevel.DEBUG)
        logger = printable(self._masker.mask(record.name))
        for start in range(0, max(len(message), 1), PIECE):
            line = LogRecord(
                timestamp=timestamp,
                source=LogSource.LOG,
                level=level,
                message=message[start : start + PIECE],
                logger=logger,
            )
            _write_all(self._descriptor, encode(line) + b"\n")


@contextlib.contextmanager
def task_log(descriptor: int | None, masker: Masker) -> Iterator[None]:
    """Let what is logged in this process, warnings too, become the log of the task meanwhile.

    Handlers that only write to the standard streams are set aside: those streams are in the log already. Lines that
    are printed appear at once.

    Args:
        descriptor: where to; logging stays as it is without one.
        masker: what to hide.
    """
    if descriptor is None:
        yield
        return
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    handler = ContractHandler(descriptor, masker)
    root.handlers[:] = [handler, *(other for other in handlers if not _writes_to_standard_stream(other))]
    root.setLevel(logging.INFO if level in {logging.NOTSET, logging.WARNING} else level)
    logging.captureWarnings(capture=True)
    for stream in (sys.stdout, sys.stderr):
        # The zygote's streams are so already, and to be told again costs a child some memory pages.
        if isinstance(stream, io.TextIOWrapper) and not (stream.line_buffering and stream.errors == "backslashreplace"):
            stream.reconfigure(line_buffering=True, errors="backslashreplace")
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        root.handlers[:] = handlers
        root.setLevel(level)


def _writes_to_standard_stream(handler: logging.Handler) -> bool:
    return type(handler) is logging.StreamHandler and handler.stream in {
        sys.stdout,
        sys.stderr,
        sys.__stdout__,
        sys.__stderr__,
    }


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
