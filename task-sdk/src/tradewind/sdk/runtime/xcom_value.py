"""What can be an XCom: JSON values up to a size, brought into plain form or refused with the place that is to blame."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from typing import Any

import msgspec

from tradewind.sdk.exceptions import XComNotSerializableError

MAX_BYTES = 1024 * 1024
"""Largest XCom, as JSON in UTF-8."""

MAX_KEY = 512
"""Characters of an XCom's key, as the contract says."""

_MAX_DEPTH = 200
_REMEDY = (
    "Return text, numbers, booleans, None, and lists and dicts of these; keep larger data elsewhere and pass its place."
)


def xcom_key(key: object, task_id: str) -> str:
    """The key of an XCom.

    Raises:
        XComNotSerializableError: it is no string of 1 to 512 characters.
    """
    if not isinstance(key, str) or not 1 <= len(key) <= MAX_KEY:
        raise XComNotSerializableError(
            f"Task {task_id!r} leaves an XCom with the key {key!r}; a key is a string of 1 to {MAX_KEY} characters."
        )
    return str(key)


def xcom_value(value: object, task_id: str, key: str) -> Any:
    """The value in plain form: tuples become lists, numbers and texts of other classes become plain ones.

    Args:
        value: what the task leaves.
        task_id: the task, for the error.
        key: the key, for the error.

    Raises:
        XComNotSerializableError: it is no JSON value or is too large; names task, key, place and type.
    """
    try:
        plain = _plain(value, "value", 0)
        size = len(msgspec.json.encode(plain))
    except _Refused as refusal:
        raise XComNotSerializableError(
            f"XCom {key!r} of task {task_id!r} cannot be kept: {refusal}. {_REMEDY}"
        ) from None
    except (UnicodeEncodeError, ValueError, OverflowError) as error:
        raise XComNotSerializableError(f"XCom {key!r} of task {task_id!r} cannot be kept: {error}. {_REMEDY}") from None
    if size > MAX_BYTES:
        raise XComNotSerializableError(
            f"XCom {key!r} of task {task_id!r} has {size} bytes as JSON; at most {MAX_BYTES} are kept. {_REMEDY}"
        )
    return plain


class _Refused(Exception):
    pass


def _plain(value: Any, place: str, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise _Refused(f"it is nested deeper than {_MAX_DEPTH} levels, or contains itself")
    if isinstance(value, enum.Enum) and not isinstance(value, str | int | float):
        raise _Refused(f"{place} is of type {type(value).__name__}")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _Refused(f"{place} is {value}, which JSON does not have")
        return float(value)
    if isinstance(value, list | tuple):
        return [_plain(item, f"{place}[{index}]", depth + 1) for index, item in enumerate(value)]
    if isinstance(value, Mapping):
        return {_name(name, place): _plain(item, f"{place}[{name!r}]", depth + 1) for name, item in value.items()}
    raise _Refused(f"{place} is of type {type(value).__module__}.{type(value).__qualname__}")


def _name(name: object, place: str) -> str:
    if not isinstance(name, str):
        raise _Refused(f"a key of {place} is {name!r}, of type {type(name).__name__}; keys are strings")
    return str.__str__(name)
