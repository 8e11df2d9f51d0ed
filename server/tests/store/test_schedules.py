"""From the timetable of a DAG to its scheduled runs, with the moment said by the test."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from tradewind.server.contract import (
    ContinuousTimetable,
    CronTriggerTimetable,
    DagImportError,
    Delta,
    DeltaTriggerTimetable,
    OnceTimetable,
    SerializedParam,
)
from tradewind.server.store import Transaction, dags, plans, runs, schedules
from tradewind.server.store.revisions import wake_queue

from .timetabled import DAILY, HOURLY, NOON, at, declare, end, hour, make, plan, the_dag, the_runs
from .world import OpenStore, World, dag, parsed, task


def errors(world: World) -> list[DagImportError]:
    return [row.error for row in world.read(dags.list_import_errors).items]


def test_a_new_dag_has_its_next_run(world: World) -> None:
    before = datetime.now(UTC)
    world.declare(dag("d", task("t"), timetable=DAILY), dag("by-hand", task("t")))
    row = the_dag(world)
    midnight = before.replace(hour=0, minute=0, second=0, microsecond=0)
    assert row.next_run_after == row.next_interval_end
    assert row.next_interval_end in {midnight, midnight + timedelta(days=1)}
    assert row.next_logical_date == row.next_interval_start == row.next_interval_end - timedelta(days=1)
    assert world.read(schedules.next_due) == row.next_run_after
    assert the_dag(world, "by-hand").next_run_after is None


def test_a_run_is_made_when_it_is_due_and_the_next_one_is_noted(world: World) -> None:
    declare(world, hour(0), timetable=DAILY, start_date=hour(0))
    assert make(world, hour(24) - timedelta(microseconds=1)) == []
    assert make(world, hour(24)) == ["scheduled__2030-05-21T00:00:00+00:00"]
    assert make(world, hour(24)) == []
    (run,) = the_runs(world)
    assert (run.run_type, run.triggered_by, run.triggering_user) == ("scheduled", "timetable", None)
    assert (run.state.value, run.conf, run.note) == ("queued", {}, None)
    assert run.run_after == run.data_interval_end == hour(24)
    assert run.logical_date == run.data_interval_start == hour(0)
    assert run.next_run_after == hour(48)
    row = the_dag(world)
    assert (row.next_run_after, row.next_logical_date) == (hour(48), hour(24))
    assert world.read(lambda tx: runs.list_instances(tx, run.pk)).total == 1
    (event,) = world.events(run.run_id)
    assert (event.machine, event.event, event.actor) == ("dag_run", "create", "scheduler")


def test_a_scheduled_run_is_started_like_any_other(world: World) -> None:
    world.declare(dag("d", task("t"), timetable=HOURLY, start_date=datetime(2026, 1, 1, tzinfo=UTC)))
    (run_id,) = make(world, datetime.now(UTC))
    world.schedule()
    assert world.run_row(run_id).state.value == "running"


def test_catch_up_makes_every_run_in_order(world: World) -> None:
    declare(world, start_date=hour(3), catchup=True, max_active_runs=100)
    assert make(world) == [f"scheduled__{hour(number).isoformat()}" for number in range(3, 13)]
    assert [run.run_after for run in the_runs(world)] == [hour(number) for number in range(3, 13)]
    assert [run.next_run_after for run in the_runs(world)] == [hour(number) for number in range(4, 14)]
    assert the_dag(world).next_run_after == hour(13)


def test_without_catch_up_only_the_latest_moment_has_a_run(world: World) -> None:
    declare(world, hour(3), start_date=hour(-1000))
    assert make(world, hour(3)) == [f"scheduled__{hour(3).isoformat()}"]
    # Nobody led for hours.
    assert make(world) == [f"scheduled__{hour(12).isoformat()}"]
    assert the_dag(world).next_run_after == hour(13)


def test_a_dag_has_no_more_scheduled_runs_at_once_than_may_be_active(world: World) -> None:
    declare(world, start_date=hour(1), catchup=True, max_active_runs=2)
    first, second = make(world)
    row = the_dag(world)
    assert (row.next_run_after, row.next_logical_date, row.next_interval_end) == (None, hour(3), hour(3))
    assert world.read(schedules.next_due) is None
    end(world, first)
    assert world.read(schedules.next_due) == hour(3)
    assert make(world) == [f"scheduled__{hour(3).isoformat()}"]
    end(world, second)
    assert make(world) == [f"scheduled__{hour(4).isoformat()}"]


def test_without_catch_up_a_dag_that_waited_for_its_runs_goes_on_with_the_latest_moment(world: World) -> None:
    declare(world, hour(1), start_date=hour(1), max_active_runs=1)
    (first,) = make(world, hour(1))
    assert make(world, hour(2)) == []
    end(world, first)
    assert make(world, hour(9)) == [f"scheduled__{hour(9).isoformat()}"]


def test_runs_that_were_triggered_do_not_count(world: World) -> None:
    declare(world, max_active_runs=1)
    world.trigger()
    assert len(make(world)) == 1


def test_a_run_that_is_ended_by_hand_makes_room_too(world: World) -> None:
    declare(world, start_date=hour(1), catchup=True, max_active_runs=1)
    make(world)
    assert the_dag(world).next_run_after is None
    world.write(lambda tx: wake_queue(tx, ["d"]))
    assert the_dag(world).next_run_after == hour(2)


def test_a_new_leader_looks_at_all_that_waits(world: World) -> None:
    declare(world, start_date=hour(1), catchup=True, max_active_runs=1)
    make(world)
    world.write(schedules.release_all)
    assert the_dag(world).next_run_after == hour(2)
    assert make(world) == []
    assert the_dag(world).next_run_after is None


def test_more_active_runs_that_a_file_allows_make_room(world: World) -> None:
    declared = dag("d", task("t"), timetable=HOURLY, start_date=hour(1), catchup=True, max_active_runs=1)
    world.declare(declared)
    plan(world, declared, NOON)
    make(world)
    world.declare(declared.model_copy(update={"max_active_runs": 3}))
    assert the_dag(world).next_run_after == hour(2)
    assert len(make(world)) == 2


def test_once_is_once(world: World) -> None:
    declare(world, timetable=OnceTimetable(), start_date=hour(6))
    assert make(world) == [f"scheduled__{hour(6).isoformat()}"]
    assert the_runs(world)[0].next_run_after is None
    row = the_dag(world)
    assert (row.next_run_after, row.next_interval_end) == (None, None)
    plan(world, dag("d", timetable=OnceTimetable(), start_date=hour(7)), NOON)
    assert make(world) == []


def test_continuous_makes_a_run_when_the_last_one_has_ended(world: World) -> None:
    declare(world, timetable=ContinuousTimetable(), start_date=hour(6))
    (first,) = make(world)
    assert make(world, hour(14)) == []
    end(world, first)
    (second,) = make(world, hour(15))
    spans = [(run.data_interval_start, run.data_interval_end) for run in the_runs(world)]
    assert spans == [(hour(6), NOON), (NOON, hour(15))]
    assert the_runs(world)[0].next_run_after is None
    end(world, second)
    assert len(make(world, hour(16))) == 1


def test_continuous_without_a_start_date_goes_on(world: World) -> None:
    declare(world, timetable=ContinuousTimetable(), start_date=None)
    for number in range(13, 18):
        (run_id,) = make(world, hour(number))
        end(world, run_id)
    spans = [(run.data_interval_start, run.data_interval_end) for run in the_runs(world)]
    assert all(start < stop for start, stop in spans if start is not None and stop is not None)


def test_nothing_is_made_after_the_end_date(world: World) -> None:
    declare(world, start_date=hour(10), end_date=hour(11), catchup=True)
    assert len(make(world)) == 2
    assert the_dag(world).next_interval_end is None


def test_a_paused_dag_has_no_scheduled_runs_and_goes_on_with_the_latest_moment(world: World) -> None:
    declare(world, hour(1), start_date=hour(1))
    world.write(at(hour(1), lambda tx: dags.set_paused(tx, "d", True)))
    assert world.read(schedules.next_due) is None
    assert make(world) == []
    world.write(at(NOON, lambda tx: dags.set_paused(tx, "d", False)))
    assert the_dag(world).next_run_after == hour(12)
    assert make(world) == [f"scheduled__{hour(12).isoformat()}"]


def test_a_paused_dag_with_catch_up_makes_up_for_the_pause(world: World) -> None:
    declare(world, hour(1), start_date=hour(1), catchup=True)
    make(world, hour(1))
    world.write(at(hour(1), lambda tx: dags.set_paused(tx, "d", True)))
    world.write(at(hour(4), lambda tx: dags.set_paused(tx, "d", False)))
    assert len(make(world, hour(4))) == 3


@pytest.mark.parametrize("default", [True, False])
def test_a_dag_says_itself_whether_it_begins_paused(sqlite_url: str, open_store: OpenStore, default: bool) -> None:
    world = World(open_store(sqlite_url, paused_at_creation=default))
    declared = {"yes": {"paused_upon_creation": True}, "no": {"paused_upon_creation": False}, "unsaid": {}}
    world.declare(*(dag(dag_id, task("t"), **options) for dag_id, options in declared.items()))
    assert [the_dag(world, dag_id).paused for dag_id in declared] == [True, False, default]
    world.close()


def test_a_stale_dag_has_no_scheduled_runs_until_it_is_declared_again(world: World) -> None:
    declared = dag("d", task("t"), timetable=HOURLY, start_date=datetime(2020, 1, 1, tzinfo=UTC))
    world.declare(declared, dag("e", task("t")))
    world.declare(dag("e", task("t")))
    assert world.read(schedules.next_due) is None
    world.write(lambda tx: plans.write(tx, "d", None))
    world.declare(declared, dag("e", task("t")))
    assert the_dag(world).next_run_after is not None


@pytest.mark.parametrize(
    "change",
    [
        {"timetable": DAILY},
        {"start_date": datetime(2040, 1, 1, tzinfo=UTC)},
        {"end_date": datetime(2020, 1, 1, tzinfo=UTC)},
        {"catchup": True},
        {"timetable": None},
    ],
    ids=["timetable", "start_date", "end_date", "catchup", "no timetable"],
)
def test_another_schedule_is_another_next_run(world: World, change: dict[str, Any]) -> None:
    declared = dag("d", task("t"), timetable=HOURLY, start_date=datetime(2026, 1, 1, 0, 30, tzinfo=UTC))
    world.declare(declared)
    before = the_dag(world)
    world.declare(declared.model_copy(update=change))
    after = the_dag(world)
    assert (after.next_run_after, after.next_logical_date) != (before.next_run_after, before.next_logical_date)
    assert (after.timetable is None) == (change.get("timetable", HOURLY) is None)


def test_another_structure_alone_leaves_the_next_run_as_it_is(world: World) -> None:
    declare(world, hour(1), start_date=hour(1))
    before = the_dag(world)
    world.declare(dag("d", task("t"), task("new"), timetable=HOURLY, start_date=hour(1)), file="d.py")
    after = the_dag(world)
    assert (after.version_number, after.next_run_after) == (2, before.next_run_after)


def test_a_schedule_that_changes_goes_on_after_the_last_run(world: World) -> None:
    declare(world, hour(1), start_date=hour(1), catchup=True)
    make(world, hour(3))
    every = DeltaTriggerTimetable(delta=Delta(months=0, seconds=5400))
    plan(world, dag("d", task("t"), timetable=every, start_date=hour(1), catchup=True), hour(3))
    assert the_dag(world).next_run_after == hour(3) + timedelta(seconds=5400)


def test_a_run_that_somebody_triggered_for_the_same_date_is_not_made_again(world: World) -> None:
    declare(world, start_date=hour(11), catchup=True)
    mine = world.trigger(run_id="mine", logical_date=hour(11))
    assert make(world) == [f"scheduled__{hour(12).isoformat()}"]
    assert [run.run_id for run in the_runs(world)] == [mine.run_id, f"scheduled__{hour(12).isoformat()}"]


def test_a_dag_that_is_not_due_any_more_when_it_is_held_is_left_alone(world: World) -> None:
    declare(world)

    def job(tx: Transaction) -> tuple[int, int]:
        first = schedules.due_dags(tx, 10)
        for due in first:
            schedules.make_run(tx, due)
        return len(first), len(schedules.due_dags(tx, 10))

    assert world.write(at(NOON, job)) == (1, 0)


def test_those_that_are_due_for_longest_come_first(world: World) -> None:
    for dag_id, first in (("a", 9), ("b", 7), ("c", 8)):
        declare(world, dag_id=dag_id, start_date=hour(first), catchup=True)
    due = world.write(at(NOON, lambda tx: [one.dag_id for one in schedules.due_dags(tx, 2)]))
    assert due == ["b", "c"]
    assert world.write(at(NOON, lambda tx: schedules.next_due(tx, ["b"]))) == hour(8)


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"timetable": CronTriggerTimetable(crons=["@nightly"], timezone="UTC")}, "InvalidTimetable", "'@nightly'"),
        ({"timetable": CronTriggerTimetable(crons=["@daily"], timezone="CETT")}, "InvalidTimetable", "timezone 'CETT'"),
        (
            {"timetable": DeltaTriggerTimetable(delta=Delta(months=0, seconds=0.0))},
            "InvalidTimetable",
            "must be positive",
        ),
        ({"params": {"x": SerializedParam(json_schema={"type": "nothing"})}}, "InvalidParams", "parameter x"),
        (
            {"timetable": DAILY, "params": {"x": SerializedParam(json_schema={})}},
            "InvalidParams",
            "parameter x has no default",
        ),
    ],
)
def test_what_cannot_be_scheduled_is_an_import_error_that_names_the_dag(
    world: World, options: dict[str, Any], kind: str, words: str
) -> None:
    world.parse(parsed([dag("bad", task("t"), line=7, **options), dag("good", task("t"))]))
    (error,) = errors(world)
    assert (error.type, error.line) == (kind, 7)
    assert error.message.startswith("DAG bad: ")
    assert words in error.message
    assert [row.dag_id for row in world.read(dags.list_dags).items] == ["good"]


def test_the_runs_to_be_expected_are_those_that_are_made(world: World) -> None:
    declare(world, start_date=hour(10), catchup=True, max_active_runs=2)
    expected = world.write(at(NOON, lambda tx: schedules.next_runs(tx, "d", 4)))
    assert [run.run_after for run in expected] == [hour(number) for number in (10, 11, 12, 13)]
    make(world)
    held = world.write(at(NOON, lambda tx: schedules.next_runs(tx, "d", 2)))
    assert [run.run_after for run in held] == [hour(12), hour(13)]
    world.write(lambda tx: dags.set_paused(tx, "d", True))
    paused = world.write(at(NOON, lambda tx: schedules.next_runs(tx, "d", 1)))
    assert [run.run_after for run in paused] == [hour(12)]
    world.declare(dag("by-hand", task("t")))
    assert world.read(lambda tx: schedules.next_runs(tx, "by-hand", 3)) == []


def test_finding_due_dags_takes_an_index(sqlite_url: str, open_store: OpenStore) -> None:
    world = World(open_store(sqlite_url))
    for statement in (schedules._NEXT, schedules._DUE):
        compiled = str(statement.compile(compile_kwargs={"literal_binds": False}))
        explained = world.write(
            lambda tx, sql=compiled: tx.rows(text(f"EXPLAIN QUERY PLAN {sql}"), {"now": 0, "most": 1})  # type: ignore[misc]
        )
        assert any("ix_dag_due" in row.detail for row in explained), explained
    world.close()
