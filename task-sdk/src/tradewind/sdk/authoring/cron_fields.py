"""Cron expressions as Airflow means them, in the words of the library that evaluates them."""

from __future__ import annotations

import datetime as dt
from typing import Final

_WEEKDAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_RANGES: Final = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_HOUR, _DAY, _MONTH, _WEEKDAY = 1, 2, 3, 4
_ANY_TIME: Final = dt.datetime(2024, 1, 1)  # noqa: DTZ001 - a time on a wall clock


def plain_fields(expression: str) -> str:
    """An expression of five fields for the library, where an asterisk stands for a whole field and nothing else.

    Ranges may go over the end (`FRI-MON`, `22-4`), `?` is an asterisk, and the last Friday is `L5`. Where both days are
    restricted either is enough, also if one of them begins with an asterisk.

    Raises:
        ValueError: the library cannot read it.
    """
    from cronsim import CronSim, CronSimError

    written = [field.upper().replace("?", "*") for field in expression.split()]
    fields = [_field(field, number) for number, field in enumerate(written)]
    try:
        parsed = CronSim(" ".join(fields), _ANY_TIME)
    except CronSimError as error:
        raise ValueError(str(error)) from None
    if parsed.hours == set(range(24)):
        fields[_HOUR] = "*"
    # A field that lists every day restricts like any other, unless the other one has an asterisk.
    if parsed.days >= set(range(1, 32)) and "*" in written[_WEEKDAY]:
        fields[_DAY] = "*"
    if {day % 7 for day in parsed.weekdays if isinstance(day, int)} == set(range(7)) and "*" in written[_DAY]:
        fields[_WEEKDAY] = "*"
    return " ".join(fields)


def _field(field: str, number: int) -> str:
    items = field.split(",")
    return "*" if "*" in items else ",".join(_item(item, number) for item in items)


def _item(item: str, number: int) -> str:
    first, last = _RANGES[number]
    body, slash, step = item.partition("/")
    if body == "*":
        return f"{first}-{last}{slash}{step}" if number in {_DAY, _WEEKDAY} else item
    if number == _WEEKDAY and body.startswith("L"):
        return f"{body[1:]}L{slash}{step}"
    begin, dash, end = (_number(part, number) for part in body.partition("-"))
    if dash and not step and begin.isdigit() and end.isdigit() and int(begin) > int(end):
        return f"{begin}-{max(last, int(begin))},{first}-{end}"
    return item


def _number(part: str, field: int) -> str:
    if field == _WEEKDAY and part in _WEEKDAYS:
        return str(_WEEKDAYS.index(part))
    if field == _MONTH and part in _MONTHS:
        return str(_MONTHS.index(part) + 1)
    return part
