"""Processes as the kernel sees them: who they are across reuse of ids, what descends from them, how to end it all."""

from __future__ import annotations

import contextlib
import functools
import os
import select
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from tradewind.sdk.worker.linux import numbers_in

_FREEZE_SECONDS = 1.0
_END_SECONDS = 10.0
_POLL_SECONDS = 0.001
_STOPPED = "TtZXx"  # a process in one of these states cannot fork
_DEAD = "ZXx"
_LISTING_BYTES = 65536


class Identity(NamedTuple):
    """A process, told apart from every other that has or will have its id.

    Attributes:
        pid: its id, of its process group too when it is a try.
        start_ticks: when it was started, in clock ticks since boot.
        boot_id: the boot of the host in which it ran.
        session: id of its session: that of the zygote, for everything that a worker starts.
    """

    pid: int
    start_ticks: int
    boot_id: str
    session: int


class ProcessStatus(NamedTuple):
    """One line of `/proc/<pid>/stat`, as far as it is of use here."""

    pid: int
    state: str
    parent: int
    group: int
    session: int
    start_ticks: int


@functools.cache
def boot_id() -> str:
    """The id of this boot of the host."""
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


def status(pid: int) -> ProcessStatus | None:
    """What the kernel tells about a process, None when there is none with this id."""
    try:
        descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        line = os.read(descriptor, 4096)
    except ProcessLookupError:  # it ended in between
        return None
    finally:
        os.close(descriptor)
    # The second field is the program's name in parentheses, which may itself hold spaces and parentheses.
    fields = line[line.rindex(b")") + 2 :].split()
    return ProcessStatus(pid, fields[0].decode(), int(fields[1]), int(fields[2]), int(fields[3]), int(fields[19]))


def start_ticks(pid: int) -> int:
    """When a process was started, in clock ticks since boot; 0 when there is none with this id."""
    try:
        descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        line = os.read(descriptor, 4096)
    except ProcessLookupError:
        return 0
    finally:
        os.close(descriptor)
    return int(line[line.rindex(b")") + 2 :].split(None, 20)[19])


def identity(pid: int) -> Identity | None:
    """Identity of a process, None when there is none with this id."""
    found = status(pid)
    return Identity(pid, found.start_ticks, boot_id(), found.session) if found else None


def is_alive(process: Identity) -> bool:
    """Tell whether this very process still runs; one that has ended and waits for its parent does not."""
    found = status(process.pid) if process.boot_id == boot_id() else None
    return found is not None and found.start_ticks == process.start_ticks and found.state not in _DEAD


