"""The log of a control-plane process: one line an event, with its fields as `key=value`."""

from __future__ import annotations

import logging
import time
from pathlib import Path

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_CHATTY = ("alembic", "uvicorn", "asyncio", "httpx")


class EventFormatter(logging.Formatter):
    """`2026-03-01T06:00:00.123Z INFO tradewind.server.scheduler: leadership changed epoch=3`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - the same
        return time.strftime(datefmt or self.default_time_format, time.gmtime(record.created))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is the standard library's
        fields = (f" {name}={value!r}" for name, value in vars(record).items() if name not in _OWN)
        return super().formatMessage(record) + "".join(fields)


def write_log(file: Path | None = None) -> None:
    """Send this process's log to a file and its warnings to standard error, or all of it to standard error.

    Args:
        file: where all of it goes; None for standard error.
    """
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    terminal = logging.StreamHandler()
    handlers: list[logging.Handler] = [terminal]
    if file is not None:
        terminal.setLevel(logging.WARNING)
        handlers.append(logging.FileHandler(file, encoding="utf-8"))
    for handler in handlers:
        handler.setFormatter(EventFormatter())
        root.addHandler(handler)
