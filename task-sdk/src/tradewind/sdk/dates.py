"""Dates of the task context: plain datetimes that turn to pendulum when something of pendulum is asked of them.

Airflow hands out pendulum's dates. Importing pendulum takes longer than starting a task, so it is imported when a
method of it is first used; in a process whose DAG file has imported it, the dates are pendulum's from the beginning.
"""

from __future__ import annotations

import datetime as dt
import sys
from typing import Any, Self, overload


class Interval(dt.timedelta):
    """The time between two dates; what a timedelta does not have is answered by pendulum: `in_hours()`."""

    start: dt.datetime
    end: dt.datetime

    @classmethod
    def between(cls, start: dt.datetime, end: dt.datetime, time: dt.timedelta) -> Interval:
        """The time from one date to another."""
        interval = cls(time.days, time.seconds, time.microseconds)
        interval.start, interval.end = start, end
        return interval

    def __getattr__(self, name: str) -> Any:
        _refuse_private(self, name, "start", "end")
        import pendulum

        return getattr(pendulum.instance(self.end) - pendulum.instance(self.start), name)

    def __reduce__(self) -> tuple[Any, ...]:
        return dt.timedelta, (self.days, self.seconds, self.microseconds)


class DateTime(dt.datetime):
    """A datetime; what it does not have is answered by pendulum: `subtract(days=1)`, `in_timezone("Europe/Berlin")`."""

    @classmethod
    def of(cls, date: dt.datetime) -> DateTime:
        """The same moment."""
        return cls.combine(date.date(), date.timetz())

    @overload  # type: ignore[override]  # a date less a date is an Interval, which is a timedelta
    def __sub__(self, other: dt.datetime) -> Interval: ...
    @overload
    def __sub__(self, other: dt.timedelta) -> Self: ...
    def __sub__(self, other: Any) -> Any:
        result = super().__sub__(other)
        return Interval.between(other, self, result) if isinstance(result, dt.timedelta) else result

    def __format__(self, pattern: str) -> str:
        """By the codes of `strftime`, or by pendulum's tokens."""
        if not pattern or "%" in pattern:
            return super().__format__(pattern)
        return str(self.format(pattern))

    def __getattr__(self, name: str) -> Any:
        _refuse_private(self, name)
        import pendulum

        return getattr(pendulum.instance(self), name)


def context_date(date: dt.datetime) -> dt.datetime:
    """A date as user code gets it: pendulum's where the DAG file has imported pendulum, else a `DateTime`."""
    pendulum = sys.modules.get("pendulum")
    if pendulum is not None and hasattr(pendulum, "instance"):
        converted: dt.datetime = pendulum.instance(date)
        return converted
    return DateTime.of(date)


def optional_context_date(date: dt.datetime | None) -> dt.datetime | None:
    """The same for a date that may be absent."""
    return None if date is None else context_date(date)


def _refuse_private(value: object, name: str, *own: str) -> None:
    # Python and libraries ask for such names to find out what an object can do; none of them is pendulum's alone.
    if name.startswith("_") or name in own:
        raise AttributeError(f"{type(value).__name__!r} object has no attribute {name!r}")
