"""Values as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tradewind.sdk.lazy_value import LazyValue, value_of
from tradewind.sdk.typed_values.kinds import TYPE, Kind, Unwritable
from tradewind.sdk.typed_values.registry import MAPPING, find_kind

MAX_DEPTH = 200
"""Levels of lists and objects; readers of JSON in the control plane and in other languages have such limits too."""


def write_value(value: object) -> Any:
    """A value as JSON: what JSON has stays plain, the rest becomes an object whose `__type__` says what it is.

    Raises:
        Unwritable: it, or something in it, has no form in JSON.
    """
    return _Writer(find_kind).write(value, "value", 0)


def check_json(value: object) -> Any:
    """A value that is JSON already, in plain form.

    Raises:
        Unwritable: it is no JSON value.
    """
    return _Writer(None).write(value, "value", 0)


class _Writer:
    """Walks a value.

    Args:
        find: the kind of a value that JSON does not have; None to refuse such values.
    """

    def __init__(self, find: Any) -> None:
        self._find = find

    def write(self, value: Any, place: str, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise Unwritable(f"it is nested deeper than {MAX_DEPTH} levels, or contains itself")
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float):
            return _finite(value, place)
        if isinstance(value, list):
            return [self.write(item, f"{place}[{index}]", depth + 1) for index, item in enumerate(value)]
        if isinstance(value, dict) and self._stays_plain(value):
            return self._object(value, place, depth)
        return self._typed(value, place, depth)

    def _stays_plain(self, value: Mapping[Any, Any]) -> bool:
        if self._find is None:
            return True
        return TYPE not in value and all(isinstance(key, str) for key in value)

    def _object(self, value: Mapping[Any, Any], place: str, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, item in value.items():
            if not isinstance(key, str):
                raise Unwritable(f"a key of {place} is {key!r}, of type {type(key).__name__}; keys are strings")
            found[str.__str__(key)] = self.write(item, f"{place}[{key!r}]", depth + 1)
        return found

    def _typed(self, value: Any, place: str, depth: int) -> Any:
        if type(value) is LazyValue:
            return self.write(value_of(value), place, depth)
        if self._find is None:
            kind: Kind | None = None
        else:
            kind = MAPPING if isinstance(value, dict) else self._find(type(value))
        if kind is None:
            if self._find is not None and isinstance(value, Mapping):
                return self.write(dict(value), place, depth)
            raise Unwritable(f"{place} is of type {type(value).__module__}.{type(value).__qualname__}")

        def within(item: Any, where: str) -> Any:
            return self.write(item, where, depth + 2)

        return {TYPE: kind.word, **kind.write(value, place, within)}


def _finite(value: float, place: str) -> float:
    if not math.isfinite(value):
        raise Unwritable(f"{place} is {value}, which JSON does not have; use None for what is missing")
    return float(value)
