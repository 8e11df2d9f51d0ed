"""Runs one shell command as a child that cannot outlive its task, and passes on what it writes line by line."""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
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
    """A command in a process group of its own.

    Args:
        arguments: program and arguments.
        environment: the whole environment.
        directory: where it runs.
        encoding: of what it writes.
    """

    def __init__(
        self, arguments: Sequence[str], *, environment: Mapping[str, str], directory: str, encoding: str
    ) -> None:
        self._encoding = encoding
        self._process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env=dict(environment),
            process_group=0,
            preexec_fn=_die_with_parent(),  # noqa: PLW1509 - it only makes system calls
        )

    def run(self, on_line: Callable[[str], None]) -> ShellResult:
        """Pass on what the command writes until it and whatever writes with it are done.

        What is left of its process group is killed at the end, and all of it when this is interrupted.

        Args:
            on_line: called with each line, without trailing blanks; long lines come in pieces.
        """
        try:
            last_line = self._read(on_line)
            if self._process.returncode is None:  # `stop` may have been called by what reads the lines
                self._has_ended()
                self._signal_group(signal.SIGKILL)
            return ShellResult(self._process.wait(), last_line)
        finally:
            self.stop()

    def stop(self) -> None:
        """End the process group: SIGTERM, and SIGKILL to what still runs after `GRACE_SECONDS`."""
        if self._process.returncode is not None:
            return
        self._signal_group(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        while not self._has_ended(os.WNOHANG) and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        self._signal_group(signal.SIGKILL)
        self._process.wait()

    def _has_ended(self, option: int = 0) -> bool:
        # The process is not reaped: as long as the zombie holds its number, its group cannot be another one.
        return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT | option) is not None

    def _read(self, on_line: Callable[[str], None]) -> str:
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        line: list[str] = []
        with io.TextIOWrapper(self._process.stdout, self._encoding, "backslashreplace", newline="\n") as stream:
            for starts, piece in _pieces(stream):
                text = piece.rstrip()
                on_line(text)
                if starts:
                    line = []
                if sum(map(len, line)) <= LONGEST_LAST_LINE:
                    line.append(piece)
        return "".join(line).rstrip()

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


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
