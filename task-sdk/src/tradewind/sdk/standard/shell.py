"""Runs one shell command as a child that cannot outlive its task, and passes on what it writes line by line."""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

PIECE = 64 * 1024
"""Characters of a line that are passed on at once; a longer line comes in pieces."""

LONGEST_LAST_LINE = 2 * 1024 * 1024
"""Characters of the last line that are kept, well above what can be the result of a task."""

GRACE_SECONDS = 3.0
"""How long a command that has to end may clean up before it is killed."""

_PR_SET_PDEATHSIG = 1
_LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class ShellResult:
    """How a command ended. An `exit_code` below zero is the number of the signal that ended it."""

    exit_code: int
    last_line: str


class ShellCommand:
    """A command in a process group of its own, started by `run`.

    Args:
        arguments: program and arguments.
        environment: the whole environment.
        directory: where it runs.
        encoding: of what it writes.
    """

    def __init__(
        self, arguments: Sequence[str], *, environment: Mapping[str, str], directory: str, encoding: str
    ) -> None:
        self._arguments = arguments
        self._environment = environment
        self._directory = directory
        self._encoding = encoding
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, on_line: Callable[[str], None]) -> ShellResult:
        """Start the command and pass on what it writes until it and whatever writes with it are done.

        What is left of its process group is killed at the end, and all of it when this is interrupted.

        Args:
            on_line: called with each line, without trailing blanks; long lines come in pieces.

        Raises:
            OSError: the command could not be started.
        """
        try:
            with _signals_held_back():
                self._process = process = self._start()
            last_line = self._read(process, on_line)
            if process.returncode is None:  # `stop` may have been called by what reads the lines
                _has_ended(process)
                _signal_group(process, signal.SIGKILL)
            return ShellResult(process.wait(), last_line)
        finally:
            self.stop()
            if self._process is not None and self._process.stdout is not None:
                self._process.stdout.close()

    def stop(self) -> None:
        """End the process group: SIGTERM, and SIGKILL to what still runs after `GRACE_SECONDS`."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            _signal_group(process, signal.SIGTERM)
            deadline = time.monotonic() + GRACE_SECONDS
            while not _has_ended(process, os.WNOHANG) and time.monotonic() < deadline:
                time.sleep(_LOOK_SECONDS)
            _signal_group(process, signal.SIGKILL)
            process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self._directory,
            env=dict(self._environment),
            process_group=0,
            preexec_fn=_die_with_parent(),  # noqa: PLW1509 - it only makes system calls
        )

    def _read(self, process: subprocess.Popen[bytes], on_line: Callable[[str], None]) -> str:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        line: list[str] = []
        with io.TextIOWrapper(process.stdout, self._encoding, "backslashreplace", newline="\n") as stream:
            for starts, piece in _pieces(stream):
                text = piece.rstrip()
                on_line(text)
                if starts:
                    line = []
                if sum(map(len, line)) <= LONGEST_LAST_LINE:
                    line.append(piece)
        return "".join(line).rstrip()


@contextlib.contextmanager
def _signals_held_back() -> Iterator[None]:
    """Let no Python handler of a signal run inside the block; signals that came meanwhile are raised after it.

    A handler may raise an exception, and one raised within `Popen` leaves a process that nobody knows. A mask would
    not do: another thread would get the signal, and the main one would run its handler.
    """
    if threading.current_thread() is not threading.main_thread():  # only that one runs handlers
        yield
        return
    came: list[int] = []
    with contextlib.ExitStack() as after:
        after.callback(_raise_signals, came)
        for number in signal.valid_signals():
            if callable(handler := signal.getsignal(number)):
                after.callback(signal.signal, number, handler)
                signal.signal(number, lambda number, _frame: came.append(number))
        yield


def _raise_signals(numbers: Iterable[int]) -> None:
    for number in numbers:
        signal.raise_signal(number)


def _has_ended(process: subprocess.Popen[bytes], option: int = 0) -> bool:
    # The process is not reaped: as long as the zombie holds its number, its group cannot be another one.
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | option) is not None


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _pieces(stream: io.TextIOWrapper) -> Iterator[tuple[bool, str]]:
    """Each piece of a line, with whether it begins one."""
    starts = True
    while piece := stream.readline(PIECE):
        yield starts, piece
        starts = piece.endswith("\n")


def _die_with_parent() -> Callable[[], None] | None:
    """What the child does before its program starts: ask to be killed when this process dies. Only Linux has that."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)

    return ask
