"""Rules of what a task leaves as an XCom."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from tradewind.sdk.authoring.xcom import BaseXCom, use_xcom_settings, xcom_backend
from tradewind.sdk.exceptions import TradewindException, XComNotSerializableError
from tradewind.sdk.lazy_value import LazyValue
from tradewind.sdk.runtime.xcom_value import MAX_BYTES, XComPlace, xcom_key, xcom_value

PLACE = XComPlace("d", "r", "t", -1)
HERE = __name__


class Marking(BaseXCom):
    """Writes down where a value comes from."""

    @staticmethod
    def serialize_value(value: Any, **place: Any) -> Any:
        return {"of": place, "value": BaseXCom.serialize_value(value)}


class Careless(BaseXCom):
    """Gives back what is no JSON."""

    @staticmethod
    def serialize_value(value: Any, **_: Any) -> Any:
        return {"value": {value}}


@pytest.fixture(autouse=True)
def default_settings() -> Iterator[None]:
    yield
    use_xcom_settings(None)


def test_a_value_is_written_as_json() -> None:
    assert xcom_value({"a": (1,)}, PLACE, "k") == {"a": {"__type__": "tuple", "value": [1]}}


def test_a_value_of_the_context_that_is_looked_up_late_is_written_itself() -> None:
    assert xcom_value(LazyValue(lambda: dt.date(2026, 3, 1)), PLACE, "k") == {"__type__": "date", "value": "2026-03-01"}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"rows": [1, object()]}, r"value\['rows'\]\[1\] is of type builtins.object"),
        (float("nan"), "value is nan, which JSON does not have"),
        ("\ud800", "surrogates not allowed"),
    ],
)
def test_other_values_are_refused_with_task_key_place_and_type(value: Any, words: str) -> None:
    with pytest.raises(XComNotSerializableError, match=f"XCom 'k' of task 't' cannot be kept: .*{words}"):
        xcom_value(value, PLACE, "k")


def test_a_value_has_a_largest_size() -> None:
    assert xcom_value("x" * (MAX_BYTES - 2), PLACE, "k")
    with pytest.raises(XComNotSerializableError, match=f"has {MAX_BYTES + 1} bytes as JSON; at most {MAX_BYTES}"):
        xcom_value("x" * (MAX_BYTES - 1), PLACE, "k")


@pytest.mark.parametrize("key", ["", "x" * 513, 1, None])
def test_a_key_is_text_of_some_length(key: Any) -> None:
    with pytest.raises(XComNotSerializableError, match="a key is a string of 1 to 512 characters"):
        xcom_key(key, "t")


def test_a_back_end_is_told_where_a_value_comes_from() -> None:
    use_xcom_settings(f"{HERE}:Marking")
    assert xcom_value((1,), PLACE, "k") == {
        "of": {"key": "k", "dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1},
        "value": {"__type__": "tuple", "value": [1]},
    }


def test_what_a_back_end_makes_must_be_json() -> None:
    use_xcom_settings(f"{HERE}:Careless")
    with pytest.raises(XComNotSerializableError, match=r"value\['value'\] is of type builtins.set"):
        xcom_value(1, PLACE, "k")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no.such.module:Class", "cannot be imported: No module named 'no'"),
        (f"{HERE}:Nothing", "cannot be imported: .* has no attribute 'Nothing'"),
        (f"{HERE}:XComPlace", "is no subclass of BaseXCom"),
    ],
)
def test_a_back_end_that_is_none_is_named(name: str, words: str) -> None:
    use_xcom_settings(name)
    with pytest.raises(TradewindException, match=f"XCom back end .*{words}.*TRADEWIND_WORKER_XCOM_BACKEND"):
        xcom_backend()


def test_the_settings_of_one_task_are_not_those_of_the_next() -> None:
    use_xcom_settings(f"{HERE}:Marking")
    assert xcom_backend() is Marking
    use_xcom_settings(None)
    assert xcom_backend() is BaseXCom
