"""Series and tables of pandas, column by column: arrays where NumPy has the type, lists of values where it has not."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Final

from tradewind.sdk.typed_values import array_kinds
from tradewind.sdk.typed_values.kinds import FindClass, Kind, Read, Write


def _write_column(column: Any, place: str, write: Write) -> Mapping[str, Any]:
    """The values of a series or an index."""
    pd = _pandas()
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        categorical = pd.Categorical(column)
        return {
            "codes": array_kinds.array_text(categorical.codes, place),
            "categories": _write_column(categorical.categories, place, write),
            "ordered": bool(categorical.ordered),
        }
    if isinstance(dtype, pd.DatetimeTZDtype):
        moments = pd.Series(column).dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
        return {"npy": array_kinds.array_text(moments, place), "zone": str(dtype.tz)}
    if dtype.kind in "biufcmM" and not pd.api.types.is_extension_array_dtype(dtype):
        return {"npy": array_kinds.array_text(column.to_numpy(), place)}
    values = [_or_none(item) for item in column]
    return {
        "dtype": str(dtype),
        "values": [write(item, f"{place}[{number}]") for number, item in enumerate(values)],
    }


def _or_none(item: Any) -> Any:
    """None for what pandas holds to be missing: NaN, NaT and NA are no values of JSON."""
    pd = _pandas()
    return None if pd.api.types.is_scalar(item) and pd.isna(item) else item


def _read_column(plain: Mapping[str, Any], read: Read) -> Any:
    pd = _pandas()
    if "codes" in plain:
        categories = pd.Index(_read_column(plain["categories"], read))
        codes = array_kinds.array_from_text(plain["codes"])
        return pd.Series(pd.Categorical.from_codes(codes, categories=categories, ordered=plain["ordered"]))
    if "npy" in plain:
        series = pd.Series(array_kinds.array_from_text(plain["npy"]))
        return series.dt.tz_localize("UTC").dt.tz_convert(plain["zone"]) if "zone" in plain else series
    return pd.Series([read(item) for item in plain["values"]], dtype=plain["dtype"])


def _write_index(index: Any, place: str, write: Write) -> Mapping[str, Any]:
    pd = _pandas()
    names = [write(name, f"a name of {place}") for name in index.names]
    if isinstance(index, pd.RangeIndex):
        return {"range": [index.start, index.stop, index.step], "names": names}
    if isinstance(index, pd.MultiIndex):
        columns = [index.get_level_values(number) for number in range(index.nlevels)]
        return {"levels": [_write_column(column, place, write) for column in columns], "names": names}
    return {"column": _write_column(index, place, write), "names": names}


def _read_index(plain: Mapping[str, Any], read: Read) -> Any:
    pd = _pandas()
    names = [read(name) for name in plain["names"]]
    if "range" in plain:
        return pd.RangeIndex(*plain["range"], name=names[0])
    if "levels" in plain:
        return pd.MultiIndex.from_arrays([_read_column(level, read) for level in plain["levels"]], names=names)
    return pd.Index(_read_column(plain["column"], read), name=names[0])


def _write_series(value: Any, place: str, write: Write) -> Mapping[str, Any]:
    return {
        "name": write(value.name, f"the name of {place}"),
        "index": _write_index(value.index, f"the index of {place}", write),
        "column": _write_column(value, place, write),
    }


def _read_series(plain: Mapping[str, Any], read: Read, _: FindClass) -> Any:
    series = _read_column(plain["column"], read)
    series.index = _read_index(plain["index"], read)
    series.name = read(plain["name"])
    return series


def _write_frame(value: Any, place: str, write: Write) -> Mapping[str, Any]:
    columns = [
        _write_column(value.iloc[:, number], f"column {value.columns[number]!r} of {place}", write)
        for number in range(value.shape[1])
    ]
    return {
        "names": _write_index(value.columns, f"the columns of {place}", write),
        "index": _write_index(value.index, f"the index of {place}", write),
        "columns": columns,
    }


def _read_frame(plain: Mapping[str, Any], read: Read, _: FindClass) -> Any:
    pd = _pandas()
    index = _read_index(plain["index"], read)
    columns = dict(enumerate(_read_column(column, read).set_axis(index) for column in plain["columns"]))
    frame = pd.DataFrame(columns, index=index)
    frame.columns = _read_index(plain["names"], read)
    return frame


def _pandas() -> Any:
    return importlib.import_module("pandas")


_FRAME: Final = Kind("pandas.DataFrame", _write_frame, _read_frame)
_SERIES: Final = Kind("pandas.Series", _write_series, _read_series)

BY_CLASS: Final[dict[str, Kind]] = {
    **array_kinds.BY_CLASS,
    "pandas.core.frame.DataFrame": _FRAME,
    "pandas.core.series.Series": _SERIES,
    # pandas 3 names its classes as they are imported.
    "pandas.DataFrame": _FRAME,
    "pandas.Series": _SERIES,
}
