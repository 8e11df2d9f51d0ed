"""Values become JSON and come back as they were; what JSON has stays as it is."""

import collections
import datetime as dt
import decimal
import json
import pathlib
import uuid
import zoneinfo
from types import MappingProxyType
from typing import Any

import pendulum
import pytest

from tests.typed_values.shapes import Access, Colour, Derived, Level, Money, Name, Order, Outer, Point
from tradewind.sdk.dates import DateTime
from tradewind.sdk.typed_values import TYPE, ClassPatterns, read_value, write_value

VIENNA = zoneinfo.ZoneInfo("Europe/Vienna")
ALL = ClassPatterns(["*"])


def there_and_back(value: Any) -> Any:
    return read_value(json.loads(json.dumps(write_value(value), allow_nan=False)), ALL)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (None, None),
        (True, True),
        (2**80, 2**80),
        (1.5, 1.5),
        ("ü\n\0", "ü\n\0"),
        ([1, [None]], [1, [None]]),
        ({"a": {"b": [1]}}, {"a": {"b": [1]}}),
        (Name.ADA, "ada"),
        (Level.LOW, 1),
        (collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        ({Name.ADA: [Name.ADA]}, {"ada": ["ada"]}),
        (MappingProxyType({"a": 1}), {"a": 1}),
    ],
)
def test_what_json_has_stays_plain(value: Any, plain: Any) -> None:
    found = write_value(value)
    assert found == plain
    assert type(found) is type(plain)
    assert read_value(found, ClassPatterns()) == plain


@pytest.mark.parametrize(
    "value",
    [
        (1, ("a", None)),
        {1, 2, 3},
        frozenset({"a", ("b",)}),
        b"\0\xff",
        bytearray(b"x"),
        dt.datetime(2026, 3, 1, 6, 0, 0, 123456),  # noqa: DTZ001 - one without a zone comes back without one
        dt.datetime(2026, 3, 1, 6, tzinfo=dt.UTC),
        dt.datetime(2026, 3, 1, 6, tzinfo=dt.timezone(dt.timedelta(hours=-3, minutes=-30))),
        dt.datetime(2026, 3, 1, 6, tzinfo=VIENNA),
        dt.date(2026, 3, 1),
        dt.time(6, 1, 2, 3),
        dt.time(6, tzinfo=dt.timezone(dt.timedelta(hours=2))),
        dt.time(6, tzinfo=VIENNA),
        dt.timedelta(days=-1, seconds=5, microseconds=7),
        dt.timedelta.max,
        dt.UTC,
        dt.timezone(dt.timedelta(hours=5, minutes=45)),
        VIENNA,
        decimal.Decimal("1.10"),
        decimal.Decimal("-Infinity"),
        uuid.UUID("01890a5d-ac96-774b-bcce-b302099a8003"),
        pathlib.Path("a/b"),
        pathlib.PurePosixPath("/a"),
        pathlib.PureWindowsPath(r"C:\a"),
        {1: "a", (2, 3): {"b"}},
        {TYPE: "datetime", "value": "not one"},
        {"deep": [{"er": (dt.date(2026, 3, 1), [b"x"])}]},
        Colour.RED,
        Colour.PAIR,
        Access.READ | Access.WRITE,
        Order(1, Colour.RED, (Order(2, Colour.PAIR),)),
        Derived(1, 2),
        Outer.Inner(3),
        Money(199),
    ],
    ids=repr,
)
def test_other_values_come_back_as_they_were(value: Any) -> None:
    found = there_and_back(value)
    assert found == value
    assert type(found) is type(value)


def test_a_zone_keeps_its_name() -> None:
    assert str(there_and_back(dt.datetime(2026, 3, 1, tzinfo=VIENNA)).tzinfo) == "Europe/Vienna"


@pytest.mark.parametrize("fold", [0, 1])
def test_each_of_two_equal_times_of_an_autumn_night_comes_back(fold: int) -> None:
    moment = dt.datetime(2026, 10, 25, 2, 30, tzinfo=VIENNA, fold=fold)
    found = there_and_back(moment)
    assert (found.fold, found.utcoffset()) == (fold, moment.utcoffset())


@pytest.mark.parametrize(
    "moment", [pendulum.datetime(2026, 3, 1, tz="Europe/Vienna"), DateTime(2026, 3, 1, tzinfo=VIENNA)]
)
def test_a_date_with_the_methods_of_pendulum_comes_back_with_them(moment: Any) -> None:
    found = there_and_back(moment)
    assert found == dt.datetime(2026, 3, 1, tzinfo=VIENNA)
    assert (found.add(days=1).to_date_string(), found.timezone_name) == ("2026-03-02", "Europe/Vienna")
    assert type(there_and_back(dt.datetime(2026, 3, 1, tzinfo=VIENNA))) is dt.datetime


def test_a_duration_of_pendulum_comes_back_as_a_timedelta() -> None:
    found = there_and_back(pendulum.duration(days=8, hours=1))
    assert (type(found), found) == (dt.timedelta, dt.timedelta(days=8, hours=1))


def test_a_named_tuple_comes_back_as_a_tuple() -> None:
    assert there_and_back(Point(1, 2)) == (1, 2)


def test_a_set_is_written_in_the_same_order_in_every_process() -> None:
    assert write_value({"c", "a", "b"}) == {TYPE: "set", "value": ["a", "b", "c"]}


def test_the_form_of_a_value_is_what_the_guide_says() -> None:
    moment = dt.datetime(2026, 3, 1, 6, tzinfo=VIENNA)
    assert write_value(moment) == {TYPE: "datetime", "value": "2026-03-01T06:00:00+01:00", "zone": "Europe/Vienna"}
    assert write_value(Order(1, Colour.RED)) == {
        TYPE: "dataclass",
        "class": "tests.typed_values.shapes:Order",
        "value": {
            "number": 1,
            "colour": {TYPE: "enum", "class": "tests.typed_values.shapes:Colour", "value": "red"},
            "lines": {TYPE: "tuple", "value": []},
        },
    }
