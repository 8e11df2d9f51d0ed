"""What cannot be written, and what may not be read."""

import dataclasses
import sys
from typing import Any

import pytest

from tests.typed_values.shapes import Opaque, Order, WithInitVar
from tradewind.sdk.typed_values import TYPE, ClassPatterns, Unreadable, Unwritable, check_json, read_value, write_value

ORDER = "tests.typed_values.shapes:Order"
RED = {TYPE: "enum", "class": "tests.typed_values.shapes:Colour", "value": "red"}


@dataclasses.dataclass
class Nested:
    inner: Any


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (float("nan"), "value is nan, which JSON does not have; use None"),
        ([float("inf")], r"value\[0\] is inf"),
        ({"rows": [1, Opaque()]}, r"value\['rows'\]\[1\] is of type tests\.typed_values\.shapes\.Opaque"),
        ({1: Opaque()}, r"value\[1\] is of type"),
        (Nested(Opaque()), r"value\.inner is of type"),
        ((letter for letter in "x"), "value is of type builtins.generator"),
        (Order, "value is of type builtins.type"),
        (WithInitVar(1), "which has fields of InitVar"),
    ],
)
def test_a_value_without_a_form_is_refused_with_place_and_type(value: Any, words: str) -> None:
    with pytest.raises(Unwritable, match=words):
        write_value(value)


def test_a_class_inside_a_function_is_refused() -> None:
    @dataclasses.dataclass
    class Local:
        value: int

    with pytest.raises(Unwritable, match="a class inside a function, which no other process finds"):
        write_value(Local(1))


def test_a_value_that_contains_itself_is_refused() -> None:
    value: list[Any] = []
    value.append((value,))
    with pytest.raises(Unwritable, match="contains itself"):
        write_value(value)


@pytest.mark.parametrize("value", [{1: 2}, (1,), b"x", float("nan"), {"a": {1}}])
def test_what_a_back_end_makes_must_be_json(value: Any) -> None:
    with pytest.raises(Unwritable):
        check_json(value)
    assert check_json({TYPE: "mine", "a": [1]}) == {TYPE: "mine", "a": [1]}


@pytest.mark.parametrize(
    "patterns", [[], ["tests.typed_values.shapes"], ["*.Colour"], ["tests.typed_values.shape?.Or"]]
)
def test_a_class_that_is_not_allowed_is_not_read(patterns: list[str]) -> None:
    with pytest.raises(Unreadable, match="it is a tests.typed_values.shapes.Order, and this class is not among"):
        read_value(write_value(Order(1, lines=(), colour=None)), ClassPatterns(patterns))  # type: ignore[arg-type]


def test_a_class_that_is_not_allowed_is_not_even_imported() -> None:
    module = "antigravity"
    assert module not in sys.modules
    with pytest.raises(Unreadable):
        read_value({TYPE: "dataclass", "class": f"{module}:Fly", "value": {}}, ClassPatterns(["acme.*"]))
    assert module not in sys.modules


@pytest.mark.parametrize(
    "patterns", [["*"], ["tests.*"], ["tests.typed_values.shapes.Order", "tests.typed_values.shapes.Colour"]]
)
def test_an_allowed_class_is_read(patterns: list[str]) -> None:
    plain = {TYPE: "dataclass", "class": ORDER, "value": {"number": 1, "colour": RED}}
    assert read_value(plain, ClassPatterns(patterns)).number == 1


@pytest.mark.parametrize(
    ("plain", "words"),
    [
        ({TYPE: "lunar"}, "kind 'lunar', which this version of the SDK does not know"),
        ({TYPE: "datetime"}, "it is no datetime: KeyError"),
        ({TYPE: "datetime", "value": "yesterday"}, "it is no datetime: ValueError"),
        ({TYPE: "bytes", "value": "*"}, "it is no bytes"),
        ({TYPE: "decimal", "value": "x"}, "it is no decimal"),
        ({TYPE: "dataclass", "class": "no.such:Thing", "value": {}}, "class no.such.Thing cannot be imported here"),
        ({TYPE: "dataclass", "class": "tests.typed_values.shapes:Gone", "value": {}}, "cannot be imported here"),
        ({TYPE: "dataclass", "class": "tests.typed_values.shapes:NOT_A_CLASS", "value": {}}, "is no class"),
        ({TYPE: "dataclass", "class": "tests.typed_values.shapes:Opaque", "value": {}}, "is no dataclass any more"),
        ({TYPE: "dataclass", "class": ORDER, "value": {"weight": 1}}, "it is no dataclass: TypeError"),
        ({TYPE: "enum", "class": "tests.typed_values.shapes:Colour", "value": "blue"}, "it is no enum: ValueError"),
    ],
)
def test_json_that_cannot_be_rebuilt_says_why(plain: Any, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        read_value([plain], ClassPatterns(["*"]))


def test_an_object_whose_type_is_no_word_is_a_dict() -> None:
    assert read_value({TYPE: 5, "a": 1}, ClassPatterns()) == {TYPE: 5, "a": 1}
