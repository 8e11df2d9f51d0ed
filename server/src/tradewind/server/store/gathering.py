"""When a transaction waits a moment for more writes: what is committed together costs one commit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

LONGEST_SECONDS: Final = 0.008
"""How long a write waits for company; with so many tries at work, their own turn on the processor takes longer."""

LEAST_EXPECTED: Final = 8
"""With fewer writes to come, waiting would be felt more than the commit that it saves."""

SHARE: Final = 4
"""A quarter of what is expected is company enough: the others have work meanwhile."""

MOST_FRUITLESS: Final = 7
"""Waits in vain in a row that still lengthen the pause: at most 63 transactions begin at once."""


class Gathering:
    """Tells how many writes are worth a moment's wait, and learns from the waits that brought nothing.

    As PostgreSQL's `commit_delay` does with `commit_siblings`, it waits only while others are known to be at work.
    Tries that run for long are at work too and send nothing: after two waits in vain one transaction begins at once,
    and after each further wait in vain about twice as many.

    Attributes:
        longest_seconds: how long a write waits for company.
    """

    def __init__(self) -> None:
        self.longest_seconds = LONGEST_SECONDS
        self._expected: Callable[[], int] = lambda: 0
        self._fruitless = 0
        self._at_once = 0

    def expect(self, expected: Callable[[], int]) -> None:
        """Name the one who knows how many writes may come soon; asked in the committer's thread."""
        self._expected = expected

    def wanted(self) -> int:
        """With how many waiting writes the next transaction should begin, if they come in time."""
        if self._at_once > 0:
            self._at_once -= 1
            return 1
        expected = self._expected()
        return expected // SHARE if expected >= LEAST_EXPECTED else 1

    def waited(self, *, in_vain: bool) -> None:
        """Learn from a wait."""
        self._fruitless = min(self._fruitless + 1, MOST_FRUITLESS) if in_vain else 0
        self._at_once = 2 ** (self._fruitless - 1) - 1 if in_vain else 0
