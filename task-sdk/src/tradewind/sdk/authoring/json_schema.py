"""Whether a value meets a JSON Schema; simple schemas are decided without loading a library for it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from tradewind.sdk.exceptions import ParamValidationError

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?", re.IGNORECASE)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.IGNORECASE)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "array": lambda value: isinstance(value, list),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: _is_number(value) and value == int(value),
    "null": lambda value: value is None,
    "number": _is_number,
    "object": lambda value: isinstance(value, dict),
    "string": lambda value: isinstance(value, str),
}


def _is_of_type(value: object, rule: object) -> bool:
    names = [rule] if isinstance(rule, str) else rule
    return isinstance(names, list) and any(name in _TYPES and _TYPES[name](value) for name in names)


def _is_same(value: object, other: object) -> bool:
    return type(value) is type(other) and value == other


def _has_format(value: object, rule: object) -> bool:
    check = FORMATS.get(rule) if isinstance(rule, str) else None
    return not isinstance(value, str) or (check is not None and check(value))


def _is_date(value: str) -> bool:
    return bool(_DATE.fullmatch(value)) and _reads(dt.date.fromisoformat, value)


def _is_time(value: str) -> bool:
    return bool(_TIME.fullmatch(value)) and _reads(dt.time.fromisoformat, value)


def _is_moment(value: str) -> bool:
    return bool(_MOMENT.fullmatch(value)) and _reads(dt.datetime.fromisoformat, value)


def _reads(read: Callable[[str], object], value: str) -> bool:
    try:
        read(value)
    except ValueError:
        return False
    return True


FORMATS: Mapping[str, Callable[[str], bool]] = {"date": _is_date, "date-time": _is_moment, "time": _is_time}
"""Formats whose check the library leaves to others; a time may do without an offset, as in Airflow."""

_DECIDED: Mapping[str, Callable[[Any, Any], bool]] = {
    "type": _is_of_type,
    "enum": lambda value, rule: any(_is_same(value, other) for other in rule),
    "const": _is_same,
    "minimum": lambda value, rule: not _is_number(value) or value >= rule,
    "maximum": lambda value, rule: not _is_number(value) or value <= rule,
    "minLength": lambda value, rule: not isinstance(value, str) or len(value) >= rule,
    "maxLength": lambda value, rule: not isinstance(value, str) or len(value) <= rule,
    "format": _has_format,
}
_WORDS = frozenset(
    {
        "custom_html_form",
        "description",
        "description_html",
        "description_md",
        "examples",
        "section",
        "title",
        "values_display",
    }
)
"""Keywords that only say something to people; those after `examples` and `title` are of Airflow's trigger form."""


def check_value(value: Any, schema: Mapping[str, Any]) -> None:
    """Check a JSON value.

    Args:
        value: the value.
        schema: a JSON Schema, of draft 2020-12 unless it says otherwise.

    Raises:
        ParamValidationError: the value does not meet it, or it is no JSON Schema.
    """
    if not _surely_meets(value, schema):
        _check_by_library(value, schema)


def _surely_meets(value: Any, schema: Mapping[str, Any]) -> bool:
    try:
        return all(key in _WORDS or (key in _DECIDED and _DECIDED[key](value, rule)) for key, rule in schema.items())
    except (TypeError, ValueError, OverflowError):  # a rule that is no rule: the library says what is wrong with it
        return False


def _check_by_library(value: Any, schema: Mapping[str, Any]) -> None:
    from jsonschema.exceptions import SchemaError, best_match
    from jsonschema.validators import validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    kind = validator_for(schema)
    try:
        kind.check_schema(schema)
        # A registry of its own: the default one would fetch what a `$ref` names from the network.
        validator = kind(schema, format_checker=_format_checker(), registry=Registry())
        error = best_match(validator.iter_errors(value))
    except SchemaError as wrong:
        raise ParamValidationError(f"Its schema is no JSON Schema: {wrong.message}") from None
    except Unresolvable as wrong:
        raise ParamValidationError(f"Its schema refers to something that is not there: {wrong}") from None
    if error is not None:
        place = f" (at {error.json_path})" if error.absolute_path else ""
        raise ParamValidationError(f"{error.message}{place}")


@cache
def _format_checker() -> Any:
    from jsonschema import FormatChecker

    checker = FormatChecker()
    for name, check in FORMATS.items():
        checker.checks(name)(lambda value, check=check: not isinstance(value, str) or check(value))
    return checker
