"""Series of moments: what cron expressions and spans of time have in common."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class NoMoreMoments(OverflowError):
    """A series has no further moment that the calendar can name."""


class Moments(Protocol):
    """A series of moments in UTC.

    Every method raises OverflowError where the calendar ends or the series has no such moment.
    """

    def next(self, moment: datetime) -> datetime:
        """The first of the series after a moment."""

    def previous(self, moment: datetime) -> datetime:
        """The last of the series before a moment."""

    def at_or_after(self, moment: datetime) -> datetime:
        """The moment itself if it is of the series, else the next."""

    def at_or_before(self, moment: datetime) -> datetime:
        """The moment itself if it is of the series, else the one before."""
