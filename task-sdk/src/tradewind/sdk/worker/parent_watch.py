"""The end of the process that started a worker, for workers that must not outlive it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping

PARENT_VARIABLE = "TRADEWIND_PARENT_PID"
"""Process id of the parent, which it may pass on: so its end is noticed also while the worker is still loading."""


class ParentWatch:
    """Calls back once when the parent of this process has ended.

    A process descriptor and not the parent-death signal, because that is sent when the *thread* ends that started the
    worker, and because it is lost when the parent ends before it is asked for.
    """

    def __init__(self, environ: Mapping[str, str], ended: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._descriptor: int | None = None
        self._ended = ended
        parent = os.getppid()
        expected = environ.get(PARENT_VARIABLE, str(parent))
        try:
            self._descriptor = os.pidfd_open(parent)
        except OSError:
            expected = ""
        # Whoever has another parent now than a moment ago was adopted.
        if self._descriptor is None or str(os.getppid()) != expected:
            self._loop.call_soon(ended)
        else:
            self._loop.add_reader(self._descriptor, self._on_end)

    def close(self) -> None:
        """Watch no more."""
        if self._descriptor is not None:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None

    def _on_end(self) -> None:
        self.close()
        self._ended()
