"""Runs that somebody asks for: their dates, names, parameters, and what is refused."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tradewind.server.contract import (
    CronDataIntervalTimetable,
    CronTriggerTimetable,
    DagRunType,
    ProblemReason,
    SerializedParam,
    TriggeredBy,
)
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import Transaction, dags, runs

from .world import World, dag, task

DAILY = CronDataIntervalTimetable(cron="@daily", timezone="UTC")
NOON = datetime(2026, 5, 20, 12, tzinfo=UTC)
MIDNIGHT = NOON - timedelta(hours=12)


def refused(world: World, **options: Any) -> Refused:
    with pytest.raises(Refused) as refusal:
        world.trigger(**options)
    return refusal.value


def test_a_run_without_a_logical_date_has_no_interval_and_may_start_now(world: World) -> None:
    world.declare(dag("d", task("t"), timetable=DAILY))
    before = datetime.now(UTC) - timedelta(seconds=1)
    run = world.trigger()
    assert (run.logical_date, run.data_interval_start, run.data_interval_end) == (None, None, None)
    assert before < run.run_after < datetime.now(UTC) + timedelta(seconds=1)
    assert run.run_id == f"manual__{run.run_after.isoformat(timespec='microseconds')}"
    assert (run.run_type, run.triggered_by, run.triggering_user, run.note) == ("manual", "rest_api", None, None)


def test_the_interval_of_a_logical_date_follows_from_the_timetable(world: World) -> None:
    world.declare(dag("d", task("t"), timetable=DAILY), dag("by-hand", task("t")))
    run = world.trigger(logical_date=NOON)
    assert (run.data_interval_start, run.data_interval_end) == (MIDNIGHT - timedelta(days=1), MIDNIGHT)
    assert run.run_id == "manual__2026-05-20T12:00:00+00:00"
    exact = world.trigger("by-hand", logical_date=NOON)
    assert (exact.data_interval_start, exact.data_interval_end) == (NOON, NOON)


def test_an_interval_that_is_given_is_kept(world: World) -> None:
    world.declare(dag("d", task("t"), timetable=DAILY))
    run = world.trigger(logical_date=NOON, data_interval=(MIDNIGHT, NOON))
    assert (run.data_interval_start, run.data_interval_end) == (MIDNIGHT, NOON)
    backwards = refused(world, data_interval=(NOON, MIDNIGHT))
    assert (backwards.reason, backwards.field) == (ProblemReason.INVALID_VALUE, "data_interval_end")


def test_a_run_may_be_asked_for_later(world: World) -> None:
    world.declare(dag("d", task("t")))
    later = datetime.now(UTC) + timedelta(hours=1)
    run = world.trigger(run_after=later)
    assert (run.run_after, run.state.value) == (later, "queued")
    world.schedule()
    assert world.run_row(run.run_id).state.value == "queued"


def test_dates_are_kept_in_utc(world: World) -> None:
    world.declare(dag("d", task("t")))
    east = timezone(timedelta(hours=2))
    run = world.trigger(logical_date=NOON.astimezone(east), run_after=NOON.astimezone(east))
    assert run.run_id == "manual__2026-05-20T12:00:00+00:00"
    assert (run.logical_date, run.run_after) == (NOON, NOON)
    same = refused(world, logical_date=NOON)
    assert same.reason is ProblemReason.ALREADY_EXISTS


def test_a_logical_date_names_one_run_of_a_dag(world: World) -> None:
    world.declare(dag("d", task("t")), dag("e", task("t")))
    world.trigger(run_id="mine", logical_date=NOON)
    again = refused(world, run_id="other", logical_date=NOON)
    assert (again.reason, again.field) == (ProblemReason.ALREADY_EXISTS, "logical_date")
    assert "run mine of DAG d" in again.detail
    assert world.trigger("e", logical_date=NOON).logical_date == NOON
    assert world.trigger(logical_date=NOON + timedelta(microseconds=1)).run_id != "mine"


def test_a_run_id_names_one_run_of_a_dag(world: World) -> None:
    world.declare(dag("d", task("t")))
    world.trigger(run_id="mine")
    again = refused(world, run_id="mine", logical_date=NOON)
    assert (again.reason, again.field) == (ProblemReason.ALREADY_EXISTS, "dag_run_id")


def test_runs_of_one_moment_have_names_of_their_own(world: World) -> None:
    world.declare(dag("d", task("t")))
    names = world.write(lambda tx: [runs.create_run(tx, "d", run_after=NOON).run_id for _ in range(3)])
    stem = "manual__2026-05-20T12:00:00.000000+00:00"
    assert names == [stem, f"{stem}-2", f"{stem}-3"]


def test_a_task_that_asks_is_named(world: World) -> None:
    world.declare(dag("d", task("t")))
    run = world.trigger(
        run_type=DagRunType.OPERATOR_TRIGGERED,
        triggered_by=TriggeredBy.OPERATOR,
        logical_date=NOON,
        note="why",
        actor="task:d/t",
    )
    assert run.run_id == "operator_triggered__2026-05-20T12:00:00+00:00"
    assert (run.run_type, run.triggered_by, run.note) == ("operator_triggered", "operator", "why")
    assert [event.actor for event in world.events(run.run_id)] == ["task:d/t"]


def test_a_run_knows_when_the_next_scheduled_one_is_due(world: World) -> None:
    hourly = CronTriggerTimetable(crons=["@hourly"], timezone="UTC")
    world.declare(dag("d", task("t"), timetable=hourly, start_date=datetime(2100, 1, 1, tzinfo=UTC)))
    assert world.trigger().next_run_after == datetime(2100, 1, 1, tzinfo=UTC)
    world.write(lambda tx: dags.set_paused(tx, "d", True))
    assert world.trigger(run_id="paused").next_run_after is None


def test_the_configuration_must_meet_the_parameters(world: World) -> None:
    params = {"n": SerializedParam(json_schema={"type": "integer"}), "word": SerializedParam(value="a", json_schema={})}
    world.declare(dag("d", task("t"), params=params))
    missing = refused(world)
    assert (missing.reason, missing.field) == (ProblemReason.MISSING_FIELD, "conf.n")
    wrong = refused(world, conf={"n": "1"})
    assert (wrong.reason, wrong.field) == (ProblemReason.INVALID_VALUE, "conf.n")
    # What is kept is what was given: defaults belong to the version that the run is pinned to.
    assert world.trigger(conf={"n": 1, "more": [None]}).conf == {"n": 1, "more": [None]}


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"logical_date": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))}, "logical_date"),
        ({"logical_date": datetime(1, 1, 1, tzinfo=UTC)}, "logical_date"),
        ({"run_after": datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-10)))}, "run_after"),
        ({"run_id": "with space"}, "dag_run_id"),
    ],
)
def test_dates_and_names_that_cannot_be_are_refused(world: World, options: dict[str, Any], field: str) -> None:
    world.declare(dag("d", task("t"), timetable=DAILY))
    refusal = refused(world, **options)
    assert (refusal.reason, refusal.field) == (ProblemReason.INVALID_VALUE, field)


def test_a_refusal_leaves_nothing_behind(world: World) -> None:
    world.declare(dag("d", task("t")))
    world.trigger(run_id="mine", logical_date=NOON)
    for options in ({"run_id": "mine"}, {"run_id": "new", "logical_date": NOON}):
        refused(world, **options)

    def rows(tx: Transaction) -> int:
        return runs.list_runs(tx, "d").total

    assert world.read(rows) == 1
