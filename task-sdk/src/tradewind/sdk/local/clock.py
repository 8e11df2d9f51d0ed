"""The clock of a local run: real time, and leaps over the waits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable


def utc_now() -> dt.datetime:
    """The time of the machine."""
    return dt.datetime.now(dt.UTC)


class LocalClock:
    """Tells the time of a run. A wait, such as that for a retry, is a leap: nobody sleeps.

    Args:
        start: what it shows first; the time of the machine when None.
        real: what makes it go on between leaps. `lambda: start` gives a clock that stands still.
    """

    def __init__(self, start: dt.datetime | None = None, *, real: Callable[[], dt.datetime] = utc_now) -> None:
        self._real = real
        self._offset = dt.timedelta(0) if start is None else start - real()

    def now(self) -> dt.datetime:
        """The moment, in UTC."""
        return self._real() + self._offset

    def leap_to(self, moment: dt.datetime) -> None:
        """Go on to a moment; one that has passed changes nothing."""
        self._offset += max(moment - self.now(), dt.timedelta(0))
