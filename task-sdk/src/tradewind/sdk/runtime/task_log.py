"""The log of a task: records of `logging` as lines of the contract, with secrets hidden."""

from __future__ import annotations

import datetime as dt
import io
import logging
import os
import sys

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

_LEVELS_OF_NO_CHOICE = frozenset({logging.NOTSET, logging.WARNING})
"""What the root logger has when user code has not said what it wants to see."""


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

    def write_to(self, descriptor: int, masker: Masker) -> None:
        """Write to another descriptor from now on, and hide other values."""
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


class task_log:  # noqa: N801 - used like a function; a generator would cost a forked process more memory pages
    """Let what is logged in this process, warnings too, become the log of the task meanwhile.

    Handlers that only write to the standard streams are set aside: those streams are in the log already. Lines that
    are printed appear at once.

    Args:
        descriptor: where to; logging stays as it is without one.
        masker: what to hide.
    """

    __slots__ = ("_descriptor", "_handlers", "_level", "_masker")

    def __init__(self, descriptor: int | None, masker: Masker) -> None:
        self._descriptor = descriptor
        self._masker = masker

    def __enter__(self) -> None:
        if self._descriptor is None:
            return
        root = logging.root
        handlers, self._level = root.handlers, root.level
        self._handlers = handlers[:]
        handlers[:] = [_new_handler(self._descriptor, self._masker)]
        for other in self._handlers:
            if not _writes_to_standard_stream(other):
                handlers.append(other)
        if self._level in _LEVELS_OF_NO_CHOICE:
            root.setLevel(logging.INFO)
        logging.captureWarnings(capture=True)
        if sys.stdout is not _ahead.stdout or sys.stderr is not _ahead.stderr:
            _set_up_streams()
        # User code may change what is ready, so that the next task in this process starts from nothing.
        _ahead.stdout = None

    def __exit__(self, *_exception: object) -> None:
        if self._descriptor is None:
            return
        root = logging.root
        logging.captureWarnings(capture=False)
        root.handlers[:] = self._handlers
        if root.level != self._level:
            root.setLevel(self._level)


class _Ahead:
    """What has been done for the next task of this process or of one that is forked from it.

    Attributes:
        handlers: one that is made.
        stdout: what was the standard output then, and is set up.
        stderr: the same of standard error.
    """

    def __init__(self) -> None:
        self.handlers: list[ContractHandler] = []
        self.stdout: object = None
        self.stderr: object = None


_ahead = _Ahead()


def make_log_ready() -> None:
    """Do, in a process that only forks, what the logs of the tasks in its children need."""
    _ahead.handlers.append(ContractHandler(-1, Masker()))
    if logging.root.level in _LEVELS_OF_NO_CHOICE:
        logging.root.setLevel(logging.INFO)
    _set_up_streams()
    _ahead.stdout, _ahead.stderr = sys.stdout, sys.stderr


def _new_handler(descriptor: int, masker: Masker) -> ContractHandler:
    if not _ahead.handlers:
        return ContractHandler(descriptor, masker)
    handler = _ahead.handlers.pop()
    handler.write_to(descriptor, masker)
    return handler


def _set_up_streams() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, errors="backslashreplace")


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
