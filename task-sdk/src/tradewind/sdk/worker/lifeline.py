"""The lifeline: no process that a supervisor started outlives it, however it dies.

It is a pipe whose write end only the supervisor holds and whose read end every process below it keeps at descriptor
`LIFELINE`, set up so that the kernel sends SIGKILL when the write end goes away. That needs no thread, works during a
call that never returns, and asks nothing of the process in between: `PR_SET_PDEATHSIG` would kill a try when its zygote
or warm parent dies.
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

    def cut(self) -> None:
        """Kill every process that is armed, as the death of this process would."""
        if self._write_end >= 0:
            os.close(self._write_end)
            os.close(self.read_end)
            self._write_end = -1


class _Pipe:
    """Device and inode of the lifeline, so that nothing else is armed where user code has put it to that number."""

    identity: tuple[int, int] | None = None


def hold() -> None:
    """Arm the process that the supervisor has started, and every process that is forked below it, at any depth.

    Raises:
        OSError: descriptor `LIFELINE` is not open, or `/proc` is not mounted.
    """
    status = os.fstat(LIFELINE)
    _Pipe.identity = (status.st_dev, status.st_ino)
    arm()
    os.register_at_fork(after_in_child=_arm_after_fork)


def arm() -> None:
    """Have the kernel kill this process when the lifeline breaks; if it is broken already, die at once.

    Raises:
        OSError: descriptor `LIFELINE` is not open, or `/proc/self/fd` cannot be opened.
    """
    # Owner and O_ASYNC belong to the open file description, which a fork shares: each process needs one of its own.
    own = os.open(_PATH, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    os.dup2(own, LIFELINE, inheritable=False)
    os.close(own)
    fcntl.fcntl(LIFELINE, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(LIFELINE, _F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(LIFELINE, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    try:
        os.read(LIFELINE, 1)
    except BlockingIOError:  # nothing to read: the write end is there
        return
    os.kill(os.getpid(), signal.SIGKILL)  # it went away before the kernel was told to watch


def _arm_after_fork() -> None:
    # What an undumpable zygote forks inherits that, and could not open its own /proc/self/fd.
    linux.set_dumpable(True)
    try:
        status = os.fstat(LIFELINE)
    except OSError:  # user code has closed it, as daemons do; its process tree is killed with the try
        return
    if (status.st_dev, status.st_ino) == _Pipe.identity:
        arm()
