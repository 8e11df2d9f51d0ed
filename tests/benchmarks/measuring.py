"""Marks that user code has left, CPU time of processes, and what several runs of one figure come to."""

import contextlib
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil


@dataclass(frozen=True)
class Mark:
    """One execution of user code; moments in seconds since 1970."""

    name: str
    pid: int
    began: float
    ended: float


class Marks:
    """The file to which user code appends its marks."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def clear(self) -> None:
        """Forget all marks; nothing may be running."""
        self.path.unlink(missing_ok=True)

    def read(self) -> list[Mark]:
        """Return all marks in the order in which user code began."""
        if not self.path.exists():
            return []
        lines = (line.split("\t") for line in self.path.read_text().splitlines())
        marks = [Mark(name, int(pid), float(began), float(ended)) for name, pid, began, ended in lines]
        return sorted(marks, key=lambda mark: mark.began)


def gaps(marks: Sequence[Mark]) -> list[float]:
    """Return the seconds from the end of each execution to the beginning of the next."""
    return [later.began - earlier.ended for earlier, later in pairwise(marks)]


def percentile(values: Sequence[float], part: float) -> float:
    """Return the smallest value that at least this part of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-int(part * 1000) * len(ordered) // 1000) - 1)]


class CpuTime:
    """CPU seconds that the trees of some processes have used, what has already ended in them included.

    A parent's times hold those of the children that it has waited for; the product reaps whatever it starts.

    Args:
        roots: process ids.
        living: whether to count descendants that have not ended yet.
    """

    def __init__(self, roots: Iterable[int], *, living: bool = True) -> None:
        self._roots = tuple(roots)
        self._living = living
        self._start = self._now()

    def used(self) -> float:
        """Return the seconds since this was made."""
        return self._now() - self._start

    def _now(self) -> float:
        total = 0.0
        for root in self._roots:
            top = psutil.Process(root)
            for process in (top, *(top.children(recursive=True) if self._living else [])):
                with contextlib.suppress(psutil.NoSuchProcess):
                    times = process.cpu_times()
                    total += times.user + times.system + times.children_user + times.children_system
        return total


class OtherLoad:
    """How busy the machine was with anything that is not measured: a figure with much of it was disturbed.

    Args:
        measured: CPU time of what is measured.
    """

    def __init__(self, *measured: CpuTime) -> None:
        self._measured = measured
        self._driver = CpuTime([psutil.Process().pid], living=False)
        self._busy = _busy_seconds()
        self._start = time.monotonic()

    def percent(self) -> float:
        """Return the part of all processors that others used since this was made, in percent."""
        own = self._driver.used() + sum(measured.used() for measured in self._measured)
        available = (time.monotonic() - self._start) * (psutil.cpu_count() or 1)
        return max(0.0, 100 * (_busy_seconds() - self._busy - own) / available)


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


def summary(values: Sequence[float]) -> dict[str, Any]:
    """Return median and spread of what the runs of a figure came to, and every single value."""
    return {
        "median": round(statistics.median(values), 5),
        "min": round(min(values), 5),
        "max": round(max(values), 5),
        "runs": [round(value, 5) for value in values],
    }
