"""A process below the supervisor, as the supervisor sees it: who it is, and the end of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from typing import NamedTuple


class ExitStatus(NamedTuple):
    """How a process ended: by an exit code or by a signal.

    Both are None when nobody can know: its parent was killed after it had waited for the process by other means.
    """

    code: int | None
    signal: int | None

    def __str__(self) -> str:
        if self.signal is not None:
            return f"signal {self.signal}"
        return "an unknown status" if self.code is None else f"exit code {self.code}"


class LiveProcess:
    """One process; its end is told by whoever is its parent.

    Attributes:
        pid: its id.
        start_ticks: when it was started, in clock ticks since boot.
        exited: done when it has ended.
    """

    __slots__ = ("_acts", "exited", "pid", "start_ticks")

    def __init__(self, pid: int, start_ticks: int) -> None:
        self.pid = pid
        self.start_ticks = start_ticks
        self._acts: list[Callable[[], object]] = []
        self.exited: asyncio.Future[ExitStatus] = asyncio.get_running_loop().create_future()

    def end(self, status: ExitStatus) -> None:
        """Take note of the end; only the first report counts."""
        if not self.exited.done():
            self.exited.set_result(status)
            acts, self._acts = self._acts, []
            for act in acts:
                act()

    def when_ended(self, act: Callable[[], object]) -> None:
        """Call back from within `end`, before whoever waits for `exited` goes on; soon when it has ended already."""
        if self.exited.done():
            self.exited.get_loop().call_soon(act)
        else:
            self._acts.append(act)


def when_child_ends(pid: int, report: Callable[[ExitStatus], None]) -> None:
    """Call `report` once a child of this process has ended and been waited for, at once when it is no child of it."""
    loop = asyncio.get_running_loop()

    def reap() -> None:
        loop.remove_reader(descriptor)
        os.close(descriptor)
        report(wait_for(pid) or ExitStatus(None, None))

    try:
        # A child that has ended keeps its id until it is waited for, so that this is the process that was meant.
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        descriptor = os.pidfd_open(pid)
    except (ChildProcessError, ProcessLookupError):
        report(ExitStatus(None, None))
        return
    loop.add_reader(descriptor, reap)


def wait_for(pid: int) -> ExitStatus | None:
    """Take the status of a child that has ended; None when it has not, or is no child of this process."""
    with contextlib.suppress(ChildProcessError):
        if end := os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG):
            if end.si_code == os.CLD_EXITED:
                return ExitStatus(end.si_status, None)
            return ExitStatus(None, end.si_status)
    return None