def children(pid: int) -> list[int]:
    """Ids of the direct children of a process, ended ones that nobody has waited for among them."""
    found: list[int] = []
    try:
        for thread in numbers_in(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb", buffering=0) as file:  # noqa: PTH123 - half the time
                found.extend(map(int, file.readall().split()))
    except (FileNotFoundError, ProcessLookupError):
        if _kernel_lists_children():
            return found  # the process or one of its threads ended meanwhile
        return [process.pid for process in _all_processes() if process.parent == pid]
    return found


@functools.cache
def _kernel_lists_children() -> bool:
    # Kernels without CONFIG_PROC_CHILDREN do not have the file.
    return Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists()


class AdoptedChildren:
    """The children of this process that the kernel has given to it, and those of its main thread, to be read often."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._listing: int | None = None
        if _kernel_lists_children():
            # Orphans are given to the first thread of a process, which is the main thread as long as that lives.
            self._listing = os.open(f"/proc/{self._pid}/task/{self._pid}/children", os.O_RDONLY | os.O_CLOEXEC)

    def list(self) -> list[int]:
        """Their ids, those of ended ones that nobody has waited for among them."""
        if self._listing is None:
            return children(self._pid)
        text = b""
        while part := os.pread(self._listing, _LISTING_BYTES, len(text)):
            text += part
        return [int(pid) for pid in text.split()]

    def close(self) -> None:
        """Close the listing."""
        if self._listing is not None:
            os.close(self._listing)
            self._listing = None


def descendants(pid: int) -> list[ProcessStatus]:
    """Everything below a process, nearest first; exact when all of it is stopped."""
    found: list[ProcessStatus] = []
    level = children(pid)
    while level:
        known = [process for process in map(status, level) if process]
        found.extend(known)
        level = [child for process in known for child in children(process.pid)]
    return found


def kill_tree(pid: int, start_ticks: int) -> None:
    """Kill a process and everything below it, what it has started in other sessions among it; blocking.

    The tree is stopped from the top first, so that nothing is born while it is walked. The root stays, stopped, until
    the rest is dead: where it is a subreaper, orphans stay below it and are found.

    Args:
        pid: root of the tree.
        start_ticks: when it was started, so that another process with its id is left alone.
    """
    root = status(pid)
    if root is None or root.start_ticks != start_ticks:
        return
    _freeze(root)
    deadline = time.monotonic() + _END_SECONDS
    while alive := [process for process in descendants(pid) if process.state not in _DEAD]:
        for process in alive:
            send_signal(process.pid, process.start_ticks, signal.SIGKILL)
        if time.monotonic() > deadline:  # in a call that the kernel does not interrupt; the signal waits for its end
            break
        time.sleep(_POLL_SECONDS)
    send_signal(pid, start_ticks, signal.SIGKILL)


def _freeze(root: ProcessStatus) -> None:
    """Stop a tree, until nothing of it can fork; what cannot be stopped in time is left to the killing."""
    deadline = time.monotonic() + _FREEZE_SECONDS
    told: set[tuple[int, int]] = set()
    while time.monotonic() < deadline:
        # Read again, the root too: a process counts as stopped only if the kernel says so after the signal.
        tree = [now for now in (status(root.pid),) if now] + descendants(root.pid)
        for process in tree:
            if (process.pid, process.start_ticks) not in told:
                send_signal(process.pid, process.start_ticks, signal.SIGSTOP)
                told.add((process.pid, process.start_ticks))
        if all(process.state in _STOPPED for process in tree):
            return
        time.sleep(_POLL_SECONDS)


def send_signal(pid: int, start_ticks: int, number: signal.Signals) -> bool:
    """Signal this very process, whatever has its id meanwhile; False when it is gone."""
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            found = status(pid)
            if found and found.start_ticks == start_ticks:
                signal.pidfd_send_signal(descriptor, number)
                return True
        finally:
            os.close(descriptor)
    return False


def signal_group(pid: int, start_ticks: int, number: signal.Signals) -> None:
    """Signal the process group that this very process leads; nothing when the process is gone."""
    found = status(pid)
    if found and found.start_ticks == start_ticks:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, number)


def kill_leftovers(recorded: Iterable[Identity]) -> list[int]:
    """Kill what a former instance of a worker has left: its processes, their trees, process groups and sessions.

    A process group or session whose first process is gone is still recognised: its number is not given to another
    process as long as it has members.

    Args:
        recorded: processes that the former instance had started.

    Returns:
        Ids of the processes that were killed; all of them are gone, or blocked in the kernel with SIGKILL pending.
    """
    former = [process for process in recorded if process.boot_id == boot_id()]
    killed: list[ProcessStatus] = []
    # What is killed may leave orphans of the same groups and sessions, hence until there are none.
    deadline = time.monotonic() + _END_SECONDS
    while remaining := [process for process in _members(former) if process.state not in _DEAD]:
        for process in remaining:
            killed.extend(descendants(process.pid))
            killed.append(process)
            kill_tree(process.pid, process.start_ticks)
        if time.monotonic() > deadline:
            break
        _await_end(remaining)
    return sorted({process.pid for process in killed})


def _members(recorded: list[Identity]) -> Iterator[ProcessStatus]:
    """Every process that is one of those recorded or belongs to its group or session."""
    if not recorded:
        return
    processes = {process.pid: process for process in _all_processes()}
    me = processes.get(os.getpid())
    for process in processes.values():
        if me and process.session == me.session:
            continue
        if any(_belongs(process, former, processes) for former in recorded):
            yield process


def _belongs(process: ProcessStatus, former: Identity, processes: dict[int, ProcessStatus]) -> bool:
    if process.pid == former.pid:
        return process.start_ticks == former.start_ticks
    for number in {process.group, process.session} & {former.pid, former.session}:
        # A younger process with this number as its id means that the number was free, and so the old group empty.
        leader = processes.get(number)
        if process.start_ticks >= former.start_ticks and (leader is None or leader.start_ticks <= former.start_ticks):
            return True
    return False


def _await_end(processes: list[ProcessStatus]) -> None:
    poller = select.poll()
    descriptors: set[int] = set()
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            descriptor = os.pidfd_open(process.pid)
            descriptors.add(descriptor)
            poller.register(descriptor, select.POLLIN)
    waiting = set(descriptors)
    deadline = time.monotonic() + 1.0
    while waiting and (remaining := deadline - time.monotonic()) > 0:
        for descriptor, _event in poller.poll(remaining * 1000):
            poller.unregister(descriptor)
            waiting.discard(descriptor)
    for descriptor in descriptors:
        os.close(descriptor)


def _all_processes() -> Iterator[ProcessStatus]:
    for pid in numbers_in("/proc"):
        if found := status(pid):
            yield found
