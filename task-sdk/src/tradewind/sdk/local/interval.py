"""The data interval of a run that somebody triggers, by the timetable of its DAG."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from tradewind.sdk.contract import (
    CronDataIntervalTimetable,
    CronTriggerTimetable,
    Delta,
    DeltaDataIntervalTimetable,
    DeltaTriggerTimetable,
    Timetable,
)


def data_interval(timetable: Timetable | None, date: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """Start and end of the data interval of a run that is triggered by hand, as the server infers it.

    Args:
        timetable: the DAG's; None for a DAG without a schedule.
        date: the logical date of the run.
    """
    if isinstance(timetable, CronDataIntervalTimetable):
        return _last_interval(timetable, date)
    if isinstance(timetable, DeltaDataIntervalTimetable):
        return _before(date, timetable.delta), date
    if isinstance(timetable, CronTriggerTimetable | DeltaTriggerTimetable) and timetable.interval is not None:
        return _before(date, timetable.interval), date
    return date, date


def _last_interval(timetable: CronDataIntervalTimetable, date: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """The last whole interval between two moments of the expression that has ended."""
    from cronsim import CronSim

    # The simulator leaves out the moment that it begins with.
    local = (date + dt.timedelta(minutes=1)).astimezone(ZoneInfo(timetable.timezone))
    moments = CronSim(cron_fields(timetable.cron), local, reverse=True)
    end = next(moments)
    start = next(moments)
    return start.astimezone(dt.UTC), end.astimezone(dt.UTC)


_PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
}


def cron_fields(expression: str) -> str:
    """The five fields of a cron expression or preset."""
    return _PRESETS.get(expression, expression)


def _before(date: dt.datetime, delta: Delta) -> dt.datetime:
    month = date.year * 12 + date.month - 1 - delta.months
    year, month = divmod(month, 12)
    first = date.replace(year=year, month=month + 1, day=1)
    next_first = (first + dt.timedelta(days=31)).replace(day=1)
    day = min(date.day, (next_first - dt.timedelta(days=1)).day)
    return first.replace(day=day) - dt.timedelta(seconds=delta.seconds)
