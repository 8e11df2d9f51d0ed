"""A DAG's schedule: its dates, what is made when it is late, what is to be expected, and what cannot be."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tradewind.server.contract import (
    ContinuousTimetable,
    CronDataIntervalTimetable,
    CronTriggerTimetable,
    Delta,
    DeltaDataIntervalTimetable,
    DeltaTriggerTimetable,
    Isolation,
    OnceTimetable,
    OnCut,
    SerializedDag,
    SerializedTask,
    Timetable,
    TriggerRule,
)
from tradewind.server.domain.schedules import (
    DataInterval,
    NextRun,
    Schedule,
    check,
    describe,
    manual_interval,
    summary,
)

HOURLY = CronTriggerTimetable(crons=["@hourly"], timezone="UTC")
DAILY = CronDataIntervalTimetable(cron="@daily", timezone="UTC")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def delta(seconds: float = 0.0, months: int = 0) -> Delta:
    return Delta(months=months, seconds=seconds)


def task(task_id: str, **dates: datetime) -> SerializedTask:
    return SerializedTask(
        task_id=task_id,
        operator="EmptyOperator",
        operator_module="tradewind.sdk.standard.operators.empty",
        upstream=[],
        trigger_rule=TriggerRule.ALL_SUCCESS,
        retries=0,
        retry_delay_seconds=0,
        queue="default",
        isolation=Isolation.FORK,
        on_cut=OnCut.CONTINUE,
        owner="somebody",
        **dates,  # type: ignore[arg-type]  # dates alone
    )


def dag(*tasks: SerializedTask, **options: Any) -> SerializedDag:
    return SerializedDag(dag_id="d", tags=[], max_active_runs=16, tasks=list(tasks), **{"timetable": DAILY, **options})


def moments(runs: list[NextRun]) -> list[datetime]:
    return [run.run_after for run in runs]


def test_a_dag_without_timetable_has_no_schedule() -> None:
    assert Schedule.of(dag(timetable=None)) is None


def test_the_first_date_of_dag_and_tasks_is_the_start() -> None:
    early, late = at("2026-01-01"), at("2026-02-01")
    for one, other in ((early, late), (late, early)):
        schedule = Schedule.of(dag(task("a", start_date=one), task("b"), start_date=other, catchup=True))
        assert schedule == Schedule(DAILY, start=early, end=None, catchup=True)


def test_the_last_date_is_the_end_when_all_tasks_have_one() -> None:
    early, late = at("2026-01-01"), at("2026-02-01")
    all_end = Schedule.of(dag(task("a", end_date=early), task("b", end_date=late), end_date=early))
    assert all_end is not None
    assert all_end.end == late
    one_goes_on = Schedule.of(dag(task("a", end_date=late), task("b"), end_date=early))
    assert one_goes_on is not None
    assert one_goes_on.end == early
    none_ends = Schedule.of(dag(task("a", end_date=late), task("b")))
    assert none_ends is not None
    assert none_ends.end is None


def test_dates_are_brought_to_utc() -> None:
    start = datetime.fromisoformat("2026-01-01T00:00:00+01:00")
    schedule = Schedule.of(dag(start_date=start))
    assert schedule is not None
    assert schedule.start is not None
    assert schedule.start.isoformat() == "2025-12-31T23:00:00+00:00"


@pytest.mark.parametrize(
    ("schedule", "planned", "now", "expected"),
    [
        # On time, or a little late.
        (Schedule(HOURLY), ("2026-05-20T13:00",) * 2, "2026-05-20T13:00", ("2026-05-20T13:00",) * 2),
        (Schedule(HOURLY), ("2026-05-20T13:00",) * 2, "2026-05-20T13:59", ("2026-05-20T13:00",) * 2),
        # After days of outage: the latest moment alone, unless all of them are wanted.
        (Schedule(HOURLY), ("2026-05-17T13:00",) * 2, "2026-05-20T13:59", ("2026-05-20T13:00",) * 2),
        (Schedule(HOURLY, catchup=True), ("2026-05-17T13:00",) * 2, "2026-05-20T13:59", ("2026-05-17T13:00",) * 2),
        (Schedule(DAILY), ("2026-05-01", "2026-05-02"), "2026-05-20T13:59", ("2026-05-19", "2026-05-20")),
        (
            Schedule(CronTriggerTimetable(crons=["0 6 * * *", "0 18 * * *"], timezone="UTC")),
            ("2026-05-17T06:00",) * 2,
            "2026-05-20T19:00",
            ("2026-05-20T18:00",) * 2,
        ),
        (
            Schedule(DeltaTriggerTimetable(delta=delta(3600))),
            ("2026-05-17T06:10",) * 2,
            "2026-05-20T19:00",
            ("2026-05-20T19:00",) * 2,
        ),
        (
            Schedule(DeltaDataIntervalTimetable(delta=delta(3600))),
            ("2026-05-20T11:17", "2026-05-20T12:17"),
            "2026-05-20T15:30",
            ("2026-05-20T14:00", "2026-05-20T15:00"),
        ),
        # The end passed meanwhile: what was planned is made.
        (
            Schedule(HOURLY, end=at("2026-05-18")),
            ("2026-05-17T13:00",) * 2,
            "2026-05-20T13:59",
            ("2026-05-17T13:00",) * 2,
        ),
        (Schedule(OnceTimetable()), ("2026-05-01",) * 2, "2026-05-20", ("2026-05-01",) * 2),
        # Continuous covers the time up to now.
        (Schedule(ContinuousTimetable()), ("2026-05-01", "2026-05-02"), "2026-05-20", ("2026-05-01", "2026-05-20")),
        (Schedule(ContinuousTimetable(), end=at("2026-05-19")), ("2026-05-01", "2026-05-02"), "2026-05-20", None),
    ],
)
def test_the_run_to_make_is_the_latest_that_is_due_unless_all_are_wanted(
    schedule: Schedule, planned: tuple[str, str], now: str, expected: tuple[str, str] | None
) -> None:
    found = schedule.due_run(NextRun.over(at(planned[0]), at(planned[1])), at(now))
    assert found == (None if expected is None else NextRun.over(at(expected[0]), at(expected[1])))


def test_the_runs_to_be_expected_begin_with_the_one_to_make_now() -> None:
    now = at("2026-05-20T13:59")
    late = NextRun.over(at("2026-05-20T10:00"), at("2026-05-20T10:00"))
    latest = [at(f"2026-05-20T{hour}:00") for hour in (13, 14, 15)]
    assert moments(Schedule(HOURLY).upcoming(late, now=now, count=3)) == latest
    everything = [at(f"2026-05-20T{hour}:00") for hour in (10, 11, 12, 13, 14)]
    assert moments(Schedule(HOURLY, catchup=True).upcoming(late, now=now, count=5)) == everything
    ends = Schedule(HOURLY, end=at("2026-05-20T14:30"))
    assert moments(ends.upcoming(late, now=now, count=5)) == latest[:2]
    assert Schedule(HOURLY).upcoming(None, now=now, count=5) == []
    only = Schedule(ContinuousTimetable()).upcoming(late, now=now, count=5)
    assert only == [NextRun.over(at("2026-05-20T10:00"), now)]
    assert len(Schedule(OnceTimetable()).upcoming(late, now=now, count=5)) == 1


@pytest.mark.parametrize(
    ("timetable", "expected"),
    [
        (HOURLY, "2026-05-20T14:00"),
        (DAILY, "2026-05-21"),
        (DeltaTriggerTimetable(delta=delta(60)), "2026-05-20T13:01"),
        (OnceTimetable(), None),
        (ContinuousTimetable(), None),
    ],
)
def test_the_moment_after_a_run_follows_from_the_bare_timetable(timetable: Timetable, expected: str | None) -> None:
    schedule = Schedule(timetable, start=at("2026-06-01"), end=at("2026-01-01"))
    interval = DataInterval(at("2026-05-19T13:00"), at("2026-05-20T13:00"))
    assert schedule.moment_after(interval) == (None if expected is None else at(expected))


@pytest.mark.parametrize(
    ("timetable", "expected"),
    [
        (None, ("2026-05-20T13:37", "2026-05-20T13:37")),
        (OnceTimetable(), ("2026-05-20T13:37", "2026-05-20T13:37")),
        (ContinuousTimetable(), ("2026-05-20T13:37", "2026-05-20T13:37")),
        (HOURLY, ("2026-05-20T13:37", "2026-05-20T13:37")),
        (
            CronTriggerTimetable(crons=["@daily"], timezone="UTC", interval=delta(months=1)),
            ("2026-04-20T13:37", "2026-05-20T13:37"),
        ),
        (DAILY, ("2026-05-19", "2026-05-20")),
        (CronDataIntervalTimetable(cron="37 13 * * *", timezone="UTC"), ("2026-05-19T13:37", "2026-05-20T13:37")),
        (
            CronDataIntervalTimetable(cron="@daily", timezone="Europe/Vienna"),
            ("2026-05-18T22:00", "2026-05-19T22:00"),
        ),
        (DeltaDataIntervalTimetable(delta=delta(86_400)), ("2026-05-19T13:37", "2026-05-20T13:37")),
        (DeltaTriggerTimetable(delta=delta(60)), ("2026-05-20T13:37", "2026-05-20T13:37")),
        (DeltaTriggerTimetable(delta=delta(60), interval=delta(3600)), ("2026-05-20T12:37", "2026-05-20T13:37")),
    ],
)
def test_the_interval_of_a_triggered_run_is_the_one_that_airflow_infers(
    timetable: Timetable | None, expected: tuple[str, str]
) -> None:
    interval = manual_interval(timetable, at("2026-05-20T13:37"))
    assert (interval.start, interval.end) == (at(expected[0]), at(expected[1]))


@pytest.mark.parametrize(
    ("timetable", "words"),
    [
        (CronTriggerTimetable(crons=["@daily", "* *"], timezone="UTC"), r"cron '\* \*' has 2 fields"),
        (CronTriggerTimetable(crons=["@daily"], timezone="Vienna"), "timezone 'Vienna' is not in"),
        (CronTriggerTimetable(crons=["@daily"], timezone="UTC", interval=delta(-1)), "must not be negative"),
        (CronDataIntervalTimetable(cron="0 25 * * *", timezone="UTC"), "cron '0 25 .*' is wrong: bad hour"),
        (DeltaDataIntervalTimetable(delta=delta()), "it must be positive"),
        (DeltaDataIntervalTimetable(delta=delta(-60)), "it must be positive"),
        (DeltaTriggerTimetable(delta=delta(-86_400 * 30, months=1)), "it must be positive"),
        (DeltaTriggerTimetable(delta=delta(1e-9)), "it must be positive"),
        (DeltaTriggerTimetable(delta=delta(1e15)), "longer than the calendar"),
        (DeltaTriggerTimetable(delta=delta(60), interval=delta(months=-1)), "must not be negative"),
    ],
)
def test_a_timetable_that_cannot_be_is_refused_with_the_reason(timetable: Timetable, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check(timetable)


@pytest.mark.parametrize(
    ("timetable", "short", "words"),
    [
        (None, None, "Never, external triggers only"),
        (OnceTimetable(), "@once", "Once, as soon as possible"),
        (ContinuousTimetable(), "@continuous", "As frequently as possible, but only one run at a time"),
        (HOURLY, "0 * * * *", "At the start of every hour"),
        (
            CronTriggerTimetable(crons=["0 6 * * MON-FRI", "@monthly"], timezone="Europe/Vienna"),
            "0 6 * * MON-FRI, 0 0 1 * *",
            "At 06:00 on Monday through Friday, and At 00:00 on the first day of every month (Europe/Vienna)",
        ),
        (
            CronDataIntervalTimetable(cron="*/5 * * * *", timezone="UTC"),
            "*/5 * * * *",
            "Every fifth minute of every hour",
        ),
        (DeltaTriggerTimetable(delta=delta(90_061.5)), "1 day 1 hour 1 minute 1.5 seconds", None),
        (DeltaDataIntervalTimetable(delta=delta(14 * 86_400)), "2 weeks", "Every 2 weeks"),
        (DeltaDataIntervalTimetable(delta=delta(1, months=25)), "2 years 1 month 1 second", None),
    ],
)
def test_a_timetable_has_a_short_and_a_long_description(
    timetable: Timetable | None, short: str | None, words: str | None
) -> None:
    if timetable is not None:
        check(timetable)
    assert summary(timetable) == short
    assert describe(timetable) == (words or f"Every {short}")
