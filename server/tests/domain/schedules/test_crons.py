"""Cron expressions on wall clocks that are set forward and back."""

from datetime import UTC, datetime, timedelta

import pytest

from tradewind.server.domain.schedules.crons import PRESETS, Cron, cron
from tradewind.server.domain.schedules.moments import NoMoreMoments
from tradewind.server.domain.schedules.wall_clock import wall_time, zone

VIENNA, NEW_YORK = "Europe/Vienna", "America/New_York"
LORD_HOWE = "Australia/Lord_Howe"
"""Its clock is set by half an hour."""


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def forward(series: Cron, since: datetime, number: int) -> list[datetime]:
    found = [since]
    for _ in range(number):
        found.append(series.next(found[-1]))
    return found[1:]


def backward(series: Cron, since: datetime, number: int) -> list[datetime]:
    found = [since]
    for _ in range(number):
        found.append(series.previous(found[-1]))
    return found[1:]


def shown(text: str, timezone: str, since: str, number: int) -> list[str]:
    """What the wall clock shows, with its offset, at the next moments."""
    moments = forward(cron(text, timezone), at(since), number)
    return [moment.astimezone(zone(timezone)).isoformat(timespec="minutes") for moment in moments]


def by_walking(text: str, timezone: str, begin: datetime, end: datetime) -> list[datetime]:
    """The moments of an expression by the definition alone: look at the clock every minute."""
    series, place = cron(text, timezone), zone(timezone)
    every_hour = text.split()[1] in {"*", "0-23", "*/1"}
    minutes = int((end - begin) / timedelta(minutes=1)) + 4 * 1440
    walk = [begin - timedelta(days=2) + timedelta(minutes=number) for number in range(minutes)]
    shown_at: dict[datetime, list[datetime]] = {}
    for moment in walk:
        shown_at.setdefault(wall_time(moment, place), []).append(moment)
    found: set[datetime] = set()
    jumps: set[datetime] = set()
    for wall in _walls(series.text, begin, end):
        if wall < min(shown_at):
            continue
        if every_hour:
            found.update(shown_at.get(wall, []))
        elif wall in shown_at:
            found.add(shown_at[wall][-1])
        else:
            before = max(shown for shown in shown_at if shown < wall)
            if before in jumps:
                continue
            jumps.add(before)
            found.add(shown_at[before][-1] + (wall - before))
    return sorted(moment for moment in found if begin < moment < end)


def _walls(text: str, begin: datetime, end: datetime) -> list[datetime]:
    """Times on a clock without jumps."""
    series = Cron(text, zone("UTC"))
    found, moment = [], begin - timedelta(days=2)
    while moment < end + timedelta(days=1):
        moment = series.next(moment)
        found.append(moment.replace(tzinfo=None))
    return found


@pytest.mark.parametrize(
    "text", ["30 2 * * *", "*/15 2 * * *", "0,30 1-3 * * *", "30 * * * *", "7 */2 * * *", "5 0 * * *"]
)
@pytest.mark.parametrize(
    ("timezone", "begin"),
    [
        (VIENNA, "2026-03-28T20:00"),
        (VIENNA, "2026-10-24T20:00"),
        (NEW_YORK, "2026-03-08T00:00"),
        (NEW_YORK, "2026-11-01T00:00"),
        (LORD_HOWE, "2026-04-04T10:00"),
        (LORD_HOWE, "2026-10-03T10:00"),
        ("Africa/Cairo", "2026-04-23T15:00"),  # midnight does not exist
        ("Africa/Cairo", "2026-10-29T15:00"),  # the last hour of a day comes twice
        ("America/Havana", "2026-11-01T00:00"),  # the first hour of a day comes twice
    ],
)
def test_moments_are_those_of_somebody_who_looks_at_the_clock_every_minute(
    text: str, timezone: str, begin: str
) -> None:
    first, last = at(begin), at(begin) + timedelta(hours=18)
    expected = by_walking(text, timezone, first, last)
    series = cron(text, timezone)
    found = forward(series, first, len(expected) + 1)
    assert found[:-1] == expected
    assert found[-1] >= last
    assert backward(series, last, len(expected)) == expected[::-1]
    assert all(series.at_or_before(moment) == moment == series.at_or_after(moment) for moment in expected)


@pytest.mark.parametrize("timezone", [VIENNA, NEW_YORK, LORD_HOWE])
@pytest.mark.parametrize("begin", ["2026-03-08T01:00", "2026-03-29T00:10", "2026-10-25T00:20", "2026-11-01T05:01"])
def test_every_moment_has_one_before_and_one_after_it(timezone: str, begin: str) -> None:
    for text in ("30 2 * * *", "*/10 * * * *", "0 */3 * * *"):
        series = cron(text, timezone)
        for minutes in range(0, 200, 7):
            moment = at(begin) + timedelta(minutes=minutes)
            assert series.next(series.previous(moment)) == series.at_or_after(moment)
            assert series.previous(series.next(moment)) == series.at_or_before(moment)


