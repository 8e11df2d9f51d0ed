"""Rules of the days of the week."""

import pytest

from tradewind.sdk.standard.utils.weekday import WeekDay


def test_days_have_their_iso_numbers() -> None:
    assert [day.value for day in WeekDay] == [1, 2, 3, 4, 5, 6, 7]
    assert WeekDay.get_weekday_number("Sunday") == WeekDay.convert("sunday") == WeekDay.convert(WeekDay.SUNDAY) == 7


def test_one_day_or_several_are_a_set() -> None:
    assert WeekDay.validate_week_day("Monday") == WeekDay.validate_week_day(WeekDay.MONDAY) == {1}
    assert WeekDay.validate_week_day(["Monday", WeekDay.FRIDAY]) == {1, 5}


def test_what_is_no_day_is_refused() -> None:
    with pytest.raises(AttributeError, match="'Someday' is no day of the week; these are Monday, "):
        WeekDay.validate_week_day({"Someday"})
    with pytest.raises(TypeError, match="not 3"):
        WeekDay.validate_week_day(3)  # type: ignore[arg-type]  # what is tested
