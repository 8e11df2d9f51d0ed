"""Marks that user code has left, and what several runs of one figure come to."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

Numbers = dict[str, float]
"""What one run of a figure comes to; the last part of each name is its unit, or that it is a ratio or a count."""


class Disturbed(RuntimeError):
    """A measured run did not do what is measured, so that its numbers mean nothing."""


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

    def count(self) -> int:
        """Return how many marks there are, for less than it costs to read them."""
        return self.path.read_bytes().count(b"\n") if self.path.exists() else 0

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


def summary(values: Sequence[float]) -> dict[str, Any]:
    """Return median and spread of what the runs of a figure came to, and every single value."""
    return {
        "median": round(statistics.median(values), 5),
        "min": round(min(values), 5),
        "max": round(max(values), 5),
        "runs": [round(value, 5) for value in values],
    }


def across_runs(runs: Sequence[Numbers]) -> dict[str, Any]:
    """Return the summary of each number that all runs of a figure have."""
    return {name: summary([numbers[name] for numbers in runs]) for name in runs[0]}
