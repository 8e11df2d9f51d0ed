"""Which run follows: what Airflow 3 answers in the same situation."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from tradewind.server.contract import (
    ContinuousTimetable,
    CronDataIntervalTimetable,
    CronTriggerTimetable,
    Delta,
    DeltaDataIntervalTimetable,
    DeltaTriggerTimetable,
    OnceTimetable,
    Timetable,
)
from tradewind.server.domain.schedules import NextRun, Schedule, next_run

HOUR = 3600.0
DAY = 86_400.0


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def maybe(text: str | None) -> datetime | None:
    return None if text is None else at(text)


def trigger(
    *crons: str,
    timezone: str = "UTC",
    interval: Delta | None = None,
    run_immediately: bool = False,
    run_immediately_seconds: float | None = None,
) -> Timetable:
    return CronTriggerTimetable(
        crons=list(crons),
        timezone=timezone,
        interval=interval,
        run_immediately=run_immediately,
        run_immediately_seconds=run_immediately_seconds,
    )


def interval(cron: str, timezone: str = "UTC") -> Timetable:
    return CronDataIntervalTimetable(cron=cron, timezone=timezone)


def every(seconds: float = 0.0, months: int = 0) -> Timetable:
    return DeltaDataIntervalTimetable(delta=Delta(months=months, seconds=seconds))


def after_each(seconds: float = 0.0, months: int = 0, length: float | None = None) -> Timetable:
    span = None if length is None else Delta(months=0, seconds=length)
    return DeltaTriggerTimetable(delta=Delta(months=months, seconds=seconds), interval=span)


NOW = "2026-05-20T13:37"

# timetable, start, catchup, data interval of the last run, now -> data interval of the next run, due at its end
FIRST_RUNS = [
    # A trigger: with catch-up from the start date on, without it the last moment that has passed.
    (trigger("0 0 * * *"), "2026-05-01", True, ("2026-05-01", "2026-05-01")),
    (trigger("0 0 * * *"), "2026-05-01T00:00:01", True, ("2026-05-02", "2026-05-02")),
    (trigger("0 0 * * *"), "2026-05-01", False, ("2026-05-20", "2026-05-20")),
    (trigger("0 0 * * *"), "2026-05-20T12:00", False, ("2026-05-21", "2026-05-21")),
    (trigger("0 0 * * *"), "2026-06-01T08:00", False, ("2026-06-02", "2026-06-02")),
    (trigger("0 0 * * *", interval=Delta(months=0, seconds=DAY)), "2026-05-01", True, ("2026-04-30", "2026-05-01")),
    (trigger("0 0 1 * *", interval=Delta(months=1, seconds=0)), "2026-05-01", False, ("2026-04-01", "2026-05-01")),
    # Without a start date: the moment that passed not long ago, else the coming one.
    (trigger("30 13 * * *"), None, True, ("2026-05-20T13:30", "2026-05-20T13:30")),
    (trigger("0 0 * * *"), None, True, ("2026-05-21", "2026-05-21")),
    (trigger("0 0 * * *"), None, False, ("2026-05-21", "2026-05-21")),
    (trigger("0 12 * * *"), None, False, ("2026-05-20T12:00", "2026-05-20T12:00")),  # within a tenth of a day
    (trigger("*/4 * * * *"), None, False, ("2026-05-20T13:36", "2026-05-20T13:36")),  # within five minutes
    (trigger("0 * * * *"), None, False, ("2026-05-20T14:00", "2026-05-20T14:00")),
    (trigger("0 0 * * *", run_immediately=True), None, True, ("2026-05-20", "2026-05-20")),
    (trigger("0 0 * * *", run_immediately=True), None, False, ("2026-05-20", "2026-05-20")),
    (trigger("0 0 * * *", run_immediately_seconds=14 * HOUR), None, False, ("2026-05-20", "2026-05-20")),
    (trigger("0 0 * * *", run_immediately_seconds=13 * HOUR), None, False, ("2026-05-21", "2026-05-21")),
    (trigger("0 13 * * *", run_immediately_seconds=0.0), None, False, ("2026-05-21T13:00", "2026-05-21T13:00")),
    # Several crons: the first moment of any; without catch-up the last one that has passed.
    (trigger("0 6 * * *", "0 18 * * *"), "2026-05-01T07:00", True, ("2026-05-01T18:00", "2026-05-01T18:00")),
    (trigger("0 6 * * *", "0 18 * * *"), "2026-05-01", False, ("2026-05-20T06:00", "2026-05-20T06:00")),
    (trigger("0 6 * * *", "0 18 * * *"), "2026-05-20T07:00", False, ("2026-05-20T18:00", "2026-05-20T18:00")),
    # Data intervals: due at their end; without catch-up the last one that is complete.
    (interval("0 0 * * *"), "2026-05-01", True, ("2026-05-01", "2026-05-02")),
    (interval("0 0 * * *"), "2026-05-01T08:00", True, ("2026-05-02", "2026-05-03")),
    (interval("0 0 * * *"), "2026-05-01", False, ("2026-05-19", "2026-05-20")),
    (interval("0 0 * * *"), "2026-05-20", False, ("2026-05-20", "2026-05-21")),
    (interval("0 0 * * *"), None, False, ("2026-05-19", "2026-05-20")),
    (interval("0 0 * * *"), None, True, None),
    (interval("@monthly"), "2026-01-15", True, ("2026-02-01", "2026-03-01")),
    (interval("@quarterly"), None, False, ("2026-01-01", "2026-04-01")),
    (interval("@yearly"), "2026-01-01", False, ("2026-01-01", "2027-01-01")),
    # Spans: from the start date on, and without catch-up one that ended at a round time.
    (every(DAY), "2026-05-01T07:00", True, ("2026-05-01T07:00", "2026-05-02T07:00")),
    (every(DAY), "2026-05-01T07:00", False, ("2026-05-19", "2026-05-20")),
    (every(HOUR), None, False, ("2026-05-20T12:00", "2026-05-20T13:00")),
    (every(HOUR), None, True, None),
    (every(DAY), "2026-05-20T07:00", False, ("2026-05-20T07:00", "2026-05-21T07:00")),
    (every(months=1), "2026-01-31", True, ("2026-01-31", "2026-02-28")),
    # Without catch-up months are counted from the start date, as with it, or end now.
    (every(months=1), "2026-01-31", False, ("2026-03-28", "2026-04-28")),
    (every(months=1, seconds=DAY), "2026-01-31", False, ("2026-04-02", "2026-05-03")),
    (every(months=1), None, False, ("2026-04-20T13:37", NOW)),
    (every(months=1), "2026-05-10", False, ("2026-05-10", "2026-06-10")),
    # A month less almost all of it would be counted in many steps: its length is counted from 1970.
    (every(months=1, seconds=1 - 28 * DAY), "2020-01-31", False, ("2026-05-17T02:51:35", "2026-05-20T02:51:36")),
    # Triggers after a span: from the start date on, and without catch-up at once.
    (after_each(DAY), "2026-05-01T07:00", True, ("2026-05-01T07:00", "2026-05-01T07:00")),
    (after_each(DAY), "2026-05-01T07:00", False, (NOW, NOW)),
    (after_each(DAY), None, False, (NOW, NOW)),
    (after_each(DAY), "2026-06-01", False, ("2026-06-01", "2026-06-01")),
    (after_each(DAY, length=HOUR), "2026-06-01", True, ("2026-05-31T23:00", "2026-06-01")),
    # Once: at the start date or at once, whatever catch-up says.
    (OnceTimetable(), "2026-05-01", False, ("2026-05-01", "2026-05-01")),
    (OnceTimetable(), "2026-06-01", True, ("2026-06-01", "2026-06-01")),
    (OnceTimetable(), None, False, (NOW, NOW)),
    # Continuous: from the start date up to now.
    (ContinuousTimetable(), "2026-05-01", False, ("2026-05-01", NOW)),
    (ContinuousTimetable(), "2026-06-01", False, ("2026-06-01", "2026-06-01")),
    (ContinuousTimetable(), None, False, (NOW, NOW)),
]

LATER_RUNS = [
    (trigger("0 0 * * *"), "2026-05-01", True, ("2026-05-03", "2026-05-03"), ("2026-05-04", "2026-05-04")),
    (trigger("0 0 * * *"), "2026-05-01", False, ("2026-05-03", "2026-05-03"), ("2026-05-20", "2026-05-20")),
    (trigger("0 0 * * *"), None, False, ("2026-05-20", "2026-05-20"), ("2026-05-21", "2026-05-21")),
    (trigger("0 0 * * *"), "2026-07-01", False, ("2026-05-20", "2026-05-20"), ("2026-07-01", "2026-07-01")),
    # A start date that moved does not matter to catch-up.
    (trigger("0 0 * * *"), "2026-01-01", True, ("2026-05-03", "2026-05-03"), ("2026-05-04", "2026-05-04")),
    (
        trigger("0 6 * * *", "0 18 * * *"),
        None,
        True,
        ("2026-05-03T06:00", "2026-05-03T06:00"),
        ("2026-05-03T18:00",) * 2,
    ),
    (trigger("0 6 * * *", "0 18 * * *"), None, False, ("2026-05-20T06:00",) * 2, ("2026-05-20T18:00",) * 2),
    (trigger("0 6 * * *", "0 6,7 * * *"), None, True, ("2026-05-03T06:00",) * 2, ("2026-05-03T07:00",) * 2),
    # The end of the interval counts, also for one that had another length.
    (
        trigger("0 6 * * *", "0 18 * * *", interval=Delta(months=0, seconds=DAY)),
        None,
        False,
        ("2026-05-19T06:00", "2026-05-20T06:00"),
        ("2026-05-19T18:00", "2026-05-20T18:00"),
    ),
    (interval("0 0 * * *"), "2026-05-01", True, ("2026-05-03", "2026-05-04"), ("2026-05-04", "2026-05-05")),
    (interval("0 0 * * *"), "2026-05-01", False, ("2026-05-03", "2026-05-04"), ("2026-05-19", "2026-05-20")),
    (interval("0 0 * * *"), "2026-05-01", False, ("2026-05-19", "2026-05-20"), ("2026-05-20", "2026-05-21")),
    # The timetable was another one before: the interval begins at its last moment, but not before the last run did.
    (interval("0 0 * * *"), "2026-05-01", True, ("2026-05-03T10:00", "2026-05-03T11:00"), ("2026-05-04", "2026-05-05")),
    (interval("0 0 * * *"), "2026-05-01", True, ("2026-05-02T23:00", "2026-05-03T11:00"), ("2026-05-03", "2026-05-04")),
    (interval("0 0 * * *"), "2026-05-01", True, ("2026-05-03", "2026-05-03"), ("2026-05-04", "2026-05-05")),
    (every(DAY), "2026-05-01", True, ("2026-05-03T07:00",) * 2, ("2026-05-04T07:00", "2026-05-05T07:00")),
    (interval("0 0 * * *"), "2026-05-10", True, ("2026-05-03", "2026-05-04"), ("2026-05-10", "2026-05-11")),
    (
        every(DAY),
        "2026-05-01",
        True,
        ("2026-05-03T07:00", "2026-05-04T07:00"),
        ("2026-05-04T07:00", "2026-05-05T07:00"),
    ),
    (every(DAY), "2026-05-01", False, ("2026-05-03T07:00", "2026-05-04T07:00"), ("2026-05-19", "2026-05-20")),
    (every(HOUR), None, False, ("2026-05-20T12:17", "2026-05-20T13:17"), ("2026-05-20T13:17", "2026-05-20T14:17")),
    (every(months=1), None, True, ("2026-01-31", "2026-02-28"), ("2026-02-28", "2026-03-28")),
    (every(months=1, seconds=DAY), None, True, ("2024-01-30", "2024-01-31"), ("2024-01-31", "2024-03-01")),
    (after_each(HOUR), None, False, ("2026-05-20T13:17",) * 2, ("2026-05-20T14:17",) * 2),
    (after_each(HOUR), None, False, ("2026-05-20T10:17",) * 2, (NOW, NOW)),
    (after_each(HOUR), None, True, ("2026-05-20T10:17",) * 2, ("2026-05-20T11:17",) * 2),
    (after_each(months=1), None, True, ("2026-03-31",) * 2, ("2026-04-30",) * 2),
    (OnceTimetable(), "2026-05-01", True, ("2026-05-01", "2026-05-01"), None),
    (ContinuousTimetable(), "2026-05-01", False, ("2026-05-01", "2026-05-20T12:00"), ("2026-05-20T12:00", NOW)),
    # The clock went back: the time up to now is nothing.
    (ContinuousTimetable(), None, False, ("2026-05-01", "2026-05-20T14:00"), ("2026-05-20T14:00",) * 2),
]


def as_run(span: tuple[str, str] | None) -> NextRun | None:
    return None if span is None else NextRun.over(at(span[0]), at(span[1]))


@pytest.mark.parametrize(("timetable", "start", "catchup", "expected"), FIRST_RUNS)
def test_the_first_run_is_the_one_that_airflow_makes(
    timetable: Timetable, start: str | None, catchup: bool, expected: tuple[str, str] | None
) -> None:
    found = next_run(timetable, after=None, start=maybe(start), end=None, catchup=catchup, now=at(NOW))
    assert found == as_run(expected)


@pytest.mark.parametrize(("timetable", "start", "catchup", "last", "expected"), LATER_RUNS)
def test_a_later_run_is_the_one_that_airflow_makes(
    timetable: Timetable,
    start: str | None,
    catchup: bool,
    last: tuple[str, str],
    expected: tuple[str, str] | None,
) -> None:
    found = next_run(timetable, after=as_run(last), start=maybe(start), end=None, catchup=catchup, now=at(NOW))
    assert found == as_run(expected)


def test_a_run_is_due_at_the_end_of_its_interval_and_named_by_its_start() -> None:
    run = next_run(interval("0 0 * * *"), after=None, start=at("2026-05-01"), end=None, catchup=True, now=at(NOW))
    assert run is not None
    assert (run.logical_date, run.data_interval.start) == (at("2026-05-01"),) * 2
    assert (run.run_after, run.data_interval.end) == (at("2026-05-02"),) * 2


@pytest.mark.parametrize(
    ("timetable", "now", "expected"),
    [
        # At the moment itself the run is due now.
        (trigger("0 0 * * *"), "2026-05-20", ("2026-05-20", "2026-05-20")),
        (interval("0 0 * * *"), "2026-05-20", ("2026-05-19", "2026-05-20")),
        (interval("0 0 * * *"), "2026-05-20T00:00:00.000001", ("2026-05-19", "2026-05-20")),
        (interval("0 0 * * *"), "2026-05-19T23:59:59.999999", ("2026-05-18", "2026-05-19")),
        (every(DAY), "2026-05-20", ("2026-05-19", "2026-05-20")),
    ],
)
def test_at_a_boundary_the_interval_that_ends_there_is_due(
    timetable: Timetable, now: str, expected: tuple[str, str]
) -> None:
    found = next_run(timetable, after=None, start=at("2026-01-01"), end=None, catchup=False, now=at(now))
    assert found == as_run(expected)


@pytest.mark.parametrize(
    ("timetable", "end", "expected"),
    [
        (trigger("0 0 * * *"), "2026-05-04", ("2026-05-04", "2026-05-04")),
        (trigger("0 0 * * *"), "2026-05-03T23:59:59", None),
        # For intervals the start counts.
        (interval("0 0 * * *"), "2026-05-03", ("2026-05-03", "2026-05-04")),
        (interval("0 0 * * *"), "2026-05-02T23:59:59", None),
        (every(DAY), "2026-05-03", ("2026-05-03", "2026-05-04")),
        (every(DAY), "2026-05-02", None),
        (after_each(DAY), "2026-05-04", ("2026-05-04", "2026-05-04")),
        (after_each(DAY), "2026-05-03", None),
    ],
)
def test_no_run_is_made_after_the_end_date(timetable: Timetable, end: str, expected: tuple[str, str] | None) -> None:
    last = NextRun.over(at("2026-05-02"), at("2026-05-03"))
    found = next_run(timetable, after=last, start=None, end=at(end), catchup=True, now=at(NOW))
    assert found == as_run(expected)


def test_once_and_continuous_end_with_the_end_date() -> None:
    early = at("2026-05-01")
    assert next_run(OnceTimetable(), after=None, start=None, end=early, catchup=False, now=at(NOW)) is None
    assert next_run(ContinuousTimetable(), after=None, start=None, end=early, catchup=False, now=at(NOW)) is None


def test_catch_up_makes_every_run_once_and_no_other() -> None:
    schedule = Schedule(interval("0 */6 * * *", "Europe/Vienna"), start=at("2026-03-27"), catchup=True)
    found: list[NextRun] = []
    run = schedule.next_run(after=None, now=at("2026-04-01"))
    while run is not None and run.run_after <= at("2026-04-01"):
        found.append(run)
        run = schedule.next_run(after=run, now=at("2026-04-01"))
    assert all(one.data_interval.end == two.data_interval.start for one, two in itertools.pairwise(found))
    assert found[0].logical_date == at("2026-03-27T05:00")
    assert found[-1].run_after == at("2026-03-31T22:00")
    lengths = [run.data_interval.end - run.data_interval.start for run in found]
    assert lengths.count(timedelta(hours=5)) == 1
    assert set(lengths) == {timedelta(hours=5), timedelta(hours=6)}


def test_a_daily_interval_has_23_hours_in_spring_and_25_in_autumn() -> None:
    schedule = Schedule(interval("0 0 * * *", "America/New_York"), catchup=True)

    def hours(day: str) -> float:
        before = NextRun.over(at(day) - timedelta(hours=24), at(day))
        run = schedule.next_run(after=before, now=at(NOW))
        assert run is not None
        return (run.data_interval.end - run.data_interval.start) / timedelta(hours=1)

    assert [hours(day) for day in ("2026-03-08T05:00", "2026-03-09T04:00", "2026-11-01T04:00")] == [23, 24, 25]


def test_a_trigger_in_the_hour_that_is_missing_or_doubled_runs_once_a_day() -> None:
    schedule = Schedule(trigger("30 2 * * *", timezone="Europe/Vienna"), catchup=True)
    for since, expected in (
        ("2026-03-28T01:30", ["2026-03-29T01:30", "2026-03-30T00:30"]),
        ("2026-10-24T00:30", ["2026-10-25T01:30", "2026-10-26T01:30"]),
    ):
        run: NextRun | None = NextRun.over(at(since), at(since))
        found = []
        for _ in expected:
            run = schedule.next_run(after=run, now=at("2027-01-01"))
            assert run is not None
            found.append(run.run_after)
        assert found == [at(one) for one in expected]


@pytest.mark.parametrize(
    ("cron", "since", "expected"),
    [
        # The interval that ends in the missing hour ends as long after the jump, and the next one begins there.
        ("30 2 * * *", "2026-03-28T01:30", ["2026-03-29T01:30", "2026-03-30T00:30"]),
        ("0 */2 * * *", "2026-03-28T23:00", ["2026-03-29T01:00", "2026-03-29T02:00"]),
        # The one that ends in the hour that comes twice ends the second time.
        ("30 2 * * *", "2026-10-24T00:30", ["2026-10-25T01:30", "2026-10-26T01:30"]),
        ("0 * * * *", "2026-10-25T00:00", ["2026-10-25T01:00", "2026-10-25T02:00"]),
    ],
)
def test_data_intervals_meet_where_the_clock_is_set(cron: str, since: str, expected: list[str]) -> None:
    schedule = Schedule(interval(cron, "Europe/Vienna"), catchup=True)
    run: NextRun | None = NextRun.over(at("2026-01-01"), at(since))
    for end in expected:
        before = run
        run = schedule.next_run(after=run, now=at("2027-01-01"))
        assert run is not None
        assert before is not None
        assert run.data_interval.start == before.data_interval.end
        assert run.run_after == at(end)


def test_of_several_crons_the_next_moment_counts_however_long_their_interval_is() -> None:
    both = trigger("0 6 * * *", "0 18 * * *", interval=Delta(months=0, seconds=DAY))
    last = NextRun.over(at("2026-05-19T06:00"), at("2026-05-20T06:00"))
    found = next_run(both, after=last, start=None, end=None, catchup=False, now=at("2026-05-20T07:00"))
    assert found == as_run(("2026-05-19T18:00", "2026-05-20T18:00"))


def test_a_schedule_ends_with_the_calendar() -> None:
    last = NextRun.over(at("9999-12-01"), at("9999-12-31"))
    for timetable in (every(months=1), after_each(DAY * 2), interval("@yearly"), trigger("@yearly")):
        assert next_run(timetable, after=last, start=None, end=None, catchup=True, now=at(NOW)) is None
    endless = every(months=12_000)
    assert next_run(endless, after=last, start=None, end=None, catchup=False, now=at(NOW)) is None
