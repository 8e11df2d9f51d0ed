"""The folder that outlives a worker process: its lock, and what tells the next life about the former one."""

from __future__ import annotations

import fcntl
import os
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self

from tradewind.sdk.worker.process_tree import Identity, boot_id

_REWRITE_AFTER_LINES = 20_000
_MAX_ENDED_INSTANCES = 1000
"""As many as a hello may name; of older ones the server learns by their leases."""


class StateDirectoryError(Exception):
    """The state directory cannot be used; the message names it and says what to do."""


class StateDirectory:
    """The locked state directory of one life of a worker.

    The lock is held until `close`, and by the kernel's rules not longer than the process lives. Process records are
    not synced to disk: a record is of use only while the machine that it speaks of is up.

    Attributes:
        path: the folder.
        instance_id: identity of this life of the worker.
        leftovers: processes of the former life that this machine may still run.
        ended_instances: former lives that the server has not been told about.
    """

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self.instance_id = str(uuid.uuid4())
        self._lock = lock
        self._live: dict[int, Identity] = {}
        self._lines = 0
        self._records: int | None = None
        former, self.leftovers = _read_records(path / "processes")
        known = _read_lines(path / "ended_instances")
        known += [former] if former and former not in known else []
        self.ended_instances = known[-_MAX_ENDED_INSTANCES:]

    @classmethod
    def open(cls, path: Path) -> Self:
        """Create the folder where it is missing, and lock it.

        Raises:
            StateDirectoryError: another worker uses it, or it cannot be written.
        """
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StateDirectoryError(
                f"state directory {path} cannot be written ({error.strerror}): choose another one"
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise StateDirectoryError(
                f"state directory {path} is in use by another worker: stop it, or give this one a directory of its own"
            ) from None
        return cls(path, lock)

    def begin(self) -> None:
        """Start this life: from now on the former one counts as ended, so its processes must be gone by then."""
        _write_lines(self.path / "ended_instances", self.ended_instances)
        self._rewrite()
        self.leftovers = []

    def instances_declared(self, instances: list[str]) -> None:
        """The server knows that these former lives have ended."""
        self.ended_instances = [known for known in self.ended_instances if known not in instances]
        _write_lines(self.path / "ended_instances", self.ended_instances)

    def process_started(self, process: Identity) -> None:
        """Remember a process until `process_ended`."""
        self._live[process.pid] = process
        self._append(_started_line(process) + "\n")

    def process_ended(self, pid: int) -> None:
        """Forget a process that is gone with all its descendants."""
        if self._live.pop(pid, None) is not None:
            self._append(f"- {pid}\n")

    def close(self) -> None:
        """Give the directory free. A life that ended with its processes gone needs no further word."""
        if self._records is not None:
            os.close(self._records)
            self._records = None
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _append(self, line: str) -> None:
        if self._records is None:
            raise StateDirectoryError(f"state directory {self.path}: begin() comes before process records")
        os.write(self._records, line.encode())
        self._lines += 1
        if self._lines > _REWRITE_AFTER_LINES + len(self._live):
            self._rewrite()

    def _rewrite(self) -> None:
        lines = [f"instance {self.instance_id} {boot_id()}"]
        lines += [_started_line(process) for process in self._live.values()]
        path = self.path / "processes"
        _write_lines(path, lines)
        if self._records is not None:
            os.close(self._records)
        self._records = os.open(path, os.O_WRONLY | os.O_APPEND)
        self._lines = len(lines)


def _started_line(process: Identity) -> str:
    return f"+ {process.pid} {process.start_ticks} {process.session}"


def _read_records(path: Path) -> tuple[str | None, list[Identity]]:
    """The former life and its processes, of which there are none when the machine was started anew since."""
    lines = _read_lines(path)
    head = lines[0].split() if lines else []
    if len(head) != 3 or head[0] != "instance":
        return None, []
    live: dict[int, Identity] = {}
    for line in lines[1:]:
        match line.split():
            case ["+", *numbers] if len(numbers) == 3 and all(number.isdecimal() for number in numbers):
                pid, start_ticks, session = map(int, numbers)
                live[pid] = Identity(pid=pid, start_ticks=start_ticks, boot_id=head[2], session=session)
            case ["-", pid_text] if pid_text.isdecimal():
                live.pop(int(pid_text), None)
    return head[1], list(live.values()) if head[2] == boot_id() else []


def _read_lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text().splitlines() if line]
    except FileNotFoundError:
        return []


def _write_lines(path: Path, lines: list[str]) -> None:
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, "".join(line + "\n" for line in lines).encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    fresh.replace(path)
