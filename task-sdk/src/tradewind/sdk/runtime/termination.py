"""What happens when the process of a task is asked to end: the task may clean up, then its code is interrupted."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # a child pays for the enums that `signal.signal` makes
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from tradewind.sdk.exceptions import TaskTerminated

_log = logging.getLogger("tradewind.task")


@contextmanager
def interrupted_by_sigterm(on_kill: Callable[[], None]) -> Iterator[None]:
    """Let SIGTERM call `on_kill` and then interrupt the code below.

    In a thread that is not the main one nothing changes: only the main one gets signals.

    Args:
        on_kill: cleans up what would live on.

    Raises:
        TaskTerminated: where the code was when the signal came.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    owner = os.getpid()

    def on_signal(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as signal calls it
        if os.getpid() != owner:  # a process that the task forked has inherited this handler
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
            return
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _log.error("Received SIGTERM: the task is asked to end.")
        try:
            on_kill()
        except Exception:  # noqa: BLE001 - the task ends either way
            _log.exception("on_kill failed.")
        raise TaskTerminated("The process of the task was asked to end (SIGTERM).")

    before = _signal.signal(signal.SIGTERM, on_signal)
    try:
        yield
    finally:
        _signal.signal(signal.SIGTERM, before)
