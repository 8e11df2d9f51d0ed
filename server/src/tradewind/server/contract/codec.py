"""The one way between JSON and the models of the contract."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ConfigDict, TypeAdapter
from pydantic_core import to_json

from tradewind.server.contract.model import WireModel

if TYPE_CHECKING:
    from typing_extensions import TypeForm

__all__ = ["decode", "decode_text", "encode", "from_plain", "to_plain"]

T = TypeVar("T")


def decode(type_: TypeForm[T], data: bytes | str) -> T:
    """The value of a contract type in a JSON text.

    Args:
        type_: a model, union or other type of the contract.
        data: JSON in UTF-8.

    Raises:
        pydantic.ValidationError: no JSON, or not such a value. In `errors()` the type is `json_invalid` for the
            former; for the latter `missing`, `extra_forbidden` or another word, with the place in `loc`.
    """
    form: Any = type_
    value: T = _adapter(form).validate_json(data)
    return value


def encode(value: WireModel) -> bytes:
    """The JSON text of a model: optional properties that are absent are left out, everything else is written."""
    return value.__pydantic_serializer__.to_json(value)


def to_plain(value: WireModel) -> dict[str, Any]:
    """The model as the objects that `json.loads(encode(value))` gives."""
    plain: dict[str, Any] = value.model_dump(mode="json")
    return plain


def from_plain(type_: TypeForm[T], plain: Any) -> T:
    """The value of a contract type in what `json.loads` gave.

    Raises:
        pydantic.ValidationError: as `decode`.
    """
    return decode(type_, to_json(plain, inf_nan_mode="constants"))


def decode_text(type_: Any, text: str) -> Any:
    """The value of a path or query parameter.

    Args:
        type_: `Parameter.type`.
        text: the parameter after URL decoding.

    Raises:
        pydantic.ValidationError: not such a value.
    """
    return _adapter(type_).validate_strings(text)


@cache
def _adapter(type_: Any) -> TypeAdapter[Any]:
    if isinstance(type_, type) and issubclass(type_, WireModel):
        return TypeAdapter(type_)
    return TypeAdapter(type_, config=ConfigDict(strict=True, allow_inf_nan=False, hide_input_in_errors=True))
