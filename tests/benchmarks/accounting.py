"""CPU time and memory of process trees, and what else the machine did meanwhile."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import psutil

Roots = Callable[[], Iterable[int]]
"""Names the processes at the top of what is measured, as they are at the moment."""

_LOOPS = 1_000_000
_MEBIBYTE = 1 << 20


class CpuTime:
    """CPU seconds that the trees of some processes use from now on, what has already ended in them included.

    A parent's times hold those of the children that it has waited for; the product reaps whatever it starts.

    Args:
        roots: asked at each look, so that a root that starts later counts from its beginning.
        living: whether to count descendants that have not ended yet.
    """

    def __init__(self, roots: Roots, *, living: bool = True) -> None:
        self._roots = roots
        self._living = living
        self._start = self._now()

    def used(self) -> float:
        """Return the seconds since this was made."""
        return self._now() - self._start

    def _now(self) -> float:
        processes = tree(self._roots()) if self._living else map(psutil.Process, self._roots())
        return sum(sum(own_and_ended(process)) for process in processes)


def own_and_ended(process: psutil.Process) -> tuple[float, float]:
    """Return the CPU time of a process itself, and of the children that it has waited for; zeros once it is gone."""
    with contextlib.suppress(psutil.NoSuchProcess, OSError):
        times = process.cpu_times()
        # Its own time by its CPU clock, for the times of /proc are whole hundredths and an idle system uses fewer.
        return time.clock_gettime(_cpu_clock(process.pid)), times.children_user + times.children_system
    return 0.0, 0.0


def _cpu_clock(pid: int) -> int:
    """Linux's number of the clock that counts the CPU time of a process, as `clock_getcpuclockid` gives it."""
    return (~pid << 3) | 2


def tree(roots: Iterable[int]) -> Iterator[psutil.Process]:
    """Yield processes and all their descendants, those left out that have gone meanwhile."""
    for root in roots:
        with contextlib.suppress(psutil.NoSuchProcess):
            top = psutil.Process(root)
            yield top
            yield from top.children(recursive=True)


def command(process: psutil.Process) -> list[str]:
    """Return the words by which a process was started; none once it has ended."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


@dataclass(frozen=True)
class Memory:
    """Memory of process trees at one moment.

    Attributes:
        pss_mb: mebibytes, with each page that several processes share counted once among them.
        processes: how many there are.
    """

    pss_mb: float
    processes: int


def memory(roots: Iterable[int]) -> Memory:
    """Look at the memory of some processes and all their descendants."""
    pss = []
    for process in tree(roots):
        with contextlib.suppress(psutil.NoSuchProcess):
            pss.append(process.memory_full_info().pss)
    return Memory(sum(pss) / _MEBIBYTE, len(pss))


class OtherLoad:
    """How busy the machine was with anything that is not measured: a figure with much of it was disturbed.

    Args:
        measured: CPU time of what is measured.
    """

    def __init__(self, *measured: CpuTime) -> None:
        self._measured = measured
        # With what it has waited for: commands that it called, systems that it has ended.
        self._driver = CpuTime(lambda: [psutil.Process().pid], living=False)
        self._busy = _busy_seconds()
        self._start = time.monotonic()

    def percent(self) -> float:
        """Return the part of all processors that others used since this was made, in percent."""
        own = self._driver.used() + sum(measured.used() for measured in self._measured)
        available = (time.monotonic() - self._start) * (psutil.cpu_count() or 1)
        return max(0.0, 100 * (_busy_seconds() - self._busy - own) / available)


def loop_ms() -> float:
    """Milliseconds of CPU of a loop that is always the same: how fast the machine is at this moment.

    Where it is shared, two figures compare only as far as this agrees.
    """
    started = time.process_time()
    total = 0
    for number in range(_LOOPS):
        total += number
    return 1000 * (time.process_time() - started)


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)
