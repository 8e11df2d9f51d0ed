"""Cron expressions on the wall clock of a time zone, as a series of moments.

An expression that fixes hours fires once for each of its times: the second time for one that occurs twice. The first of
the times that the clock jumps over is as long after the jump as it would be without one, and the others are left out.
An expression for every hour fires whenever the clock shows one of its times, so in both of two equal hours. Airflow
does the same, and draws the same line between the two.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from cronsim.cronsim import SYMBOLIC_DAYS, SYMBOLIC_MONTHS

from tradewind.server.domain.schedules.moments import NoMoreMoments
from tradewind.server.domain.schedules.wall_clock import (
    jumped,
    last_meant,
    reached,
    set_back,
    shown_at,
    wall_time,
    zone,
)

PRESETS: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
"""Airflow's names of expressions."""

_FIELDS: Final = ("minute", "hour", "day of month", "month", "day of week")
_RANGES: Final = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_HOUR, _DAY, _MONTH, _WEEKDAY = 1, 2, 3, 4
_ANY_TIME: Final = datetime(2024, 1, 1)  # noqa: DTZ001 - a time on a wall clock
_SECOND: Final = timedelta(seconds=1)
_MICROSECOND: Final = timedelta(microseconds=1)
_KEPT: Final = 4096


@lru_cache(_KEPT)
def cron(text: str, timezone: str) -> Cron:
    """The series of an expression or preset in a time zone.

    Raises:
        ValueError: the expression or the zone is none, or no date meets the expression.
    """
    return Cron(text, zone(timezone))


class Cron:
    """The moments of one expression; see the module.

    Attributes:
        text: the expression, with a preset replaced by what it stands for.
        zone: whose wall clock it is about.
    """

    def __init__(self, text: str, place: ZoneInfo) -> None:
        self.text = expression(text)
        self.zone = place
        fields = _plain_fields(self.text)
        self._every_hour = fields[_HOUR] == "*"
        self._plain = " ".join(fields)
        if next(CronSim(self._plain, _ANY_TIME), None) is None:
            raise ValueError(f"cron {text!r} never comes due: no date meets it")

    def describe(self) -> str:
        """When it fires, in words."""
        return CronSim(self._plain, _ANY_TIME).explain()

    def next(self, moment: datetime) -> datetime:
        """The first after a moment."""
        # In an hour that comes twice, the clock will show times again that it has shown; after a jump, times that it
        # did not show are still to come.
        earliest = wall_time(moment, self.zone) - max(set_back(moment, self.zone), jumped(moment, self.zone))
        best: datetime | None = None
        for wall in CronSim(self._plain, earliest):
            best = min([one for one in (*self._moments(wall), best) if one is not None and one > moment], default=None)
            # Nothing that the clock shows later is meant for a moment before it gets there.
            if best is not None and reached(wall, self.zone) >= best:
                return best
        raise NoMoreMoments(f"cron {self.text} has no moment after {moment}")

    def previous(self, moment: datetime) -> datetime:
        """The last before a moment."""
        # In an hour that comes twice, the clock may have shown later times already.
        latest = wall_time(moment, self.zone) + set_back(moment, self.zone)
        best: datetime | None = None
        for wall in CronSim(self._plain, latest, reverse=True):
            best = max([one for one in (*self._moments(wall), best) if one is not None and one < moment], default=None)
            last = last_meant(wall, self.zone)
            # Only a time that the clock jumped over is meant for a later moment than one that it showed afterwards.
            if best is not None and last + jumped(last, self.zone) <= best:
                return best
        raise NoMoreMoments(f"cron {self.text} has no moment before {moment}")

    def at_or_after(self, moment: datetime) -> datetime:
        """The moment itself if it fires then, else the next."""
        return self.next(moment - _MICROSECOND)

    def at_or_before(self, moment: datetime) -> datetime:
        """The moment itself if it fires then, else the one before."""
        return self.previous(moment + _MICROSECOND)

    def _moments(self, wall: datetime) -> list[datetime]:
        """When it fires for one of its times on the wall clock."""
        if self._every_hour:
            return shown_at(wall, self.zone)
        moment = last_meant(wall, self.zone)
        is_shown = wall_time(moment, self.zone) == wall
        return [moment] if is_shown or self._is_first_jumped_over(wall) else []

    def _is_first_jumped_over(self, wall: datetime) -> bool:
        last_shown = wall_time(reached(wall, self.zone) - _SECOND, self.zone)
        return next(CronSim(self._plain, last_shown), None) == wall


def expression(text: str) -> str:
    """The expression of five fields that a text stands for.

    Raises:
        ValueError: it is neither that nor a preset.
    """
    fields = PRESETS.get(text.strip().lower(), text).split()
    if len(fields) != len(_FIELDS):
        what = f"has {len(fields)} fields" if not text.strip().startswith("@") else "is no preset"
        raise ValueError(
            f"cron {text!r} {what}; write minute, hour, day of month, month and day of week, or one of "
            f"{', '.join(PRESETS)}"
        )
    return " ".join(fields)


def _plain_fields(text: str) -> list[str]:
    """The fields in the words of the library, where an asterisk stands for a whole field and for nothing else.

    The library, like Debian's cron, wants day of month and day of week both to match where one begins with an
    asterisk; cron expressions of Airflow want either. There, too, a field that lists every day is a restriction like
    any other, unless the other field has an asterisk.
    """
    written = [field.upper().replace("?", "*") for field in text.split()]
    fields = [_plain_field(field, number) for number, field in enumerate(written)]
    try:
        parsed = CronSim(" ".join(fields), _ANY_TIME)
    except CronSimError as error:
        raise ValueError(f"cron {text!r} is wrong: {str(error).lower()}") from None
    if parsed.hours == set(range(24)):
        fields[_HOUR] = "*"
    if parsed.days >= set(range(1, 32)) and "*" in written[_WEEKDAY]:
        fields[_DAY] = "*"
    every_weekday = {day % 7 for day in parsed.weekdays if isinstance(day, int)} == set(range(7))
    if every_weekday and "*" in written[_DAY]:
        fields[_WEEKDAY] = "*"
    return fields


def _plain_field(field: str, number: int) -> str:
    items = field.split(",")
    if "*" in items:
        return "*"
    return ",".join(_plain_item(item, number) for item in items)


def _plain_item(item: str, number: int) -> str:
    first, last = _RANGES[number]
    body, slash, step = item.partition("/")
    if body == "*":
        return f"{first}-{last}{slash}{step}" if number in {_DAY, _WEEKDAY} else item
    if number == _WEEKDAY and body.startswith("L"):
        # The last Friday is L5 in Airflow.
        return f"{body[1:]}L{slash}{step}"
    begin, dash, end = (_number(part, number) for part in body.partition("-"))
    if dash and not step and begin.isdigit() and end.isdigit() and int(begin) > int(end):
        # From Friday to Monday, or from 22 to 4 o'clock.
        return f"{begin}-{max(last, int(begin))},{first}-{end}"
    return item


def _number(part: str, field: int) -> str:
    if field == _WEEKDAY and part in SYMBOLIC_DAYS:
        return str(SYMBOLIC_DAYS.index(part))
    if field == _MONTH and part in SYMBOLIC_MONTHS:
        return str(SYMBOLIC_MONTHS.index(part) + 1)
    return part
