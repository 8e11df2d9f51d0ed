"""Kinds of values of the standard library."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from tradewind.sdk.dates import context_date
from tradewind.sdk.typed_values.kinds import Kind, Read, Unwritable, Write

if TYPE_CHECKING:
    import datetime as dt

    from tradewind.sdk.typed_values.kinds import FindClass


_DATES_OF_PENDULUM: Final = frozenset({"pendulum.datetime.DateTime", "tradewind.sdk.dates.DateTime"})


def _write_datetime(value: dt.datetime, place: str, _: Write) -> Mapping[str, Any]:
    text = value.isoformat()
    if text == "NaT":
        raise Unwritable(f"{place} is NaT, which is no point in time; use None for what is missing")
    zone = getattr(value.tzinfo, "key", None)
    written: dict[str, Any] = {"value": text, "zone": zone} if isinstance(zone, str) else {"value": text}
    return {**written, "pendulum": True} if _is_of_pendulum(type(value)) else written


def _is_of_pendulum(of: type) -> bool:
    """Whether dates of this class have the methods of pendulum's."""
    return any(f"{base.__module__}.{base.__qualname__}" in _DATES_OF_PENDULUM for base in of.__mro__)


def _read_datetime(plain: Mapping[str, Any], _: Read, __: FindClass) -> dt.datetime:
    import datetime as dt

    moment = dt.datetime.fromisoformat(plain["value"])
    zone = plain.get("zone")
    # The offset decides which of two equal times of an autumn night it is.
    moment = moment if zone is None else moment.astimezone(_zone(zone))
    return context_date(moment) if plain.get("pendulum") is True else moment


def _write_time(value: dt.time, _place: str, _: Write) -> Mapping[str, Any]:
    zone = getattr(value.tzinfo, "key", None)
    if isinstance(zone, str):
        return {"value": value.replace(tzinfo=None).isoformat(), "zone": zone}
    return {"value": value.isoformat()}


def _read_time(plain: Mapping[str, Any], _: Read, __: FindClass) -> dt.time:
    import datetime as dt

    time = dt.time.fromisoformat(plain["value"])
    zone = plain.get("zone")
    return time if zone is None else time.replace(tzinfo=_zone(zone))


def _read_date(plain: Mapping[str, Any], _: Read, __: FindClass) -> dt.date:
    import datetime as dt

    return dt.date.fromisoformat(plain["value"])


def _write_timedelta(value: dt.timedelta, _place: str, _: Write) -> Mapping[str, Any]:
    import datetime as dt

    # A subclass, such as pendulum's Duration, may mean other things by these names.
    of = dt.timedelta
    days, seconds, microseconds = of.days, of.seconds, of.microseconds
    parts = (part.__get__(value) for part in (days, seconds, microseconds))
    return dict(zip(("days", "seconds", "microseconds"), parts, strict=True))


def _read_timedelta(plain: Mapping[str, Any], _: Read, __: FindClass) -> dt.timedelta:
    import datetime as dt

    return dt.timedelta(plain["days"], plain["seconds"], plain["microseconds"])


def _write_zone(value: Any, place: str, _: Write) -> Mapping[str, Any]:
    key = getattr(value, "key", None)
    if isinstance(key, str):
        return {"zone": key}
    offset = value.utcoffset(None)
    if offset is None:
        raise Unwritable(f"{place} is a time zone without a name")
    return {"offset": offset.total_seconds()}


def _read_zone(plain: Mapping[str, Any], _: Read, __: FindClass) -> dt.tzinfo:
    import datetime as dt

    if "zone" in plain:
        return _zone(plain["zone"])
    return dt.timezone(dt.timedelta(seconds=plain["offset"])) if plain["offset"] else dt.UTC


def _zone(name: str) -> dt.tzinfo:
    import zoneinfo

    return zoneinfo.ZoneInfo(name)


def _write_bytes(value: bytes | bytearray, _place: str, _: Write) -> Mapping[str, Any]:
    import base64

    return {"value": base64.b64encode(value).decode("ascii")}


