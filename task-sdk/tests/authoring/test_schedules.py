"""Rules of schedules and timetables."""

import datetime as dt
import subprocess
import sys
from typing import Any
from zoneinfo import ZoneInfo

import pendulum
import pytest
from dateutil.relativedelta import relativedelta  # type: ignore[import-untyped]  # no types published

from tradewind.sdk import (
    DAG,
    CronDataIntervalTimetable,
    CronTriggerTimetable,
    DeltaDataIntervalTimetable,
    DeltaTriggerTimetable,
    MultipleCronTriggerTimetable,
)
from tradewind.sdk.authoring.timetables import ContinuousTimetable, NullTimetable, OnceTimetable, Span
from tradewind.sdk.authoring.timezones import zone_name
from tradewind.sdk.exceptions import DagAuthoringError, TimetableInvalid, UnsupportedArgumentError


def test_a_schedule_is_the_timetable_that_airflow_makes_of_it() -> None:
    kinds = {
        None: NullTimetable,
        "@once": OnceTimetable,
        "@daily": CronTriggerTimetable,
        "5 4 * * *": CronTriggerTimetable,
        dt.timedelta(hours=1): DeltaTriggerTimetable,
    }
    assert {schedule: type(DAG("d", schedule=schedule).timetable) for schedule in kinds} == kinds
    continuous = DAG("d", schedule="@continuous", max_active_runs=1)
    assert isinstance(continuous.timetable, ContinuousTimetable)
    given = DeltaDataIntervalTimetable(dt.timedelta(days=1))
    assert DAG("d", schedule=given).timetable is given


def test_a_cron_schedule_is_meant_in_the_zone_of_the_start_date() -> None:
    start = dt.datetime(2024, 1, 1, tzinfo=ZoneInfo("Asia/Tokyo"))
    timetable = DAG("d", schedule="@daily", start_date=start).timetable
    assert isinstance(timetable, CronTriggerTimetable)
    assert (timetable.crons, timetable.timezone) == (("0 0 * * *",), "Asia/Tokyo")


@pytest.mark.parametrize(
    "cron",
    ["0 22-4 * * *", "0 9 * * FRI-MON", "0 0 1 NOV-FEB *", "0 6 ? * MON", "0 12 * * L5", "0 0 L * *", "0 0 * * 7"],
)
def test_a_cron_expression_may_be_what_it_may_be_in_airflow(cron: str) -> None:
    assert CronTriggerTimetable(cron, timezone="UTC").crons == (cron,)


def test_the_name_of_a_schedule_may_begin_with_a_capital() -> None:
    assert CronTriggerTimetable("@Daily", timezone="UTC").crons == ("0 0 * * *",)


