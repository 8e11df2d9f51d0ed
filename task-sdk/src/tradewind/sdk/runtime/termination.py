"""What happens when the process of a task is asked to end: the task may clean up, then its code is interrupted."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # a child pays for the enums that `signal.signal` makes
import logging
import os
import signal
from collections.abc import Callable
from types import FrameType

from tradewind.sdk.exceptions import TaskTerminated

_SIGTERM = int(signal.SIGTERM)
_log = logging.getLogger("tradewind.task")


class interrupted_by_sigterm:  # noqa: N801 - used like a function; a generator costs a forked process more memory pages
    """Let SIGTERM call `on_kill` and then interrupt the code below.

    In a thread that is not the main one nothing changes: only the main one gets signals.

    Args:
        on_kill: cleans up what would live on.

    Raises:
        TaskTerminated: where the code was when the signal came.
    """

    __slots__ = ("_before", "_changed", "_on_kill", "_owner")

    def __init__(self, on_kill: Callable[[], None]) -> None:
        self._on_kill = on_kill

    def __enter__(self) -> None:
        self._owner = os.getpid()
        try:
            self._before = _signal.signal(_SIGTERM, self._on_signal)
        except ValueError:  # this is not the main thread
            self._changed = False
        else:
            self._changed = True

    def __exit__(self, *_exception: object) -> None:
        if self._changed:
            _signal.signal(_SIGTERM, self._before)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._owner:  # a process that the task forked has inherited this handler
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
            return
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _log.error("Received SIGTERM: the task is asked to end.")
        try:
            self._on_kill()
        except Exception:  # noqa: BLE001 - the task ends either way
            _log.exception("on_kill failed.")
        raise TaskTerminated("The process of the task was asked to end (SIGTERM).")
