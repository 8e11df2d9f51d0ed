"""The Linux calls that the standard library lacks, so that `ctypes` is used in one place."""

from __future__ import annotations

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
SIGNAL_RECORD_BYTES = 128
"""Size of struct signalfd_siginfo: a read of a signal descriptor must be at least as large."""

_libc = ctypes.CDLL(None, use_errno=True)
_prctl = _libc.prctl
_prctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong]
_syscall = _libc.syscall
_syscall.argtypes = [ctypes.c_long, ctypes.c_uint, ctypes.c_uint, ctypes.c_uint]
_syscall.restype = ctypes.c_long


_sigprocmask = _libc.sigprocmask
_SIG_SETMASK = 2
_NO_SIGNALS = ctypes.create_string_buffer(_SIGSET_BYTES)


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


def flush_c_streams() -> None:
    """Write what C libraries have printed and still hold back, such as the output of `printf` to a pipe."""
    _libc.fflush(None)


def unblock_signals() -> None:
    """Let every signal through, at a fraction of what `signal.pthread_sigmask` costs a process that was just forked."""
    if _sigprocmask(_SIG_SETMASK, _NO_SIGNALS, None) == -1:
        raise _last_error("sigprocmask")
