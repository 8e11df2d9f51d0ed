"""Schedules that change, pause or end while their runs live, and the days on which clocks are set."""

from datetime import UTC, datetime, timedelta

from tradewind.server.contract import (
    ContinuousTimetable,
    CronDataIntervalTimetable,
    CronTriggerTimetable,
    Delta,
    DeltaTriggerTimetable,
)
from tradewind.server.store import dags, schedules

from .timetabled import DAILY, NOON, at, declare, end, hour, make, plan, the_dag, the_runs
from .world import World, dag, task


def test_a_schedule_that_changes_while_runs_are_live_waits_for_their_end_as_the_old_one_did(world: World) -> None:
    declare(world, start_date=hour(1), catchup=True, max_active_runs=1)
    (first,) = make(world)
    assert the_dag(world).next_run_after is None
    version = the_runs(world)[0].dag_version_pk
    every = dag(
        "d",
        task("t"),
        task("new"),
        timetable=DeltaTriggerTimetable(delta=Delta(months=0, seconds=5400)),
        start_date=hour(1),
        catchup=True,
        max_active_runs=1,
    )
    world.declare(every, file="d.py")
    plan(world, every, NOON)
    assert make(world) == []
    assert the_dag(world).next_run_after is None
    end(world, first)
    (second,) = make(world)
    assert second == f"scheduled__{(hour(2) + timedelta(minutes=30)).isoformat()}"
    pinned = [run.dag_version_pk for run in the_runs(world)]
    assert pinned[0] == version != pinned[1]


def test_a_dag_that_loses_its_schedule_while_it_waits_for_a_run_makes_no_other(world: World) -> None:
    declare(world, start_date=hour(1), catchup=True, max_active_runs=1)
    (first,) = make(world)
    plan(world, dag("d", task("t")), NOON)
    end(world, first)
    assert world.read(schedules.next_due) is None
    assert make(world, hour(20)) == []


def test_a_coarser_schedule_does_not_begin_before_the_last_run(world: World) -> None:
    hourly = CronDataIntervalTimetable(cron="30 * * * *", timezone="UTC")
    declare(world, hour(1), timetable=hourly, start_date=hour(9), catchup=True)
    assert len(make(world, hour(12))) == 2
    plan(world, dag("d", task("t"), timetable=DAILY, start_date=hour(9), catchup=True), hour(12))
    row = the_dag(world)
    assert (row.next_logical_date, row.next_run_after) == (hour(24), hour(48))


def test_without_catch_up_a_long_pause_costs_one_run_about_the_last_whole_interval(world: World) -> None:
    declare(world, hour(0), timetable=DAILY, start_date=hour(-24))
    assert len(make(world, hour(0))) == 1
    world.write(at(hour(1), lambda tx: dags.set_paused(tx, "d", True)))
    later = hour(24 * 100) + timedelta(hours=5)
    world.write(at(later, lambda tx: dags.set_paused(tx, "d", False)))
    assert len(make(world, later)) == 1
    run = the_runs(world)[1]
    assert (run.data_interval_start, run.data_interval_end) == (hour(24 * 99), hour(24 * 100))
    assert the_dag(world).next_run_after == hour(24 * 101)


def test_runs_of_the_hours_in_which_the_clock_is_set_have_dates_and_names_of_their_own(world: World) -> None:
    first = datetime(2030, 10, 26, 22, tzinfo=UTC)
    vienna = CronDataIntervalTimetable(cron="30 * * * *", timezone="Europe/Vienna")
    declare(world, first, timetable=vienna, start_date=first, catchup=True)
    made = make(world, first + timedelta(hours=5))
    assert made == [f"scheduled__{(first + timedelta(hours=n, minutes=30)).isoformat()}" for n in range(1, 5)]
    spring = datetime(2030, 3, 30, tzinfo=UTC)
    daily = CronTriggerTimetable(crons=["30 2 * * *"], timezone="Europe/Vienna")
    declare(world, spring, dag_id="e", timetable=daily, start_date=spring, catchup=True)
    hours = ["2030-03-30T01:30:00", "2030-03-31T01:30:00", "2030-04-01T00:30:00"]
    assert make(world, spring + timedelta(days=3)) == [f"scheduled__{one}+00:00" for one in hours]


def test_continuous_ends_with_its_end_date_whatever_runs_then(world: World) -> None:
    declare(world, timetable=ContinuousTimetable(), start_date=hour(6), end_date=hour(14))
    (first,) = make(world)
    assert make(world, hour(13)) == []
    end(world, first)
    assert make(world, hour(15)) == []
    row = the_dag(world)
    assert (row.next_run_after, row.next_interval_end) == (None, None)
    assert world.write(at(hour(15), lambda tx: schedules.next_runs(tx, "d", 3))) == []
