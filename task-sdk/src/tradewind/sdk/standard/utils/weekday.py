"""Days of the week by name and number."""

from __future__ import annotations

import enum
from collections.abc import Iterable


class WeekDay(enum.IntEnum):
    """A day of the week by its ISO number: `WeekDay.MONDAY` is 1."""

    MONDAY = 1
    TUESDAY = 2
    WEDNESDAY = 3
    THURSDAY = 4
    FRIDAY = 5
    SATURDAY = 6
    SUNDAY = 7

    @classmethod
    def get_weekday_number(cls, week_day_str: str) -> WeekDay:
        """The day of an English name, in capitals or not.

        Raises:
            AttributeError: no day has this name.
        """
        try:
            return cls[week_day_str.upper()]
        except KeyError:
            known = ", ".join(day.name.capitalize() for day in cls)
            raise AttributeError(f"{week_day_str!r} is no day of the week; these are {known}.") from None

    @classmethod
    def convert(cls, day: str | WeekDay) -> WeekDay:
        """The day itself, or the one of this name."""
        return day if isinstance(day, WeekDay) else cls.get_weekday_number(day)

    @classmethod
    def validate_week_day(cls, week_day: str | WeekDay | Iterable[str | WeekDay]) -> set[WeekDay]:
        """One day or several as a set.

        Raises:
            TypeError: it is neither a day nor several.
            AttributeError: no day has one of the names.
        """
        if isinstance(week_day, str | WeekDay):
            return {cls.convert(week_day)}
        if not isinstance(week_day, Iterable):
            raise TypeError(f"week_day must be a day of the week, its name, or several of these, not {week_day!r}.")
        return {cls.convert(day) for day in week_day}
