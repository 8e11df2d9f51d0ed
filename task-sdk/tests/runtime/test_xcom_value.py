"""Rules of what can be an XCom."""

import collections
import datetime as dt
import enum
from typing import Any, NamedTuple

import pytest

from tradewind.sdk.exceptions import XComNotSerializableError
from tradewind.sdk.runtime.xcom_value import MAX_BYTES, xcom_value


class Colour(enum.StrEnum):
    RED = "red"


class Number(enum.IntEnum):
    ONE = 1


class Plain(enum.Enum):
    X = object()


class Point(NamedTuple):
    x: int
    y: int


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (None, None),
        (True, True),
        (5, 5),
        (2**80, 2**80),
        (1.5, 1.5),
        ("ü\n\0", "ü\n\0"),
        ((1, (2,)), [1, [2]]),
        (Point(1, 2), [1, 2]),
        (Colour.RED, "red"),
        (Number.ONE, 1),
        (collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        ({Colour.RED: [Colour.RED]}, {"red": ["red"]}),
    ],
)
def test_json_values_are_brought_into_plain_form(value: Any, plain: Any) -> None:
    found = xcom_value(value, "t", "k")
    assert found == plain
    assert type(found) is type(plain)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"rows": [1, dt.datetime(2024, 1, 1, tzinfo=dt.UTC)]}, r"value\['rows'\]\[1\] is of type datetime.datetime"),
        (b"x", "value is of type builtins.bytes"),
        ({1, 2}, "value is of type builtins.set"),
        (Plain.X, "value is of type Plain"),
        (float("nan"), "value is nan, which JSON does not have"),
        ([float("inf")], r"value\[0\] is inf"),
        ({1: 2}, "a key of value is 1, of type int"),
        ("\ud800", "surrogates not allowed"),
        ((letter for letter in "x"), "value is of type builtins.generator"),
    ],
)
def test_other_values_are_refused_with_task_key_place_and_type(value: Any, words: str) -> None:
    with pytest.raises(XComNotSerializableError, match=f"XCom 'k' of task 't' cannot be kept: .*{words}"):
        xcom_value(value, "t", "k")


def test_a_value_that_contains_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(XComNotSerializableError, match="contains itself"):
        xcom_value(value, "t", "k")


def test_a_value_has_a_largest_size() -> None:
    assert xcom_value("x" * (MAX_BYTES - 2), "t", "k")
    with pytest.raises(XComNotSerializableError, match=f"has {MAX_BYTES + 1} bytes as JSON; at most {MAX_BYTES}"):
        xcom_value("x" * (MAX_BYTES - 1), "t", "k")
