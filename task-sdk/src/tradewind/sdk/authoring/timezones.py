"""Time zones and dates as authors write them, of whatever library, in the two forms that are kept: a name and UTC."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache

from tradewind.sdk.exceptions import DagAuthoringError

UTC = "UTC"

_HOUR = dt.timedelta(hours=1)


def to_utc(date: dt.datetime) -> dt.datetime:
    """The moment in UTC, as a plain datetime; one without a time zone is taken to be in UTC, as Airflow does."""
    plain = dt.datetime(  # of pendulum and the like only what every datetime has is kept
        date.year,
        date.month,
        date.day,
        date.hour,
        date.minute,
        date.second,
        date.microsecond,
        date.tzinfo,
        fold=date.fold,
    )
    return plain.replace(tzinfo=dt.UTC) if plain.tzinfo is None else plain.astimezone(dt.UTC)


def optional_utc(name: str, value: object, owner: str) -> dt.datetime | None:
    """A date in UTC, or nothing.

    Args:
        name: the argument.
        value: a datetime of any library, with or without a time zone.
        owner: whose argument it is, in words.
    """
    if value is None:
        return None
    if not isinstance(value, dt.datetime):
        raise DagAuthoringError(f"{name} of {owner} must be a datetime, not {value!r}.")
    if type(value) is dt.datetime and value.tzinfo is dt.UTC:
        return value
    try:
        return to_utc(value)
    except (OverflowError, ValueError) as error:
        raise DagAuthoringError(f"{name} of {owner} has no moment in UTC: {error}.") from None


def parse_date(name: str, value: object, owner: str) -> object:
    """A date that `default_args` give as text; anything but text is returned as it is.

    Raises:
        DagAuthoringError: the text is no date of ISO 8601.
    """
    if not isinstance(value, str):
        return value
    try:
        return dt.datetime.fromisoformat(value)
    except ValueError:
        raise DagAuthoringError(
            f"{name} of {owner} is {value!r}; a text must be a date of ISO 8601, such as '2024-01-31' or "
            "'2024-01-31T12:00:00+00:00'."
        ) from None


def zone_name(zone: object, owner: str) -> str:
    """The name of a time zone in the IANA database.

    Args:
        zone: a name, or an object of zoneinfo, pendulum, pytz or datetime.
        owner: whose time zone it is, in words.

    Raises:
        DagAuthoringError: the database has no such zone, or none with this offset.
    """
    if isinstance(zone, str):
        return _known(zone, owner)
    if zone is dt.UTC:
        return UTC
    for attribute in ("key", "zone"):  # zoneinfo and pendulum; pytz
        name = getattr(zone, attribute, None)
        if isinstance(name, str):
            return _known(name, owner)
    if isinstance(zone, dt.tzinfo):
        offset = zone.utcoffset(None)
        if offset is not None:
            return _of_offset(offset, owner)
    raise DagAuthoringError(
        f"The time zone of {owner} is {zone!r}; it must have a name of the IANA database, such as "
        "zoneinfo.ZoneInfo('Europe/Paris')."
    )


@lru_cache
def _known(name: str, owner: str) -> str:
    if name == UTC:
        return name
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not there, no name at all, or a folder of the database
        raise DagAuthoringError(
            f"The time zone of {owner} is {name!r}, which the IANA database does not have; write, for example, "
            "'Europe/Paris'."
        ) from None
    return name


def _of_offset(offset: dt.timedelta, owner: str) -> str:
    hours, rest = divmod(offset, _HOUR)
    if not hours and not rest:
        return UTC
    if rest or not -12 <= hours <= 14:
        raise DagAuthoringError(
            f"The time zone of {owner} is a fixed offset of {offset} from UTC, which has no name in the IANA database; "
            "use a named zone, such as zoneinfo.ZoneInfo('Asia/Kolkata')."
        )
    return f"Etc/GMT{-hours:+d}"  # the database counts from the other side
