"""When runs of a DAG come due: what `schedule` may be, and the timetables that it stands for."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

from tradewind.sdk.authoring.cron_fields import plain_fields
from tradewind.sdk.authoring.timezones import UTC, zone_name
from tradewind.sdk.authoring.unsupported import UNSUPPORTED_TIMETABLES, refuse_argument
from tradewind.sdk.exceptions import TimetableInvalid

PRESETS = {
    "@annually": "0 0 1 1 *",
    "@daily": "0 0 * * *",
    "@hourly": "0 * * * *",
    "@midnight": "0 0 * * *",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@weekly": "0 0 * * 0",
    "@yearly": "0 0 1 1 *",
}
"""Names of schedules and the cron expressions that they stand for; those of Airflow and of cron."""

_ABSOLUTE = ("year", "month", "day", "weekday", "hour", "minute", "second", "microsecond", "yearday", "nlyearday")
_MAX_MONTHS = 12_000
_MAX_CRONS = 100
_SOMETHING = "a cron expression, a preset such as '@daily', a timedelta, a timetable, or None"


class Timetable:
    """Base of the timetables of this package."""

    can_be_scheduled: ClassVar[bool] = True
    active_runs_limit: ClassVar[int | None] = None
    """Most runs that may be running at once, where the timetable limits them."""


class NullTimetable(Timetable):
    """Runs are only triggered: `schedule=None`."""

    can_be_scheduled = False


class OnceTimetable(Timetable):
    """One run, as soon as possible: `schedule="@once"`."""


class ContinuousTimetable(Timetable):
    """A run after each run: `schedule="@continuous"`."""

    active_runs_limit = 1


class Span(NamedTuple):
    """A span of time in the form of the contract.

    Args:
        months: whole months, added first.
        seconds: time, added last.
    """

    months: int
    seconds: float

    def __bool__(self) -> bool:
        return bool(self.months or self.seconds)


class DeltaTriggerTimetable(Timetable):
    """A run each time a span has passed since the start date: `schedule=timedelta(...)`.

    Args:
        delta: the span, a timedelta or a relativedelta.
        interval: length of the data interval that ends at each run.

    Raises:
        TimetableInvalid: a value that cannot be.
    """

    def __init__(self, delta: Any, *, interval: Any = dt.timedelta()) -> None:
        self.delta = _span("delta", delta, above_zero=True)
        self.interval = _span("interval", interval)


class DeltaDataIntervalTimetable(Timetable):
    """A run at the end of each interval of a length.

    Args:
        delta: the length, a timedelta or a relativedelta.

    Raises:
        TimetableInvalid: a value that cannot be.
    """

    def __init__(self, delta: Any) -> None:
        self.delta = _span("delta", delta, above_zero=True)


class MultipleCronTriggerTimetable(Timetable):
    """A run at each moment of one or several cron expressions; a moment of several of them is one run.

    Args:
        crons: expressions of five fields, or presets.
        timezone: name of the time zone that they are meant in, or a tzinfo.
        interval: length of the data interval that ends at each run, a timedelta or a relativedelta.
        run_immediately: whether a new DAG without catch-up has a run for the last moment that is over; a timedelta
            says how long ago that moment may be.

    Raises:
        TimetableInvalid: a value that cannot be.
        DagAuthoringError: a time zone that does not exist.
    """

    def __init__(
        self,
        *crons: str,
        timezone: str | dt.tzinfo,
        interval: Any = dt.timedelta(),
        run_immediately: bool | dt.timedelta | None = False,
    ) -> None:
        if not 1 <= len(crons) <= _MAX_CRONS:
            raise TimetableInvalid(f"A cron timetable needs 1 to {_MAX_CRONS} cron expressions, not {len(crons)}.")
        self.crons = tuple(cron_expression(cron) for cron in crons)
        self.timezone = zone_name(timezone, f"the schedule {crons[0]!r}")
        self.interval = _span("interval", interval)
        self.run_immediately = _immediately(run_immediately)


class CronTriggerTimetable(MultipleCronTriggerTimetable):
    """A run at each moment of a cron expression: `schedule="0 6 * * *"`.

    Args:
        cron: expression of five fields, or a preset.
        timezone: name of the time zone that it is meant in, or a tzinfo.
        interval: length of the data interval that ends at each run, a timedelta or a relativedelta.
        run_immediately: whether a new DAG without catch-up has a run for the last moment that is over; a timedelta
            says how long ago that moment may be.

    Raises:
        TimetableInvalid: a value that cannot be.
        DagAuthoringError: a time zone that does not exist.
    """

    def __init__(
        self,
        cron: str,
        timezone: str | dt.tzinfo,
        *,
        interval: Any = dt.timedelta(),
        run_immediately: bool | dt.timedelta | None = False,
    ) -> None:
        super().__init__(cron, timezone=timezone, interval=interval, run_immediately=run_immediately)


class CronDataIntervalTimetable(Timetable):
    """A run at the end of each interval between two moments of a cron expression.

    Args:
        cron: expression of five fields, or a preset.
        timezone: name of the time zone that it is meant in, or a tzinfo.

    Raises:
        TimetableInvalid: a value that cannot be.
        DagAuthoringError: a time zone that does not exist.
    """

    def __init__(self, cron: str, timezone: str | dt.tzinfo) -> None:
        self.cron = cron_expression(cron)
        self.timezone = zone_name(timezone, f"the schedule {cron!r}")


def timetable_of(schedule: Any, timezone: str | dt.tzinfo | None, owner: str) -> Timetable:
    """The timetable that a schedule stands for.

    Args:
        schedule: the argument of a DAG.
        timezone: time zone of the DAG; UTC when None.
        owner: the DAG in words.

    Raises:
        TimetableInvalid: it can be no schedule.
        UnsupportedArgumentError: Airflow knows schedules of this kind, this version does not.
    """
    if schedule is None:
        return NullTimetable()
    if isinstance(schedule, Timetable) and type(schedule).__module__ == __name__:
        return schedule
    try:
        if isinstance(schedule, str):
            simple = {"@once": OnceTimetable, "@continuous": ContinuousTimetable}.get(schedule)
            return simple() if simple else CronTriggerTimetable(schedule, timezone=timezone or UTC)
        if isinstance(schedule, dt.timedelta) or _is_relativedelta(schedule):
            return DeltaTriggerTimetable(schedule)
    except TimetableInvalid as error:
        raise TimetableInvalid(f"schedule of {owner} cannot be: {error}") from None
    if isinstance(schedule, bool | int | float | dict):
        raise TimetableInvalid(f"schedule of {owner} must be {_SOMETHING}; it is {schedule!r}.")
    raise refuse_argument("schedule", schedule, UNSUPPORTED_TIMETABLES, owner, f"Use {_SOMETHING}.")


@lru_cache(maxsize=1000)
def cron_expression(cron: str) -> str:
    """A cron expression of five fields; a preset becomes the one that it stands for.

    Raises:
        TimetableInvalid: says what is wrong with it.
    """
    if not isinstance(cron, str):
        raise TimetableInvalid(f"A cron expression must be a string, not {cron!r}.")
    if cron.startswith("@"):
        if cron.lower() not in PRESETS:
            raise TimetableInvalid(
                f"There is no schedule {cron!r}; known are @once, @continuous, {', '.join(PRESETS)}."
            )
        return PRESETS[cron.lower()]
    fields = cron.split()
    if len(fields) != 5:
        raise TimetableInvalid(
            f"The cron expression {cron!r} has {len(fields)} fields; it needs five: minute, hour, day of the month, "
            "month, day of the week."
        )
    from cronsim import CronSim

    expression = " ".join(fields)
    try:
        next(CronSim(plain_fields(expression), dt.datetime(2000, 1, 1, tzinfo=dt.UTC)))
    except ValueError as error:
        raise TimetableInvalid(f"The cron expression {cron!r} cannot be read: {error}.") from None
    except StopIteration:
        raise TimetableInvalid(f"The cron expression {cron!r} never comes due.") from None
    return expression


def _span(name: str, value: Any, *, above_zero: bool = False) -> Span:
    if isinstance(value, dt.timedelta):
        span = Span(0, value.total_seconds())
    elif _is_relativedelta(value):
        if any(getattr(value, part, None) is not None for part in _ABSOLUTE) or value.leapdays:
            raise TimetableInvalid(
                f"{name} is {value!r}, which sets parts of a date; only spans, such as relativedelta(months=1), can be."
            )
        days = dt.timedelta(
            days=value.days,
            hours=value.hours,
            minutes=value.minutes,
            seconds=value.seconds,
            microseconds=value.microseconds,
        )
        span = Span(int(value.years * 12 + value.months), days.total_seconds())
    else:
        raise TimetableInvalid(f"{name} of a timetable must be a timedelta or a relativedelta, not {value!r}.")
    if abs(span.months) > _MAX_MONTHS:
        raise TimetableInvalid(f"{name} is {value!r}; at most {_MAX_MONTHS} months are allowed.")
    if min(span.months, span.seconds) < 0 or (above_zero and not span):
        raise TimetableInvalid(f"{name} is {value!r}; it must be {'above' if above_zero else 'at least'} zero.")
    return span


def _immediately(value: Any) -> bool | float:
    if value is None or isinstance(value, bool):
        return bool(value)
    if isinstance(value, dt.timedelta) and value >= dt.timedelta(0):
        return value.total_seconds()
    raise TimetableInvalid(f"run_immediately must be True, False or a timedelta of at least zero, not {value!r}.")


def _is_relativedelta(value: object) -> bool:
    return type(value).__name__ == "relativedelta" and hasattr(value, "months")  # dateutil is not imported for it
