"""Functions and modules for templates, as `macros.ds_add(ds, 7)`; Python code can import them, too."""

from __future__ import annotations

import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from importlib import import_module
from random import random
from typing import Any

__all__ = [
    "dateutil",  # noqa: F822 - see `__getattr__`
    "datetime",
    "datetime_diff_for_humans",
    "ds_add",
    "ds_format",
    "ds_format_locale",
    "json",
    "random",
    "time",
    "timedelta",
    "uuid",
]

_DS = "%Y-%m-%d"


def ds_add(ds: str, days: int) -> str:
    """Move a date by days.

    Args:
        ds: a date as `2024-03-01`.
        days: how many; negative ones go back.
    """
    if not days:
        return str(ds)
    return (datetime.strptime(str(ds), _DS) + timedelta(days=days)).strftime(_DS)  # noqa: DTZ007 - a day has no zone


def ds_format(ds: str, input_format: str, output_format: str) -> str:
    """Write a date in another form.

    Args:
        ds: the date.
        input_format: its form, by the codes of `strptime`.
        output_format: the new form, by the codes of `strftime`.
    """
    return datetime.strptime(str(ds), input_format).strftime(output_format)  # noqa: DTZ007 - the author's own form


def ds_format_locale(ds: str, input_format: str, output_format: str, locale: str | None = None) -> str:
    """Write a date in another form, in the words of a language.

    Args:
        ds: the date.
        input_format: its form, by the codes of `strptime`.
        output_format: the new form, by Unicode's date patterns, such as `EEEE`.
        locale: language, such as `de_DE`; that of the environment when None.

    Raises:
        ModuleNotFoundError: the package `Babel` is not installed.
    """
    try:
        dates = import_module("babel.dates")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "macros.ds_format_locale needs the package Babel where tasks run: pip install Babel.", name="babel"
        ) from error
    date = datetime.strptime(str(ds), input_format)  # noqa: DTZ007 - the author's own form
    return str(dates.format_datetime(date, format=output_format, locale=locale or dates.LC_TIME))


def datetime_diff_for_humans(dt: Any, since: datetime | str | None = None) -> str:
    """How long ago something was, in words: `2 days ago`, or `2 days before` another date.

    Args:
        dt: a date, its text by ISO 8601, or a list of dates of which the latest counts.
        since: the date to compare with; now when None.
    """
    import pendulum

    if isinstance(dt, list | tuple | set):
        dt = max(dt)
    return pendulum.instance(_date(dt)).diff_for_humans(None if since is None else pendulum.instance(_date(since)))


def _date(value: datetime | str) -> datetime:
    date = datetime.fromisoformat(value) if isinstance(value, str) else value
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def __getattr__(name: str) -> Any:
    """`macros.dateutil`, where it is installed."""
    if name == "dateutil":
        try:
            import_module("dateutil.parser")
            import_module("dateutil.relativedelta")
            return import_module("dateutil")
        except ModuleNotFoundError as error:
            raise AttributeError(
                "macros.dateutil needs the package python-dateutil where tasks run: pip install python-dateutil."
            ) from error
    raise AttributeError(f"macros has no {name!r}; it has {', '.join(__all__)}.")
