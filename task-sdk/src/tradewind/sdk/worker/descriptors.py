"""Where the processes of a worker keep their descriptors, and how descriptors travel between them."""

from __future__ import annotations

import array
import os
import socket
import stat
from collections.abc import Sequence
from pathlib import Path

from tradewind.sdk.worker.linux import numbers_in

CHANNEL = 3
"""In a child: the socket on which it speaks the contract with its supervisor."""
LOG = 4
"""In a child: the pipe for its structured log, JSON lines."""
LIFELINE = 5
"""In every process below the supervisor: the pipe that breaks when the supervisor dies."""
CONTROL = 6
"""In a zygote or warm parent: the socket on which the launcher asks for processes."""
FIRST_FREE = 6
"""In a child nothing is open from here on when user code starts."""
NO_DESCRIPTOR = 2**31 - 1
"""No descriptor has this number or a greater one."""

_CLOSE_ON_EXEC = int(socket.MSG_CMSG_CLOEXEC)
_DESCRIPTOR_BYTES = array.array("i").itemsize
MAX_CONTROL_BYTES = 65536
"""Limit of one control message; a longer one would be cut by the kernel."""

_KINDS = {
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a pipe",
    stat.S_IFREG: "a file",
    stat.S_IFDIR: "a directory",
}


def send_with_descriptors(control: socket.socket, message: bytes, descriptors: Sequence[int]) -> None:
    """Send one message together with copies of the descriptors.

    Raises:
        BlockingIOError: the socket's buffer is full; nothing was sent.
        OSError: the other side is gone.
    """
    control.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))])


def receive_with_descriptors(control: socket.socket, max_descriptors: int) -> tuple[bytes, list[int]]:
    """Receive one message and the descriptors that came with it; an empty message means that the other side is gone.

    Raises:
        OSError: the connection is broken.
    """
    space = socket.CMSG_LEN(max_descriptors * _DESCRIPTOR_BYTES)
    message, ancillary, _flags, _address = control.recvmsg(MAX_CONTROL_BYTES, space, _CLOSE_ON_EXEC)
    descriptors = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) // _DESCRIPTOR_BYTES * _DESCRIPTOR_BYTES])
    return message, descriptors.tolist()


def open_descriptors() -> dict[int, tuple[int, int]]:
    """Every open descriptor of this process with device and inode of what it stands for."""
    found = {}
    for descriptor in numbers_in("/proc/self/fd"):
        try:
            status = os.fstat(descriptor)
        except OSError:  # the descriptor of the listing itself
            continue
        found[descriptor] = (status.st_dev, status.st_ino)
    return found


def describe(descriptor: int) -> str:
    """Say what an open descriptor stands for, such as `a socket (socket:[4711])`."""
    kind = _KINDS.get(stat.S_IFMT(os.fstat(descriptor).st_mode), "a descriptor")
    return f"{kind} ({Path(f'/proc/self/fd/{descriptor}').readlink()})"
