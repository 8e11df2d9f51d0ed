"""Parameters of a DAG: what a run is given must meet their JSON Schemas."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from tradewind.server.contract import UNSET, ProblemReason, SerializedParam
from tradewind.server.domain.refusals import Refused

if TYPE_CHECKING:
    from jsonschema import FormatChecker
    from jsonschema.protocols import Validator

_LONGEST_MESSAGE: Final = 500


def check_conf(params: Mapping[str, SerializedParam], conf: Mapping[str, Any]) -> None:
    """Refuse a configuration with which a run could not start.

    As in Airflow a value of the configuration replaces the default of the parameter of its name, and names that are no
    parameters are let through.

    Args:
        params: parameters of the DAG, which `check_params` accepts.
        conf: configuration of the run.

    Raises:
        Refused: `missing_field` or `invalid_value` for the first parameter to blame, with the field `conf.<name>`.
    """
    for name, param in params.items():
        field = f"conf.{name}"
        value = conf.get(name, param.value)
        if value is UNSET:
            detail = f"parameter {name} has no default and conf gives it no value"
            raise Refused(
                ProblemReason.MISSING_FIELD, detail, field=field, action=f"add {name} to conf{_purpose(param)}"
            )
        wrong = _what_is_wrong(param.json_schema, value)
        if wrong is not None:
            raise Refused(
                ProblemReason.INVALID_VALUE,
                f"{field}: {wrong}",
                field=field,
                action=f"give {name} a value that meets its JSON Schema{_purpose(param)}",
            )


def check_params(params: Mapping[str, SerializedParam], *, scheduled: bool) -> None:
    """Refuse parameters that no run could have.

    Args:
        params: parameters of the DAG.
        scheduled: whether runs are made by a timetable, which gives no values.

    Raises:
        ValueError: a schema is none, or a run by the timetable would lack a valid value; the message names the
            parameter.
    """
    for name, param in params.items():
        wrong = _what_is_wrong_with_schema(param.json_schema)
        if wrong is not None:
            raise ValueError(f"the JSON Schema of parameter {name} is wrong: {wrong}")
        if not scheduled:
            continue
        if param.value is UNSET:
            raise ValueError(f"parameter {name} has no default, which the runs of a schedule need; give it one")
        wrong = _what_is_wrong(param.json_schema, param.value)
        if wrong is not None:
            raise ValueError(f"the default of parameter {name} is wrong, and runs of a schedule need it: {wrong}")


def _purpose(param: SerializedParam) -> str:
    return f" ({param.description[:_LONGEST_MESSAGE]})" if param.description else ""


def _what_is_wrong(schema: Mapping[str, Any], value: Any) -> str | None:
    from jsonschema.exceptions import best_match  # noqa: PLC0415 - slow to import; most DAGs have no parameters

    try:
        error = best_match(_validator(schema).iter_errors(value))
    except RecursionError:
        return "the schema refers to itself without end"
    except _unresolvable() as failure:
        return f"the schema refers to {failure.ref}, which it does not hold"
    if error is None:
        return None
    place = "".join(f"[{part!r}]" for part in error.absolute_path)
    return f"{place}{': ' if place else ''}{error.message}"[:_LONGEST_MESSAGE]


def _what_is_wrong_with_schema(schema: Mapping[str, Any]) -> str | None:
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - as above
    from jsonschema.exceptions import best_match  # noqa: PLC0415 - as above

    error = best_match(Draft202012Validator(Draft202012Validator.META_SCHEMA).iter_errors(schema))
    return None if error is None else str(error.message)[:_LONGEST_MESSAGE]


def _validator(schema: Mapping[str, Any]) -> Validator:
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - as above
    from referencing import Registry  # noqa: PLC0415 - as above

    # An empty registry: a schema from outside must not make the server fetch another one.
    validator: Validator = Draft202012Validator(schema, registry=Registry(), format_checker=_formats())
    return validator


def _unresolvable() -> type[Any]:
    from referencing.exceptions import Unresolvable  # noqa: PLC0415 - as above

    return Unresolvable


@cache
def _formats() -> FormatChecker:
    """The formats of the library, with those that it knows only beside further packages."""
    from jsonschema import FormatChecker  # noqa: PLC0415 - as above

    checker = FormatChecker()
    checker.checks("date-time", raises=ValueError)(_is_date_time)
    return checker


def _is_date_time(value: object) -> bool:
    if not isinstance(value, str):
        return True
    if datetime.fromisoformat(value).tzinfo is None:
        raise ValueError("a date-time needs an offset from UTC")
    return True
