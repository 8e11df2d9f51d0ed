"""What the generated models are made of: closed records, optional properties, points in time, identities."""

from __future__ import annotations

import enum
import json
from datetime import datetime
from functools import partial
from operator import is_
from typing import Annotated, Any, ClassVar, Final, Literal, Self, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    JsonValue,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError, PydanticKnownError, core_schema

__all__ = ["UNSET", "Unset", "WireModel"]

T = TypeVar("T")


class Unset(enum.Enum):
    """Type of `UNSET`."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET
"""An optional property of any JSON value that is absent; `None` there is JSON's null."""


class WireModel(BaseModel):
    """A record of the contract: closed to unknown properties, frozen, and strict about types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, hide_input_in_errors=True)


class TaggedModel(WireModel):
    """A variant of a union. Python code may leave out the tag, JSON may not."""

    tag_property: ClassVar[str]

    @model_validator(mode="after")
    def _tag_is_required_in_json(self, info: ValidationInfo) -> Self:
        if info.mode == "json" and self.tag_property not in self.model_fields_set:
            raise PydanticCustomError("missing", "Field required: {tag}", {"tag": self.tag_property})
        return self


class _AbsentNotNull:
    """Lets Python say None for an absent property while JSON may not say null."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        nullable = handler(source)
        if nullable["type"] != "nullable":
            raise TypeError(f"an omittable property wraps a type that may not be None, not {source!r}")
        return core_schema.json_or_python_schema(json_schema=nullable["schema"], python_schema=nullable)


class _UnsetOrJson:
    """Lets Python say UNSET for an absent property that may hold any JSON value."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        value = handler.generate_schema(FiniteJson)
        either = core_schema.union_schema([core_schema.is_instance_schema(Unset), value], mode="left_to_right")
        return core_schema.json_or_python_schema(json_schema=value, python_schema=either)


class _Rfc3339:
    """Narrows pydantic's date-times, which in text may also be numbers or lack seconds, to those of RFC 3339."""

    _FORM = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})$"
    _MESSAGE = "Input should be a date-time with its offset (RFC 3339), such as 2026-01-31T12:00:00Z"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        moment = core_schema.datetime_schema(strict=False)
        parsed = core_schema.custom_error_schema(
            core_schema.chain_schema([core_schema.str_schema(pattern=self._FORM), moment]),
            custom_error_type="date_time",
            custom_error_message=self._MESSAGE,
        )
        return core_schema.json_or_python_schema(
            json_schema=core_schema.chain_schema([core_schema.str_schema(strict=True), parsed]),
            python_schema=core_schema.datetime_schema(strict=True, tz_constraint="aware"),
        )


def _finite(value: JsonValue) -> JsonValue:
    """Refuses NaN and infinity anywhere in a value: pydantic reads them although JSON has no such numbers."""
    if isinstance(value, float | list | dict):
        try:
            json.dumps(value, allow_nan=False)
        except ValueError as error:
            raise PydanticKnownError("finite_number") from error
    return value


FiniteJson: TypeAlias = Annotated[JsonValue, AfterValidator(_finite)]
"""Any value that JSON can hold."""

Omittable: TypeAlias = Annotated[T | None, Field(exclude_if=partial(is_, None)), _AbsentNotNull()]
"""An optional property: None in Python, absent in JSON, never null."""

OmittableJson: TypeAlias = Annotated[
    JsonValue | Literal[Unset.UNSET], Field(exclude_if=partial(is_, UNSET)), _UnsetOrJson()
]
"""An optional property that may hold any JSON value, null included; `UNSET` when absent."""

Timestamp: TypeAlias = Annotated[datetime, _Rfc3339()]
"""A point in time with its offset from UTC."""

Uuid: TypeAlias = Annotated[
    str, Field(pattern=r"^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$")
]
"""A UUID in its text form (RFC 9562)."""
