"""What the bodies of the public API have in common."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from tradewind.server.contract import ProblemReason
from tradewind.server.domain.refusals import Refused

_HALF_A_PAIR: Final = re.compile("[\ud800-\udfff]")


class Body(BaseModel):
    """A request body: a field that is not known is refused, never ignored.

    So is text that has no UTF-8: JSON can write half of a surrogate pair, which nothing behind the API could pass on.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _is_json_text(cls, given: Any) -> Any:
        if isinstance(given, bytes):
            raise Refused(
                ProblemReason.MALFORMED_BODY,
                "the body is not declared as JSON",
                field="Content-Type",
                action="send JSON with the header Content-Type: application/json",
            )
        refuse_lone_surrogates(given)
        return given


def refuse_lone_surrogates(value: Any, place: str = "") -> None:
    """Hold all text of a JSON value against UTF-8.

    Args:
        value: what to look through, keys of objects included.
        place: where it stands, as a dotted path.

    Raises:
        Refused: invalid_value, naming the place.
    """
    waiting: list[tuple[str, Any]] = [(place, value)]
    while waiting:
        at, one = waiting.pop()
        if isinstance(one, str):
            _refuse_half_a_pair(one, at)
        elif isinstance(one, dict):
            for key, item in one.items():
                _refuse_half_a_pair(key, at)
                waiting.append((f"{at}.{key}" if at else key, item))
        elif isinstance(one, list):
            waiting.extend((f"{at}.{index}" if at else str(index), item) for index, item in enumerate(one))


def _refuse_half_a_pair(text: str, at: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refused(
            ProblemReason.INVALID_VALUE,
            f"{at or 'the body'} holds half of a surrogate pair, which is no character",
            field=at or None,
            action="write characters beyond U+FFFF as both halves of their pair, or as UTF-8",
        ) from None


def legible(value: dict[str, Any]) -> dict[str, Any]:
    """A stored JSON object as an answer can hold it: half of a surrogate pair becomes the replacement character.

    Nothing of the kind is taken any more, and one row that has it must not spoil the answer about all of them.
    """
    text = json.dumps(value, ensure_ascii=False)
    if not _HALF_A_PAIR.search(text):
        return value
    found: dict[str, Any] = json.loads(_HALF_A_PAIR.sub("\N{REPLACEMENT CHARACTER}", text))
    return found


def _written_out(given: Any) -> Any:
    """A number would be taken for seconds or milliseconds since 1970, which nobody means."""
    if isinstance(given, int | float):
        kind, message = "moment_type", "Input should be a date and time in ISO 8601 with an offset, as text"
        raise PydanticCustomError(kind, message)
    return given


Moment = Annotated[AwareDatetime, BeforeValidator(_written_out)]
"""A date and time in ISO 8601 with an offset."""


def masked(body: Body, update_mask: Collection[str] | None) -> set[str]:
    """Names of the fields that a PATCH is about: what its body has and, where there is one, its mask names.

    Raises:
        Refused: unknown_field: the mask names something else.
    """
    if update_mask is None:
        return set(body.model_fields_set)
    fields = {field.alias or name: name for name, field in type(body).model_fields.items()}
    for name in update_mask:
        if name not in fields:
            raise Refused(
                ProblemReason.UNKNOWN_FIELD,
                f"update_mask names {name}, which is not a field of the body",
                field="update_mask",
                action=f"use {', '.join(sorted(fields))}",
            )
    return body.model_fields_set & {fields[name] for name in update_mask}


def same_name(field: str, given: str | None, name: str) -> None:
    """Accept a name that a client repeats in the body of a PATCH, as those of Airflow do.

    Raises:
        Refused: invalid_value: it is another one.
    """
    if given not in {None, name}:
        raise Refused(
            ProblemReason.INVALID_VALUE,
            f"{field} {name} cannot be changed to {given}",
            field=field,
            action="leave it out, or create another one",
        )


class Shape(BaseModel):
    """A response body."""

    model_config = ConfigDict(ser_json_inf_nan="constants")


def seconds_between(start: datetime | None, end: datetime | None, now: datetime) -> float | None:
    """Duration of what began at `start`, so far if it has not ended."""
    return None if start is None else max(0.0, ((end or now) - start).total_seconds())


def time_delta(seconds: float) -> dict[str, Any]:
    """A duration as Airflow's API writes it."""
    days, rest = divmod(seconds, 86_400)
    whole = int(rest)
    return {"__type": "TimeDelta", "days": int(days), "seconds": whole, "microseconds": round((rest - whole) * 1e6)}
