"""Values of attrs, pydantic, NumPy and pandas come back as they were."""

import datetime as dt
import json
import subprocess
import sys
from typing import Any

import pytest

from tests.values.shapes import Numbers, Point, Strict, Track, customer
from tradewind.sdk.typed_values import ClassPatterns, Unwritable, read_value, write_value


def there_and_back(value: Any) -> Any:
    return read_value(json.loads(json.dumps(write_value(value), allow_nan=False)), ClassPatterns(["tests.values.*"]))


@pytest.mark.parametrize(
    "value",
    [Point(1, 2), Track((Point(1), Point(2, 3))), customer(), Strict(when=dt.date(2026, 3, 1)), Numbers([1, 2])],
    ids=lambda value: type(value).__name__,
)
def test_classes_of_attrs_and_pydantic(value: Any) -> None:
    found = there_and_back({"deep": [value]})["deep"][0]
    assert found == value
    assert type(found) is type(value)


def test_no_library_is_imported_to_look_for_a_value() -> None:
    program = (
        "import sys; from tradewind.sdk.typed_values import write_value; write_value([(1,), {2}, b'x'])\n"
        "print(*({'numpy', 'pandas', 'pydantic', 'attr', 'attrs', 'decimal', 'uuid', 'zoneinfo'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert answer.stdout.split() == []


def test_scalars_and_arrays_of_numpy() -> None:
    np = pytest.importorskip("numpy")
    for value in (
        np.int64(5),
        np.bool_(True),
        np.float32(0.1),
        np.float32("nan"),
        np.complex128(1 + 2j),
        np.datetime64("2026-03-01T06:00:00.000000001"),
    ):
        found = there_and_back(value)
        assert type(found) is type(value)
        np.testing.assert_equal(found, value)
    for array in (
        np.arange(6, dtype="<i2").reshape(2, 3),
        np.array([1.5, float("nan")]),
        np.array(["a", "bc"]),
        np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")]),
        np.array(5),
        np.zeros((0, 3)),
    ):
        found = there_and_back(array)
        np.testing.assert_array_equal(found, array)
        assert (found.dtype, found.shape) == (array.dtype, array.shape)
    with pytest.raises(Unwritable, match="value is an array of Python objects"):
        write_value(np.array([object()]))
    assert write_value(np.float64(1.5)) == 1.5


def test_tables_of_pandas() -> None:
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame(
        {
            "number": [1, 2, 3],
            "part": [0.5, None, 1.5],
            "text": ["a", None, "c"],
            "flag": [True, False, True],
            "moment": pd.to_datetime(["2026-03-01", "2026-03-02", None]),
            "local": pd.to_datetime(["2026-03-29T01:00", "2026-03-29T03:00", "2026-03-30T00:00"]).tz_localize(
                "Europe/Vienna"
            ),
            "maybe": pd.array([1, None, 3], dtype="Int64"),
            "kind": pd.Categorical(["x", "y", "x"], categories=["y", "x"], ordered=True),
            "mixed": pd.Series([dt.date(2026, 3, 1), (1, 2), "x"], dtype=object),
        }
    )
    for one in (
        table,
        table.set_index("text"),
        table.set_index(["number", "text"]),
        table.set_axis([f"c{number}" for number in range(9)], axis=1).T.iloc[:3].astype(object).fillna("missing"),
        pd.DataFrame({("a", 1): [1], ("a", 2): [2]}),
        pd.DataFrame({"a": [1, 2]}, index=pd.RangeIndex(2, 6, 2, name="step")),
        pd.DataFrame([[1, 2]], columns=["same", "same"]),
        pd.DataFrame(),
    ):
        pd.testing.assert_frame_equal(there_and_back(one), one)
    for series in (table["kind"], table["local"], pd.Series([1, 2], index=["a", "b"], name=("x", 1))):
        pd.testing.assert_series_equal(there_and_back(series), series)
