"""What a task leaves as an XCom: checked, brought into JSON by the back end, and held against the largest size."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from tradewind.sdk.authoring.xcom import BaseXCom, xcom_backend
from tradewind.sdk.exceptions import XComNotSerializableError
from tradewind.sdk.lazy_value import resolved
from tradewind.sdk.typed_values import Unwritable, check_json

MAX_BYTES = 1024 * 1024
"""Largest XCom, as JSON in UTF-8."""

MAX_KEY = 512
"""Characters of an XCom's key, as the contract says."""

_REMEDY = "Return values that JSON or the guide's page on XComs has; keep larger data elsewhere and pass its place."


class XComPlace(NamedTuple):
    """The task instance that leaves an XCom."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int


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


def xcom_value(value: object, place: XComPlace, key: str) -> Any:
    """What the control plane is to keep for a value, in plain JSON values.

    Args:
        value: what the task leaves.
        place: the task instance.
        key: key of the XCom.

    Raises:
        XComNotSerializableError: it has no form in JSON or is too large; names task, key, place and type.
    """
    task_id = place.task_id
    try:
        plain = _serialized(value, place, key)
        size = len(msgspec.json.encode(plain))
    except (XComNotSerializableError, Unwritable, UnicodeEncodeError, ValueError, OverflowError) as error:
        raise XComNotSerializableError(f"XCom {key!r} of task {task_id!r} cannot be kept: {error}. {_REMEDY}") from None
    if size > MAX_BYTES:
        raise XComNotSerializableError(
            f"XCom {key!r} of task {task_id!r} has {size} bytes as JSON; at most {MAX_BYTES} are kept. {_REMEDY}"
        )
    return plain


def _serialized(value: object, place: XComPlace, key: str) -> Any:
    backend = xcom_backend()
    plain = backend.serialize_value(resolved(value), key=key, **place._asdict())
    # What the SDK itself wrote is JSON; what a back end made of it may be anything.
    return plain if backend is BaseXCom else check_json(plain)
