"""Processes of the product under test: started with a deadline, read line by line, and none left behind."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import psutil

Value = TypeVar("Value")

_PR_SET_CHILD_SUBREAPER = 36
_PAUSE_SECONDS = 0.02
DEADLINE_SECONDS = 40.0
_STARTED: list["Running"] = []


class TooLateError(AssertionError):
    """What a test waited for did not happen before its deadline."""


def eventually(what: str, condition: Callable[[], Value | None], deadline: float = DEADLINE_SECONDS) -> Value:
    """Ask until the answer is true, and return it.

    Args:
        what: words for the error.
        condition: called again and again; anything false means not yet.
        deadline: seconds after which waiting is given up.

    Raises:
        TooLateError: the deadline has passed.
    """
    until = time.monotonic() + deadline
    while not (answer := condition()):
        reap_adopted()
        if time.monotonic() > until:
            raise TooLateError(f"{what}: not within {deadline:.0f} s; the last answer was {answer!r}")
        time.sleep(_PAUSE_SECONDS)
    return answer


def program(name: str) -> str:
    """Path of a command that is installed beside the Python that runs the tests."""
    path = Path(sys.executable).parent / name
    assert path.exists(), f"{path} does not exist: install the distributions into the environment of the tests"
    return str(path)


class Running:
    """One process of the product with what it prints."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], directory: Path) -> None:
        self.command = list(command)
        self.lines: list[str] = []
        self._printed = threading.Condition()
        self._closed = False
        self.process = subprocess.Popen(
            self.command,
            env=dict(environment),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        _STARTED.append(self)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def output(self) -> str:
        """Everything printed so far."""
        with self._printed:
            return "\n".join(self.lines)

    def must_live(self) -> None:
        """Complain if it has ended."""
        assert self.process.poll() is None, f"{self.command} ended with {self.process.returncode}:\n{self.output}"

    def wait_for_line(self, wanted: Callable[[str], bool], what: str, deadline: float = DEADLINE_SECONDS) -> str:
        """Wait until a line is printed that is wanted, and return it."""
        with self._printed:
            self._printed.wait_for(lambda: self._closed or any(map(wanted, self.lines)), deadline)
            found = next(filter(wanted, self.lines), None)
        if found is None:
            raise TooLateError(f"{self.command[0]} did not print {what}:\n{self.output}")
        return found

    def wait(self, deadline: float = DEADLINE_SECONDS) -> int:
        """Wait for the end and return the exit code; negative is a signal."""
        try:
            eventually("the end", lambda: self.process.poll() is not None, deadline)
        except TooLateError:
            raise TooLateError(f"{self.command} still runs after {deadline:.0f} s:\n{self.output}") from None
        code = self.process.returncode
        self._reader.join(deadline)
        return code

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end as a person or an init system would, and return its exit code."""
        self.process.send_signal(number)
        return self.wait()

    def kill(self) -> None:
        """End it as a crash would: nothing in it gets to clean up."""
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """Close the pipe, once nothing else holds its other end."""
        self._reader.join(DEADLINE_SECONDS)
        _STARTED.remove(self)
        if self.process.stdout:
            self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout
        with contextlib.suppress(ValueError):
            for line in self.process.stdout:
                with self._printed:
                    self.lines.append(line.rstrip("\n"))
                    self._printed.notify_all()
        with self._printed:
            self._closed = True
            self._printed.notify_all()


def adopt_orphans() -> None:
    """Become the parent of whatever loses its own, so that nothing which the tests start can get out of sight."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def reap_adopted() -> None:
    """Collect adopted processes that have ended, as an init does; what runs as `Running` is left to it."""
    while (ended := _ended_child()) is not None:
        owner = next((running for running in _STARTED if running.pid == ended), None)
        if owner is None:
            os.waitpid(ended, 0)
        else:
            owner.process.poll()


def _ended_child() -> int | None:
    try:
        answer = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return answer and answer.si_pid


def living() -> list[psutil.Process]:
    """Every descendant of the tests that has not ended, their PostgreSQL apart."""
    reap_adopted()
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE and process.name() != "postgres":
                found.append(process)
    return found


def survivors(deadline: float = 10.0) -> list[str]:
    """Kill what is still there after a deadline, and say what that was."""
    try:
        eventually("the end of all processes", lambda: not living(), deadline)
    except TooLateError:
        left = living()
    else:
        return []
    said = []
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            said.append(f"{process.pid} {' '.join(process.cmdline())[:200]}")
            process.kill()
    eventually("the end of what was killed", lambda: not living())
    return said