def test_a_time_that_the_clock_jumps_over_is_as_long_after_the_jump_as_without() -> None:
    assert shown("30 2 * * *", VIENNA, "2026-03-27T12:00", 3) == [
        "2026-03-28T02:30+01:00",
        "2026-03-29T03:30+02:00",
        "2026-03-30T02:30+02:00",
    ]
    assert shown("30 2 * * *", NEW_YORK, "2026-03-07T12:00", 2) == ["2026-03-08T03:30-04:00", "2026-03-09T02:30-04:00"]
    assert shown("0 0 * * *", "Africa/Cairo", "2026-04-23T12:00", 2) == [
        "2026-04-24T01:00+03:00",
        "2026-04-25T00:00+03:00",
    ]


def test_of_several_times_that_the_clock_jumps_over_the_first_counts() -> None:
    assert shown("10,40 2 * * *", VIENNA, "2026-03-28T12:00", 2) == ["2026-03-29T03:10+02:00", "2026-03-30T02:10+02:00"]
    series = cron("10,40 */2 * * *", VIENNA)
    assert backward(series, at("2026-03-29T03:00"), 2) == [at("2026-03-29T02:40"), at("2026-03-29T02:10")]
    assert backward(series, at("2026-03-29T02:10"), 2) == [at("2026-03-29T01:10"), at("2026-03-28T23:40")]


def test_a_time_that_the_clock_jumps_over_and_one_that_it_shows_are_one_moment() -> None:
    assert shown("*/15 2,3 * * *", VIENNA, "2026-03-29T00:00", 5) == [
        "2026-03-29T03:00+02:00",
        "2026-03-29T03:15+02:00",
        "2026-03-29T03:30+02:00",
        "2026-03-29T03:45+02:00",
        "2026-03-30T02:00+02:00",
    ]


def test_a_jump_of_half_an_hour_may_change_the_order_of_times() -> None:
    assert shown("15,35 2 * * *", LORD_HOWE, "2026-10-03T12:00", 3) == [
        "2026-10-04T02:35+11:00",
        "2026-10-04T02:45+11:00",
        "2026-10-05T02:15+11:00",
    ]


def test_a_fixed_time_that_comes_twice_counts_the_second_time() -> None:
    assert shown("30 2 * * *", VIENNA, "2026-10-24T12:00", 2) == ["2026-10-25T02:30+01:00", "2026-10-26T02:30+01:00"]
    assert shown("30 1 * * *", NEW_YORK, "2026-10-31T12:00", 2) == ["2026-11-01T01:30-05:00", "2026-11-02T01:30-05:00"]
    assert shown("0 */2 * * *", VIENNA, "2026-10-24T22:30", 2) == ["2026-10-25T02:00+01:00", "2026-10-25T04:00+01:00"]


def test_an_expression_for_every_hour_fires_in_both_of_two_equal_hours() -> None:
    assert shown("30 * * * *", VIENNA, "2026-10-24T23:00", 4) == [
        "2026-10-25T01:30+02:00",
        "2026-10-25T02:30+02:00",
        "2026-10-25T02:30+01:00",
        "2026-10-25T03:30+01:00",
    ]
    assert shown("30 0-23 * * *", NEW_YORK, "2026-11-01T04:40", 3) == [
        "2026-11-01T01:30-04:00",
        "2026-11-01T01:30-05:00",
        "2026-11-01T02:30-05:00",
    ]


def test_an_expression_for_every_hour_leaves_out_an_hour_that_does_not_exist() -> None:
    assert shown("30 * * * *", VIENNA, "2026-03-29T00:00", 2) == ["2026-03-29T01:30+01:00", "2026-03-29T03:30+02:00"]


def test_a_daily_run_keeps_its_time_on_the_wall_clock_across_the_year() -> None:
    moments = forward(cron("0 9 * * *", VIENNA), at("2025-12-31T20:00"), 365)
    assert {wall_time(moment, zone(VIENNA)).time().isoformat() for moment in moments} == {"09:00:00"}
    assert {moment.hour for moment in moments} == {7, 8}


