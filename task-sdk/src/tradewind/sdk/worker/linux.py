"""The Linux calls that the standard library lacks, so that `ctypes` is used in one place."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # without the enums that `signal` makes of every number
import contextlib
import ctypes
import os
import signal
from collections.abc import Iterable

_PR_GET_DUMPABLE = 3
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_PR_GET_CHILD_SUBREAPER = 37
_SYS_CLOSE_RANGE = 436  # the same number on every architecture since Linux 5.9
_LAST_DESCRIPTOR = 0xFFFFFFFF
_SIGSET_BYTES = 128  # sizeof(sigset_t) of glibc and musl
_SFD_CLOEXEC = os.O_CLOEXEC
_SFD_NONBLOCK = os.O_NONBLOCK
BIND_NOW = "LD_BIND_NOW"
"""Variable that has the dynamic linker look up each function when a program starts, not when it is first called.

A forked process that is the first to call one copies ten memory pages for it.
"""
BIND_NOW_OURS = "tradewind"
"""Its value where a worker has set it: it is taken away again, for user code and its programs."""
SIGNAL_RECORD_BYTES = 128
"""Size of struct signalfd_siginfo: a read of a signal descriptor must be at least as large."""

_libc = ctypes.CDLL(None, use_errno=True)
_prctl = _libc.prctl
_prctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong]
_syscall = _libc.syscall
_syscall.argtypes = [ctypes.c_long, ctypes.c_uint, ctypes.c_uint, ctypes.c_uint]
_syscall.restype = ctypes.c_long
_malloc = _libc.malloc
_malloc.argtypes = [ctypes.c_size_t]
_malloc.restype = ctypes.c_void_p
_free = _libc.free
_free.argtypes = [ctypes.c_void_p]
_free.restype = None
_sbrk = _libc.sbrk
_sbrk.argtypes = [ctypes.c_ssize_t]
_sbrk.restype = ctypes.c_void_p
_TOP_BYTES = 120 * 1024  # below the size from which on memory is mapped for itself
_CHUNK_SIZES = (*(1024 * 2**power for power in range(6, 0, -1)), *range(1032, 16, -16))
_MOST_ROOMS = 256
_MOST_CHUNKS = 50_000

_madvise = _libc.madvise
_madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_MADV_COLLAPSE = 25

_SIG_SETMASK = int(signal.SIG_SETMASK)


def _last_error(call: str) -> OSError:
    code = ctypes.get_errno()
    return OSError(code, f"{call}: {os.strerror(code)}")


def set_dumpable(dumpable: bool) -> None:  # noqa: FBT001
    """Let processes of the same user look into this one, or not: memory, environment, descriptors, `ptrace`.

    A forked process inherits the choice, a program started by exec does not. Of a process that is not dumpable,
    `/proc/self/fd` and its like belong to root, so that an ordinary user cannot open them even for itself.

    Raises:
        OSError: the kernel refuses.
    """
    if _prctl(_PR_SET_DUMPABLE, dumpable, 0, 0, 0) == -1:
        raise _last_error("prctl(PR_SET_DUMPABLE)")


def is_dumpable() -> bool:
    """Tell whether processes of the same user may look into this one."""
    dumpable: int = _prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0)
    return dumpable == 1


def set_child_subreaper(subreaper: bool) -> None:  # noqa: FBT001
    """Become, or cease to be, the parent of descendants whose own parent has ended. Forked processes do not inherit it.

    Raises:
        OSError: the kernel refuses.
    """
    if _prctl(_PR_SET_CHILD_SUBREAPER, subreaper, 0, 0, 0) == -1:
        raise _last_error("prctl(PR_SET_CHILD_SUBREAPER)")


def is_child_subreaper() -> bool:
    """Tell whether orphaned descendants become children of this process."""
    answer = ctypes.c_int(0)
    if _prctl(_PR_GET_CHILD_SUBREAPER, ctypes.addressof(answer), 0, 0, 0) == -1:
        raise _last_error("prctl(PR_GET_CHILD_SUBREAPER)")
    return answer.value != 0


def close_descriptors_from(first: int) -> None:
    """Close every descriptor from `first` on, in one call where the kernel has it (Linux 5.9)."""
    if _syscall(_SYS_CLOSE_RANGE, first, _LAST_DESCRIPTOR, 0) == 0:
        return
    for descriptor in numbers_in("/proc/self/fd"):
        if descriptor >= first:
            with contextlib.suppress(OSError):  # the listing's own descriptor is closed already
                os.close(descriptor)


def numbers_in(folder: str) -> list[int]:
    """The numbers among the names in a folder of `/proc`: processes, threads or descriptors.

    Raises:
        OSError: there is no such folder, or it may not be read.
    """
    return [int(name) for name in os.listdir(folder) if name.isdecimal()]  # noqa: PTH208 - a third of the time


def open_signal_descriptor(signals: Iterable[signal.Signals]) -> int:
    """Open a non-blocking descriptor that becomes readable when one of the signals is pending; block them first.

    Raises:
        OSError: the kernel refuses.
    """
    mask = ctypes.create_string_buffer(_SIGSET_BYTES)
    for number in signals:
        mask[(number - 1) // 8] = bytes([mask[(number - 1) // 8][0] | 1 << (number - 1) % 8])
    descriptor: int = _libc.signalfd(-1, mask, _SFD_CLOEXEC | _SFD_NONBLOCK)
    if descriptor == -1:
        raise _last_error("signalfd")
    return descriptor


def become_child(first_free: int) -> None:
    """Shed what a fork has from its parent: let every signal through, adopt orphans, close descriptors, be dumpable.

    One function that calls C, since each function that a just forked process calls makes it copy memory pages.

    Args:
        first_free: every descriptor from here on is closed.

    Raises:
        OSError: the kernel refuses.
    """
    # What an undumpable process forks inherits that, and could open neither its own /proc/self/fd nor, in user code,
    # much else.
    if _prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0) == -1:
        raise _last_error("prctl(PR_SET_DUMPABLE)")
    if _syscall(_SYS_CLOSE_RANGE, first_free, _LAST_DESCRIPTOR, 0) != 0:
        close_descriptors_from(first_free)
    _signal.pthread_sigmask(_SIG_SETMASK, ())
    if _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == -1:
        raise _last_error("prctl(PR_SET_CHILD_SUBREAPER)")


def flush_c_streams() -> None:
    """Write what C libraries have printed and still hold back, such as the output of `printf` to a pipe."""
    _libc.fflush(None)


def use_up_free_chunks() -> None:
    """Take what the C library's allocator has free below the end of its memory, for as long as this process lives."""
    end = _sbrk(0)
    rooms = []
    while _sbrk(0) == end:  # there was still such room below the end
        rooms.append(_malloc(_TOP_BYTES))
        if len(rooms) == _MOST_ROOMS or not rooms[-1]:  # an allocator of another kind, or much that was given back
            for room in rooms:
                _free(room)
            return
    top = rooms[-1]
    left = _MOST_CHUNKS
    for size in _CHUNK_SIZES:
        while left and (chunk := _malloc(size)):
            if chunk > top:
                _free(chunk)
                break
            left -= 1
    _free(top)


def collapse(start: int, length: int) -> None:
    """Put the memory of a range on huge pages, where it fills some; the rest stays where it is.

    It takes some 40 ms for 32 MB. A kernel that cannot (before Linux 6.1, or without free memory in such pieces) leaves
    all as it is, which is no error, since it changes nothing but speed.

    Args:
        start: address of the first page.
        length: bytes, a multiple of the page size.
    """
    _madvise(start, length, _MADV_COLLAPSE)


def rehearse_fork() -> None:
    """Do in this process, which has one thread, what Python does in a child after a fork, without a fork."""
    ctypes.pythonapi.PyOS_BeforeFork()
    ctypes.pythonapi.PyOS_AfterFork_Child()