def _read_bytes(plain: Mapping[str, Any], _: Read, __: FindClass) -> bytes:
    import base64

    return base64.b64decode(plain["value"], validate=True)


def _read_bytearray(plain: Mapping[str, Any], read: Read, find: FindClass) -> bytearray:
    return bytearray(_read_bytes(plain, read, find))


def _write_items(value: Any, place: str, write: Write) -> Mapping[str, Any]:
    return {"value": [write(item, f"{place}[{index}]") for index, item in enumerate(value)]}


def _write_set(value: Any, place: str, write: Write) -> Mapping[str, Any]:
    """Items in an order that does not change from process to process, as that of hashes does."""
    import json

    items = [write(item, f"an item of {place}") for item in value]
    return {"value": sorted(items, key=lambda item: json.dumps(item, sort_keys=True))}


def _read_into(make: Callable[[list[Any]], Any]) -> Callable[[Mapping[str, Any], Read, FindClass], Any]:
    return lambda plain, read, _: make([read(item) for item in plain["value"]])


def _write_dict(value: Mapping[Any, Any], place: str, write: Write) -> Mapping[str, Any]:
    pairs = [[write(key, f"a key of {place}"), write(item, f"{place}[{key!r}]")] for key, item in value.items()]
    return {"value": pairs}


def _read_dict(plain: Mapping[str, Any], read: Read, _: FindClass) -> dict[Any, Any]:
    return {read(key): read(item) for key, item in plain["value"]}


def _write_text(value: Any, _place: str, _: Write) -> Mapping[str, Any]:
    return {"value": str(value)}


def _read_decimal(plain: Mapping[str, Any], _: Read, __: FindClass) -> Any:
    import decimal

    return decimal.Decimal(plain["value"])


def _read_uuid(plain: Mapping[str, Any], _: Read, __: FindClass) -> Any:
    import uuid

    return uuid.UUID(plain["value"])


def _write_path(value: Any, _place: str, _: Write) -> Mapping[str, Any]:
    name = type(value).__name__
    return {"value": str(value), "flavour": name} if name.startswith("Pure") else {"value": str(value)}


def _read_path(plain: Mapping[str, Any], _: Read, __: FindClass) -> Any:
    import pathlib

    flavours = {"PurePosixPath": pathlib.PurePosixPath, "PureWindowsPath": pathlib.PureWindowsPath}
    flavour = plain.get("flavour")
    return pathlib.Path(plain["value"]) if flavour is None else flavours[flavour](plain["value"])


DICT: Final = Kind("dict", _write_dict, _read_dict)
"""Dicts with keys that are no strings, or with the key `__type__`."""

_DATE: Final = Kind("date", lambda value, _place, _: {"value": value.isoformat()}, _read_date)
_ZONE: Final = Kind("timezone", _write_zone, _read_zone)
_PATH: Final = Kind("path", _write_path, _read_path)

BY_CLASS: Final[dict[str, Kind]] = {
    "builtins.tuple": Kind("tuple", _write_items, _read_into(tuple)),
    "builtins.set": Kind("set", _write_set, _read_into(set)),
    "builtins.frozenset": Kind("frozenset", _write_set, _read_into(frozenset)),
    "builtins.bytes": Kind("bytes", _write_bytes, _read_bytes),
    "builtins.bytearray": Kind("bytearray", _write_bytes, _read_bytearray),
    "datetime.datetime": Kind("datetime", _write_datetime, _read_datetime),
    "datetime.date": _DATE,
    "datetime.time": Kind("time", _write_time, _read_time),
    "datetime.timedelta": Kind("timedelta", _write_timedelta, _read_timedelta),
    "datetime.tzinfo": _ZONE,
    "decimal.Decimal": Kind("decimal", _write_text, _read_decimal),
    "uuid.UUID": Kind("uuid", _write_text, _read_uuid),
    "pathlib.PurePath": _PATH,
    "pathlib._local.PurePath": _PATH,  # where Python 3.13 has it
}
"""Class to kind; a value is of the kind of the first of its classes."""
