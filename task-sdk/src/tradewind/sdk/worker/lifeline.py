"""The lifeline: no process that a supervisor started outlives it, however it dies.

It is a pipe whose write end only the supervisor holds and whose read end every process below it keeps at descriptor
`LIFELINE`, set up so that the kernel sends SIGKILL when the write end goes away. That needs no thread, works during a
call that never returns, and asks nothing of the process in between: `PR_SET_PDEATHSIG` would kill a try when its zygote
or warm parent dies.

Whom the kernel tells is a property of the open file description, which a fork shares, so that each process needs a
description of its own. It gets one by opening the pipe anew through `/proc/self/fd`.
"""

from __future__ import annotations

import fcntl
import os
import signal

from tradewind.sdk.worker import linux
from tradewind.sdk.worker.descriptors import LIFELINE

_F_SETSIG = 10  # fcntl(2); the standard library has no name for it
_PATH = f"/proc/self/fd/{LIFELINE}"


class Lifeline:
    """The supervisor's end.

    Attributes:
        read_end: to be handed to the zygote as descriptor `LIFELINE`.
    """

    def __init__(self) -> None:
        self.read_end, self._write_end = os.pipe2(os.O_CLOEXEC)
        # A process that runs as another user opens it anew as that user.
        os.fchmod(self.read_end, 0o444)

    def cut(self) -> None:
        """Kill every process that is armed, as the death of this process would."""
        if self._write_end >= 0:
            os.close(self._write_end)
            os.close(self.read_end)
            self._write_end = -1


class _Held:
    """What this process knows about its lifeline.

    Attributes:
        pipe: device and inode, so that nothing else is armed where user code has put it to that number.
        by_user_code: forks from now on are user code's.
    """

    def __init__(self) -> None:
        self.pipe: tuple[int, int] | None = None
        self.by_user_code = False


_held = _Held()


def hold(*, by_user_code: bool = False) -> None:
    """Arm a process that was started by exec, and see to what user code forks below it, at any depth.

    Args:
        by_user_code: whether forks from now on are user code's.

    Raises:
        OSError: descriptor `LIFELINE` is not open, or `/proc` is not mounted.
    """
    status = os.fstat(LIFELINE)
    _held.pipe = (status.st_dev, status.st_ino)
    _held.by_user_code = by_user_code
    arm()
    os.register_at_fork(after_in_child=_arm_after_fork)


def arm() -> None:
    """Have the kernel kill this process when the lifeline breaks; if it is broken already, die at once.

    Raises:
        OSError: descriptor `LIFELINE` is not open, or `/proc/self/fd` may not be opened.
    """
    own = _open_anew()
    os.dup2(own, LIFELINE, inheritable=False)
    os.close(own)
    fcntl.fcntl(LIFELINE, fcntl.F_SETOWN, os.getpid())
    try:
        os.read(LIFELINE, 1)
    except BlockingIOError:  # nothing to read: the write end is there
        return
    os.kill(os.getpid(), signal.SIGKILL)  # it went away before the kernel was told to watch


def _open_anew() -> int:
    own = os.open(_PATH, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.fcntl(own, _F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(own, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    return own


def _arm_after_fork() -> None:
    if not _held.by_user_code:
        return
    try:
        status = os.fstat(LIFELINE)
    except OSError:  # user code has closed it, as daemons do; its process tree is killed with the try
        return
    if (status.st_dev, status.st_ino) == _held.pipe:
        arm()


class ChildLifelines:
    """Lifelines that a forking process has ready for its children: they cost a child next to nothing.

    If the supervisor dies before one is armed, the forking process dies too, and the child, which has no assignment
    yet, ends by itself.

    Args:
        count: how many children may have one at a time; others arm themselves.
    """

    def __init__(self, count: int) -> None:
        self._free = [_open_anew() for _ in range(count)]
        self._taken: dict[int, int] = {}

    def next(self) -> int | None:
        """A descriptor for the child to be forked, None when all are taken."""
        return self._free[-1] if self._free else None

    def arm(self, pid: int) -> None:
        """Arm a child that was forked with the `next` one."""
        if self._free:
            descriptor = self._taken[pid] = self._free.pop()
            fcntl.fcntl(descriptor, fcntl.F_SETOWN, pid)

    def release(self, pid: int) -> None:
        """Have the lifeline of a child that has ended ready for another."""
        if (descriptor := self._taken.pop(pid, None)) is not None:
            self._free.append(descriptor)


def accept(descriptor: int | None) -> None:
    """In a child: keep the lifeline that the forking process has armed or is about to; without one, arm another.

    Raises:
        OSError: `/proc/self/fd` may not be opened.
    """
    _held.by_user_code = True
    if descriptor is None:
        linux.set_dumpable(True)  # or it could not open its own /proc/self/fd
        arm()
    else:
        os.dup2(descriptor, LIFELINE, inheritable=False)


def refuse() -> None:
    """Undo `accept` in a process of the worker's own, which sees to the lifelines of what it forks itself."""
    _held.by_user_code = False
