"""The worker's own log on standard error: one line for each event."""

from __future__ import annotations

import logging
import sys
import time


class LineFormatter(logging.Formatter):
    """`2026-01-31T12:00:00.123Z INFO session opened worker=w1`; line breaks, tracebacks among them, are escaped."""

    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__("%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\r", "\\r").replace("\n", "\\n")


def set_up_logging(level: int = logging.INFO) -> None:
    """Send what the worker logs to standard error. Other libraries speak up for warnings only."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("tradewind").setLevel(level)
    logging.getLogger("tradewind.worker.websocket").setLevel(logging.WARNING)
