"""Ages as people write them on a command line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import click

_UNITS: Final[Mapping[str, timedelta]] = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


def age(_ctx: click.Context, _param: click.Parameter, value: str) -> timedelta:
    """Callback of an option: a whole number of weeks, days, hours, minutes or seconds, such as `30d`.

    Raises:
        click.BadParameter: It is something else.
    """
    found = re.fullmatch(r"([0-9]{1,6})([smhdw])", value)
    if found is None:
        message = f"{value!r} is no age: write a number and one of w, d, h, m, s, such as 30d"
        raise click.BadParameter(message)
    return int(found[1]) * _UNITS[found[2]]
