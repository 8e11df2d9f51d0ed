"""Ends an import that takes too long, from inside: the alarm's exception carries the place where it looped."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tradewind.sdk.exceptions import DagFileTimeout

_AGAIN_SECONDS = 1.0
"""A file that swallows the exception gets the next one after this time."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise in the main thread after some seconds. In another thread there is no limit: only the main one gets signals.

    Raises:
        DagFileTimeout: where the code was when the time was over.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    armed = True

    def on_alarm(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as signal calls it
        if armed:
            raise DagFileTimeout(
                f"The import took longer than {seconds:g} seconds. Move slow work from the top of the file into tasks."
            )

    began = time.monotonic()
    handler_before = signal.signal(signal.SIGALRM, on_alarm)
    seconds_before, interval_before = signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN_SECONDS)
    try:
        try:
            yield
        finally:
            armed = False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler_before)
        if seconds_before:
            left = max(seconds_before - (time.monotonic() - began), 0.001)
            signal.setitimer(signal.ITIMER_REAL, left, interval_before)
