"""Ends code that takes too long, from inside: the alarm's exception carries the place where it was."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from tradewind.sdk.exceptions import DagFileTimeout

_AGAIN_SECONDS = 1.0
"""A file that swallows the exception gets the next one after this time."""


def _slow_import(seconds: float) -> BaseException:
    return DagFileTimeout(
        f"The import took longer than {seconds:g} seconds. Move slow work from the top of the file into tasks."
    )


@contextmanager
def time_limit(
    seconds: float,
    error: Callable[[float], BaseException] = _slow_import,
    *,
    again_seconds: float = _AGAIN_SECONDS,
) -> Iterator[None]:
    """Raise in the main thread after some seconds. In another thread there is no limit: only the main one gets signals.

    Args:
        seconds: the limit.
        error: makes the exception.
        again_seconds: pause after which code that has not ended gets the next one; 0 for never.

    Raises:
        BaseException: what `error` makes, where the code was when the time was over.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    armed = True

    def on_alarm(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as signal calls it
        if armed:
            raise error(seconds)

    began = time.monotonic()
    handler_before = signal.signal(signal.SIGALRM, on_alarm)
    seconds_before, interval_before = signal.setitimer(signal.ITIMER_REAL, seconds, again_seconds)
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


@contextmanager
def time_not_counted() -> Iterator[None]:
    """Hold the clock of a limit meanwhile, in the main thread: the code is not to blame for what it waits for."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    left, interval = signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        yield
    finally:
        if left:
            signal.setitimer(signal.ITIMER_REAL, left, interval)