def test_a_span_is_months_and_time() -> None:
    spans = [dt.timedelta(minutes=90), relativedelta(years=1, months=2, weeks=1, hours=1), relativedelta(days=1)]
    timetables = [DeltaTriggerTimetable(span) for span in spans]
    assert [one.delta for one in timetables] == [Span(0, 5400), Span(14, 7 * 86400 + 3600), Span(0, 86400)]
    assert not timetables[0].interval


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("* * * *", "has 4 fields; it needs five: minute, hour"),
        ("0 0 0 * * *", "has 6 fields"),
        ("61 * * * *", "cannot be read: Bad minute"),
        ("0 0 30 2 *", "cannot be read: Bad day-of-month"),
        ("0 0 * * mon-xyz", "cannot be read: Bad day-of-week"),
        ("", "has 0 fields"),
        ("@fortnightly", "There is no schedule '@fortnightly'; known are @once, @continuous, @annually, @daily"),
        (dt.timedelta(0), "it must be above zero"),
        (dt.timedelta(days=-1), "it must be above zero"),
        (relativedelta(day=31), "sets parts of a date"),
        (relativedelta(months=1, days=-1), "it must be above zero"),
        (relativedelta(months=20_000), "at most 12000 months"),
        (5, "schedule of DAG 'd' must be a cron expression, a preset"),
        (True, "schedule of DAG 'd' must be a cron expression"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused_when_the_file_is_parsed(schedule: Any, words: str) -> None:
    with pytest.raises(TimetableInvalid, match=words) as refused:
        DAG("d", schedule=schedule)
    assert "DAG 'd'" in str(refused.value)


def test_schedules_of_later_versions_are_refused_by_a_sentence() -> None:
    class Own(DeltaTriggerTimetable):
        """A timetable of the author's."""

    for schedule in ([object()], object(), Own(dt.timedelta(days=1))):
        with pytest.raises(
            UnsupportedArgumentError, match="schedules by assets, and timetables of your own. Use a cron"
        ):
            DAG("d", schedule=schedule)


def test_a_timetable_names_what_is_wrong_with_its_arguments() -> None:
    with pytest.raises(TimetableInvalid, match="interval of a timetable must be a timedelta or a relativedelta, not 5"):
        CronTriggerTimetable("@daily", timezone="UTC", interval=5)
    with pytest.raises(TimetableInvalid, match="run_immediately must be True, False or a timedelta"):
        CronTriggerTimetable("@daily", timezone="UTC", run_immediately="yes")  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(TimetableInvalid, match="needs 1 to 100 cron expressions, not 0"):
        MultipleCronTriggerTimetable(timezone="UTC")
    with pytest.raises(DagAuthoringError, match="The time zone of the schedule '@daily' is 'Mars/Base'.*IANA"):
        CronDataIntervalTimetable("@daily", "Mars/Base")


def test_run_immediately_is_a_flag_or_a_time() -> None:
    given = [True, False, None, dt.timedelta(minutes=5)]
    timetables = [CronTriggerTimetable("@daily", "UTC", run_immediately=one) for one in given]
    assert [one.run_immediately for one in timetables] == [True, False, False, 300.0]


@pytest.mark.parametrize(
    ("zone", "name"),
    [
        (dt.UTC, "UTC"),
        ("Europe/Paris", "Europe/Paris"),
        (ZoneInfo("Europe/Paris"), "Europe/Paris"),
        (pendulum.timezone("Europe/Paris"), "Europe/Paris"),
        (pendulum.timezone("UTC"), "UTC"),
        (pendulum.FixedTimezone(3600), "Etc/GMT-1"),
        (dt.timezone(dt.timedelta(hours=-5)), "Etc/GMT+5"),
        (dt.timezone(dt.timedelta(0)), "UTC"),
    ],
)
def test_a_time_zone_of_any_library_has_its_name_in_the_database(zone: Any, name: str) -> None:
    assert zone_name(zone, "DAG 'd'") == name


def test_a_time_zone_without_a_name_is_refused() -> None:
    with pytest.raises(DagAuthoringError, match="a fixed offset of 5:30:00 from UTC, which has no name"):
        zone_name(dt.timezone(dt.timedelta(hours=5, minutes=30)), "DAG 'd'")
    with pytest.raises(DagAuthoringError, match="The time zone of DAG 'd' is 5; it must have a name"):
        zone_name(5, "DAG 'd'")
    start = dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=30)))
    with pytest.raises(DagAuthoringError, match="fixed offset"):
        DAG("d", schedule="@daily", start_date=start)


def test_dates_of_pendulum_are_kept_as_plain_ones() -> None:
    declared = DAG("d", start_date=pendulum.datetime(2024, 1, 1, tz="Europe/Paris"))
    assert type(declared.start_date) is dt.datetime
    assert declared.start_date == dt.datetime(2023, 12, 31, 23, tzinfo=dt.UTC)
    assert declared.timezone_name == "Europe/Paris"


def test_a_dag_with_a_schedule_loads_neither_pendulum_nor_jsonschema() -> None:
    code = (
        "import sys; from tradewind.sdk import DAG, Param; "
        "DAG('d', schedule='@daily', params={'x': Param(1, type='integer', minimum=0)}).check(); print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pendulum", "jsonschema", "dateutil", "jinja2"} & set(loaded)
