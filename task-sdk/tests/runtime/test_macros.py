"""Rules of the macros, as templates and Python code use them."""

import datetime as dt
import sys

import pytest

from tradewind.sdk import macros
from tradewind.sdk.authoring.macros_accessor import MacrosAccessor


def test_days_are_added_to_a_date() -> None:
    assert macros.ds_add("2024-02-28", 2) == "2024-03-01"
    assert macros.ds_add("2024-01-01", -1) == "2023-12-31"
    assert macros.ds_add("2024-01-01", 0) == "2024-01-01"


def test_a_date_is_written_in_another_form() -> None:
    assert macros.ds_format("2024-03-01", "%Y-%m-%d", "%m/%d/%y") == "03/01/24"


def test_a_distance_is_told_in_words() -> None:
    day = dt.datetime(2024, 3, 1, tzinfo=dt.UTC)
    assert macros.datetime_diff_for_humans(day, since="2024-03-08") == "1 week before"
    assert macros.datetime_diff_for_humans([day, day + dt.timedelta(days=1)], since=day) == "1 day after"
    assert macros.datetime_diff_for_humans("2000-01-01").endswith("years ago")


def test_the_accessor_has_what_the_module_has() -> None:
    for name in ("datetime", "timedelta", "time", "uuid", "random", "json", "ds_add"):
        assert getattr(MacrosAccessor(), name) is getattr(macros, name)
    assert 0 <= macros.random() < 1
    assert macros.dateutil.parser.parse("2024-03-01").day == 1
    with pytest.raises(AttributeError, match="macros has no 'nonsense'; it has .*ds_add"):
        _ = MacrosAccessor().nonsense


def test_a_macro_that_needs_a_package_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "babel.dates", None)
    with pytest.raises(ModuleNotFoundError, match="pip install Babel"):
        macros.ds_format_locale("2024-03-01", "%Y-%m-%d", "EEEE")
