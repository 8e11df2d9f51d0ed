"""Spans of calendar months and of time, as a series of moments."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta

from tradewind.server.contract import Delta
from tradewind.server.domain.schedules.moments import NoMoreMoments

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHORTEST_MONTH_SECONDS = 28 * 86_400
_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1)


class Span:
    """A number of months, added first, and a time, added last; both are counted in UTC.

    A day that its month does not have becomes the last of the month: a month after 31 January is 28 February, and a
    month after that is 28 March. That is how Airflow counts, too.
    """

    def __init__(self, delta: Delta) -> None:
        """The span of the contract.

        Raises:
            ValueError: it is longer than the calendar.
        """
        self.months = delta.months
        try:
            self.time = timedelta(seconds=delta.seconds)
        except OverflowError:
            raise ValueError(f"a span of {delta.seconds} seconds is longer than the calendar; shorten it") from None

    @property
    def is_positive(self) -> bool:
        """Whether it always leads to a later moment."""
        return self.months >= 0 and self._shortest > timedelta()

    @property
    def is_negative(self) -> bool:
        """Whether it may lead to an earlier moment."""
        return self.months < 0 or self._shortest < timedelta()

    def next(self, moment: datetime) -> datetime:
        """One span later."""
        return _add_months(moment, self.months) + self.time

    def previous(self, moment: datetime) -> datetime:
        """One span earlier."""
        return _add_months(moment, -self.months) - self.time

    def at_or_after(self, moment: datetime) -> datetime:
        """The moment itself: a span begins anywhere."""
        return moment

    def at_or_before(self, moment: datetime) -> datetime:
        """The moment itself: a span begins anywhere."""
        return moment

    def rounded(self, moment: datetime, start: datetime | None) -> datetime:
        """The last moment up to a given one at which a span ends, to begin anew after moments without a run.

        Spans with months are counted from the start date, or from the moment itself, and others from 1970. Airflow
        rounds so.
        """
        if self.months and self._shortest >= _DAY:
            boundary = start or moment
            while (following := self.next(boundary)) <= moment:
                boundary = following
            return boundary
        # Months that a negative time all but undoes would take too many steps.
        length = (timedelta(days=self.months * 30) + self.time) // _MICROSECOND
        return moment - (moment - _EPOCH) // _MICROSECOND % length * _MICROSECOND

    @property
    def _shortest(self) -> timedelta:
        return timedelta(seconds=self.months * _SHORTEST_MONTH_SECONDS) + self.time


def _add_months(moment: datetime, months: int) -> datetime:
    if not months:
        return moment
    years, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    if not 1 <= years <= 9999:
        raise NoMoreMoments(f"{months} months from {moment} are outside of the calendar")
    day = min(moment.day, calendar.monthrange(years, month + 1)[1])
    return moment.replace(year=years, month=month + 1, day=day)