def test_moments_with_fractions_of_a_second_lie_between_others() -> None:
    series = cron("* * * * *", "UTC")
    moment = at("2026-01-01T12:00:00.000001")
    assert (series.previous(moment), series.next(moment)) == (at("2026-01-01T12:00"), at("2026-01-01T12:01"))
    before = at("2026-01-01T11:59:59.999999")
    assert (series.previous(before), series.next(before)) == (at("2026-01-01T11:59"), at("2026-01-01T12:00"))


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("@hourly", "2026-05-20T14:00"),
        ("@daily", "2026-05-21T00:00"),
        ("@midnight", "2026-05-21T00:00"),
        ("@weekly", "2026-05-24T00:00"),
        ("@monthly", "2026-06-01T00:00"),
        ("@quarterly", "2026-07-01T00:00"),
        ("@yearly", "2027-01-01T00:00"),
        ("@annually", "2027-01-01T00:00"),
        (" @Daily ", "2026-05-21T00:00"),
    ],
)
def test_presets_stand_for_expressions(preset: str, expected: str) -> None:
    assert cron(preset, "UTC").next(at("2026-05-20T13:37")) == at(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 0 31 * *", ["2026-01-31", "2026-03-31", "2026-05-31"]),
        ("0 0 29 2 *", ["2028-02-29", "2032-02-29", "2036-02-29"]),
        ("0 0 L * *", ["2026-01-31", "2026-02-28", "2026-03-31"]),
        ("0 0 * * 5#2", ["2026-01-09", "2026-02-13", "2026-03-13"]),
        ("0 0 * * 5L", ["2026-01-30", "2026-02-27", "2026-03-27"]),
        ("0 0 * * L5", ["2026-01-30", "2026-02-27", "2026-03-27"]),
        ("0 0 1 * 1", ["2026-01-05", "2026-01-12", "2026-01-19"]),  # day of month or day of week
        ("0 0 */10 * 6", ["2026-01-03", "2026-01-10", "2026-01-11"]),  # the same
        ("0 0 ? * MON-FRI", ["2026-01-02", "2026-01-05", "2026-01-06"]),
        ("0 0 1-31 * sun", ["2026-01-02", "2026-01-03", "2026-01-04"]),  # every day, or a Sunday
        ("0 0 13 * 0-6", ["2026-01-02", "2026-01-03", "2026-01-04"]),  # the thirteenth, or any day of a week
        ("0 0 13 * *", ["2026-01-13", "2026-02-13", "2026-03-13"]),
        (
            "0 0 1-31 * */6",
            ["2026-01-03", "2026-01-04", "2026-01-10"],
        ),  # an asterisk in the other field counts alone
        ("0 0 1,* * sun", ["2026-01-04", "2026-01-11", "2026-01-18"]),  # an asterisk anywhere allows everything
        ("0 0 * * FRI-MON", ["2026-01-02", "2026-01-03", "2026-01-04"]),
        ("0 0 1 NOV-FEB *", ["2026-02-01", "2026-11-01", "2026-12-01"]),
        ("0 0 * * 7", ["2026-01-04", "2026-01-11", "2026-01-18"]),
    ],
)
def test_days_are_chosen_as_in_airflow(text: str, expected: list[str]) -> None:
    found = forward(cron(text, "UTC"), at("2026-01-01T12:00"), 3)
    assert [moment.date().isoformat() for moment in found] == expected


def test_hours_may_go_over_midnight() -> None:
    hours = [moment.hour for moment in forward(cron("0 22-2 * * *", "UTC"), at("2026-01-01T12:00"), 5)]
    assert hours == [22, 23, 0, 1, 2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("* * * *", "has 4 fields; write minute, hour"),
        ("* * * * * *", "has 6 fields"),
        ("", "has 0 fields"),
        ("@fortnightly", "is no preset"),
        ("61 * * * *", "bad minute"),
        ("* 24 * * *", "bad hour"),
        ("* * 0 * *", "bad day-of-month"),
        ("* * * 13 *", "bad month"),
        ("* * * * 8", "bad day-of-week"),
        ("a b c d e", "bad minute"),
        ("*/0 * * * *", "bad minute"),
        ("0 0 31 2 *", "bad day-of-month"),
        ("0 0 31 4,6 ?", "bad day-of-month"),
    ],
)
def test_an_expression_that_cannot_be_is_refused_with_the_reason(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        cron(text, "UTC")
    assert repr(text) in str(refused.value)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../UTC", "Europe", "CEST+2\0", "/etc/passwd"])
def test_an_unknown_time_zone_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(ValueError, match="timezone .* is not in the IANA time zone database"):
        cron("0 0 * * *", name)


def test_nothing_comes_after_the_calendar() -> None:
    with pytest.raises(OverflowError):
        cron("0 0 1 1 *", "UTC").next(datetime(9999, 6, 1, tzinfo=UTC))
    with pytest.raises(OverflowError):
        cron("0 0 1 12 *", VIENNA).previous(datetime(1, 1, 2, tzinfo=UTC))
    assert issubclass(NoMoreMoments, OverflowError)


def test_every_preset_can_be_described() -> None:
    assert {cron(preset, "UTC").describe() for preset in PRESETS} == {
        "At the start of every hour",
        "At 00:00 every day",
        "At 00:00 on Sunday",
        "At 00:00 on the first day of every month",
        "At 00:00 on the first day of every third month",
        "At 00:00 on January 1",
    }
