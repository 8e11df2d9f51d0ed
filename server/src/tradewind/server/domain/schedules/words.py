"""Timetables in words."""

from __future__ import annotations

from tradewind.server.contract import (
    ContinuousTimetable,
    CronDataIntervalTimetable,
    CronTriggerTimetable,
    Delta,
    OnceTimetable,
    Timetable,
)
from tradewind.server.domain.schedules.crons import cron

_UNITS = (("week", 7 * 86_400), ("day", 86_400), ("hour", 3600), ("minute", 60))


def summary(timetable: Timetable | None) -> str | None:
    """A timetable in short, such as `0 0 * * *`; None for none."""
    match timetable:
        case None:
            return None
        case OnceTimetable():
            return "@once"
        case ContinuousTimetable():
            return "@continuous"
        case CronTriggerTimetable():
            return ", ".join(cron(text, timetable.timezone).text for text in timetable.crons)
        case CronDataIntervalTimetable():
            return cron(timetable.cron, timetable.timezone).text
        case _:
            return _span(timetable.delta)


def describe(timetable: Timetable | None) -> str:
    """A timetable in a sentence for people."""
    match timetable:
        case None:
            return "Never, external triggers only"
        case OnceTimetable():
            return "Once, as soon as possible"
        case ContinuousTimetable():
            return "As frequently as possible, but only one run at a time"
        case CronTriggerTimetable():
            return _describe_crons(timetable.crons, timetable.timezone)
        case CronDataIntervalTimetable():
            return _describe_crons([timetable.cron], timetable.timezone)
        case _:
            return f"Every {_span(timetable.delta)}"


def _describe_crons(crons: list[str], timezone: str) -> str:
    words = ", and ".join(cron(text, timezone).describe() for text in crons)
    return words if timezone.upper() == "UTC" else f"{words} ({timezone})"


def _span(delta: Delta) -> str:
    years, months = divmod(delta.months, 12)
    parts = [_count(years, "year"), _count(months, "month")]
    rest = delta.seconds
    for unit, seconds in _UNITS:
        number, rest = divmod(rest, seconds)
        parts.append(_count(int(number), unit))
    if rest:
        parts.append(f"{rest:g} {'second' if rest == 1 else 'seconds'}")
    return " ".join(part for part in parts if part) or "0 seconds"


def _count(number: int, unit: str) -> str:
    if not number:
        return ""
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
