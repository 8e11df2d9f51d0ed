"""Dates with a time zone, under the names of `airflow.sdk.timezone`."""

from __future__ import annotations

import datetime as dt
from typing import overload

from tradewind.sdk.authoring.timezones import to_utc, zone_name
from tradewind.sdk.dates import context_date

utc = dt.UTC


def utcnow() -> dt.datetime:
    """This moment, in UTC."""
    return context_date(dt.datetime.now(dt.UTC))


def datetime(  # noqa: PLR0917 - as the class of this name
    year: int,
    month: int,
    day: int,
    hour: int = 0,
    minute: int = 0,
    second: int = 0,
    microsecond: int = 0,
    tzinfo: dt.tzinfo = dt.UTC,
) -> dt.datetime:
    """A date in UTC, or in another time zone."""
    return context_date(dt.datetime(year, month, day, hour, minute, second, microsecond, tzinfo))


def parse(string: str, timezone: dt.tzinfo | None = None, *, strict: bool = False) -> dt.datetime:  # noqa: ARG001 - Airflow's signature
    """A date in the form of ISO 8601.

    Args:
        string: the text.
        timezone: time zone of a text that names none; UTC when None.
        strict: accepted: no other form is understood.

    Raises:
        ValueError: the text is no such date.
    """
    date = dt.datetime.fromisoformat(string)
    return context_date(date if date.tzinfo is not None else date.replace(tzinfo=timezone or dt.UTC))


def is_localized(value: dt.datetime) -> bool:
    """Whether the date has a time zone."""
    return value.utcoffset() is not None


def is_naive(value: dt.datetime) -> bool:
    """Whether the date has no time zone."""
    return value.utcoffset() is None


@overload
def convert_to_utc(value: None) -> None: ...
@overload
def convert_to_utc(value: dt.datetime) -> dt.datetime: ...
def convert_to_utc(value: dt.datetime | None) -> dt.datetime | None:
    """The moment in UTC; a date without a time zone is taken to be in UTC."""
    return None if value is None else context_date(to_utc(value))


def make_aware(value: dt.datetime, timezone: dt.tzinfo | None = None) -> dt.datetime:
    """The date in a time zone, UTC when None.

    Raises:
        ValueError: it has one already.
    """
    if is_localized(value):
        raise ValueError(f"make_aware expects a date without a time zone, not {value!r}.")
    return context_date(value.replace(tzinfo=timezone or dt.UTC))


def make_naive(value: dt.datetime, timezone: dt.tzinfo | None = None) -> dt.datetime:
    """What a clock in a time zone, UTC when None, shows at a moment.

    Raises:
        ValueError: the date has no time zone.
    """
    if is_naive(value):
        raise ValueError(f"make_naive expects a date with a time zone, not {value!r}.")
    return value.astimezone(timezone or dt.UTC).replace(tzinfo=None)


@overload
def coerce_datetime(v: None, tz: dt.tzinfo | None = None) -> None: ...
@overload
def coerce_datetime(v: dt.datetime, tz: dt.tzinfo | None = None) -> dt.datetime: ...
def coerce_datetime(v: dt.datetime | None, tz: dt.tzinfo | None = None) -> dt.datetime | None:
    """The date with a time zone: that of the date, else UTC; turned to another one if that is given."""
    if v is None:
        return None
    aware = v if is_localized(v) else v.replace(tzinfo=dt.UTC)
    return context_date(aware.astimezone(tz) if tz is not None else aware)


def from_timestamp(timestamp: float, tz: dt.tzinfo = dt.UTC) -> dt.datetime:
    """The moment that is this many seconds after the beginning of 1970."""
    return context_date(dt.datetime.fromtimestamp(timestamp, tz))


def parse_timezone(name: str) -> dt.tzinfo:
    """The time zone of a name in the IANA database.

    Raises:
        DagAuthoringError: there is none.
    """
    from zoneinfo import ZoneInfo

    return ZoneInfo(zone_name(name, "parse_timezone()"))
