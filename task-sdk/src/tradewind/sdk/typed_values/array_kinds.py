"""Scalars and arrays of NumPy, in the format of its `.npy` files, which other languages read too."""

from __future__ import annotations

import base64
import importlib
import io
import math
from collections.abc import Mapping
from typing import Any, Final

from tradewind.sdk.typed_values.kinds import FindClass, Kind, Read, Unwritable, Write


def array_text(value: Any, place: str) -> str:
    """An array as a `.npy` file in Base64.

    Raises:
        Unwritable: it holds Python objects, which only `pickle` could write.
    """
    np = _numpy()
    if value.dtype.hasobject:
        raise Unwritable(f"{place} is an array of Python objects; make it a list or give it a type of its own")
    buffer = io.BytesIO()
    np.save(buffer, value, allow_pickle=False)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def array_from_text(text: str) -> Any:
    """The array in a `.npy` file in Base64."""
    return _numpy().load(io.BytesIO(base64.b64decode(text, validate=True)), allow_pickle=False)


def _write_array(value: Any, place: str, _: Write) -> Mapping[str, Any]:
    return {"dtype": str(value.dtype), "shape": list(value.shape), "npy": array_text(value, place)}


def _read_array(plain: Mapping[str, Any], _: Read, __: FindClass) -> Any:
    return array_from_text(plain["npy"])


def _write_scalar(value: Any, place: str, _: Write) -> Mapping[str, Any]:
    dtype, item = value.dtype, value.item()
    is_number = dtype.kind in "biu" or (dtype.kind == "f" and dtype.itemsize <= 8 and math.isfinite(item))
    if is_number:
        return {"dtype": str(dtype), "value": item}
    return {"dtype": str(dtype), "npy": array_text(_numpy().asarray(value), place)}


def _read_scalar(plain: Mapping[str, Any], _: Read, __: FindClass) -> Any:
    if "npy" in plain:
        return array_from_text(plain["npy"])[()]
    return _numpy().dtype(plain["dtype"]).type(plain["value"])


def _numpy() -> Any:
    # Not by a statement: the SDK does not need NumPy, and checkers of types would miss it where it is not installed.
    return importlib.import_module("numpy")


BY_CLASS: Final[dict[str, Kind]] = {
    "numpy.ndarray": Kind("numpy.array", _write_array, _read_array),
    "numpy.generic": Kind("numpy.scalar", _write_scalar, _read_scalar),
}
