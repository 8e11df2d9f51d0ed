"""The data interval of a run that somebody triggers, by the timetable of its DAG."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from tradewind.sdk.authoring.cron_fields import plain_fields
from tradewind.sdk.authoring.timetables import cron_expression
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

    expression, zone = plain_fields(cron_expression(timetable.cron)), ZoneInfo(timetable.timezone)
    every_hour = expression.split()[1] == "*"
    # The simulator leaves out the moment that it begins with; a clock that was set back may have shown later times.
    begin = date.astimezone(zone).replace(tzinfo=None) + dt.timedelta(hours=3)
    found: list[dt.datetime] = []
    jumped_over: dict[dt.date, dt.datetime] = {}
    for wall in CronSim(expression, begin, reverse=True):
        both = [wall.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC) for fold in (0, 1)]
        shown = [moment for moment in both if moment.astimezone(zone).replace(tzinfo=None) == wall]
        if not shown and not every_hour:
            # As long after the jump as it would be without one; the first of several counts, which comes last here.
            jumped_over[wall.date()] = max(both)
        found += shown if every_hour else shown[-1:]
        newest = sorted({moment for moment in (*found, *jumped_over.values()) if moment <= date})[-2:]
        # No clock is set by more than a day, so that nothing later can follow.
        if len(newest) == 2 and max(both) < newest[0] - dt.timedelta(days=1):
            return newest[0], newest[1]
        found = [moment for moment in found if not newest or moment >= newest[0]]
    raise OverflowError(f"cron {timetable.cron} has no whole interval before {date}")


def _before(date: dt.datetime, delta: Delta) -> dt.datetime:
    month = date.year * 12 + date.month - 1 - delta.months
    year, month = divmod(month, 12)
    first = date.replace(year=year, month=month + 1, day=1)
    next_first = (first + dt.timedelta(days=31)).replace(day=1)
    day = min(date.day, (next_first - dt.timedelta(days=1)).day)
    return first.replace(day=day) - dt.timedelta(seconds=delta.seconds)
