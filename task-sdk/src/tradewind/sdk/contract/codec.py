"""The one way between JSON and the models of the contract."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

if TYPE_CHECKING:
    from typing_extensions import TypeForm

__all__ = ["UNSET", "decode", "encode", "from_plain", "to_plain"]

T = TypeVar("T")

UNSET = msgspec.UNSET
"""An optional property of any JSON value that is absent; `None` there is JSON's null."""

_encoder = msgspec.json.Encoder()


def decode(type_: TypeForm[T], data: bytes | str) -> T:
    """The value of a contract type in a JSON text; properties that this version does not know are passed over.

    Args:
        type_: a model, union or other type of the contract.
        data: JSON in UTF-8.

    Raises:
        msgspec.DecodeError: no JSON, or (`msgspec.ValidationError`) not such a value; the message names the place.
    """
    form: Any = type_
    value: T = _decoder(form).decode(data)
    return value


def encode(value: msgspec.Struct) -> bytes:
    """The JSON text of a model: optional properties that are absent are left out, everything else is written.

    A float that is not finite has no JSON form and would be written as null: whoever takes values from users refuses
    those before.
    """
    return _encoder.encode(value)


def to_plain(value: msgspec.Struct) -> dict[str, Any]:
    """The model as the objects that `json.loads(encode(value))` gives."""
    plain: dict[str, Any] = msgspec.to_builtins(value)
    return plain


def from_plain(type_: TypeForm[T], plain: Any) -> T:
    """The value of a contract type in what `json.loads` gave.

    Raises:
        msgspec.ValidationError: not such a value; the message names the place.
    """
    form: Any = type_
    value: T = msgspec.convert(plain, form)
    return value


@cache
def _decoder(type_: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(type_)
