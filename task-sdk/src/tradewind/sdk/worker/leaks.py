"""What a try may leave in the process that it ran in, so that the process must not run another."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # without the enums that `signal` makes of every number
import os
import signal
import sys
import threading
import time

from tradewind.sdk.worker import linux
from tradewind.sdk.worker.descriptors import LOG, open_descriptors

_WATCHED_SIGNALS = tuple(
    map(
        int,
        (
            signal.SIGTERM,
            signal.SIGINT,
            signal.SIGALRM,
            signal.SIGHUP,
            signal.SIGUSR1,
            signal.SIGUSR2,
            signal.SIGCHLD,
            signal.SIGPIPE,
        ),
    )
)
_THREAD_END_SECONDS = 0.05
"""A thread that was joined may still be listed by the kernel for a moment."""

_OUTPUT = (1, 2, LOG)


class Footing:
    """The state of a process before its tries, which every one of them has to leave as it found it.

    What is not looked at may go from one try to the next: modules and their globals, caches, open files and
    connections, the configuration of libraries.
    """

    def __init__(self) -> None:
        self._threads = _threads()
        self._descriptors = set(open_descriptors())
        self._directory = os.getcwd()  # noqa: PTH109 - a string to compare, at a fraction of the price
        self._environment = dict(_environment())
        self._streams = (sys.stdin, sys.stdout, sys.stderr)
        self._handlers = _handlers()
        self._umask = _umask()

    def left_behind(self) -> str | None:
        """What the last try has left, None when the process may run another; the file mode mask is put right."""
        os.umask(self._umask)
        return (
            self._processes()
            or self._running_threads()
            or self._place()
            or self._kept_output()
            or self._signals()
            or None
        )

    def _processes(self) -> str | None:
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return None
        return "it left a child process"

    def _running_threads(self) -> str | None:
        more = _threads() - self._threads
        if more > 0 and threading.active_count() <= self._threads:
            deadline = time.monotonic() + _THREAD_END_SECONDS
            while more > 0 and time.monotonic() < deadline:
                time.sleep(0.001)
                more = _threads() - self._threads
        return f"it left {more} thread(s) running" if more > 0 else None

    def _place(self) -> str | None:
        try:
            directory = os.getcwd()  # noqa: PTH109 - see above
        except FileNotFoundError:
            directory = "a folder that is gone"
        if directory != self._directory:
            return f"it changed the working directory to {directory}"
        environment = _environment()
        if environment != self._environment:
            names = sorted(name.decode("utf-8", "replace") for name in _changed(environment, self._environment))
            return f"it changed the environment: {', '.join(names)}"
        return None

    def _kept_output(self) -> str | None:
        if (sys.stdin, sys.stdout, sys.stderr) != self._streams:
            return "it replaced a standard stream"
        own = {(status.st_dev, status.st_ino) for status in map(os.fstat, _OUTPUT)}
        for number in set(linux.numbers_in("/proc/self/fd")) - self._descriptors - {*_OUTPUT}:
            try:
                status = os.fstat(number)
            except OSError:  # that of the listing
                continue
            if (status.st_dev, status.st_ino) in own:
                return f"it kept a copy of its output as descriptor {number}"
        return None

    def _signals(self) -> str | None:
        for number, before, now in zip(_WATCHED_SIGNALS, self._handlers, _handlers(), strict=True):
            if before is not now:
                return f"it left a handler for {signal.Signals(number).name}"
        if _signal.getitimer(_signal.ITIMER_REAL)[0]:
            return "it left a timer running"
        return None


def _threads() -> int:
    return len(linux.numbers_in("/proc/self/task"))


def _environment() -> dict[bytes, bytes]:
    """What `os.environ` keeps, at a hundredth of the price of asking for each variable."""
    kept: dict[bytes, bytes] = vars(os.environ)["_data"]
    return kept


def _handlers() -> tuple[object, ...]:
    return tuple(map(_signal.getsignal, _WATCHED_SIGNALS))


def _umask() -> int:
    umask = os.umask(0o022)
    os.umask(umask)
    return umask


def _changed(now: dict[bytes, bytes], before: dict[bytes, bytes]) -> set[bytes]:
    return {name for name in now.keys() | before.keys() if now.get(name) != before.get(name)}
