"""DAGs with a schedule, and their runs, with the moment said by the test."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import text

from tradewind.server.contract import CronDataIntervalTimetable, CronTriggerTimetable, SerializedDag
from tradewind.server.domain.schedules import Schedule
from tradewind.server.store import Transaction, dags, plans, runs, schedules
from tradewind.server.store.rows import DagRow, RunRow

from .world import World, dag, task

T = TypeVar("T")
HOURLY = CronTriggerTimetable(crons=["@hourly"], timezone="UTC")
DAILY = CronDataIntervalTimetable(cron="@daily", timezone="UTC")
NOON = datetime(2030, 5, 20, 12, 30, tzinfo=UTC)
"""The present of most tests."""


def hour(number: int) -> datetime:
    return NOON.replace(minute=0) + timedelta(hours=number - 12)


def at(moment: datetime, job: Callable[[Transaction], T]) -> Callable[[Transaction], T]:
    """The job as it runs at a moment; the transaction must be its own."""

    def shifted(tx: Transaction) -> T:
        tx.now = moment
        return job(tx)

    return shifted


def declare(world: World, now: datetime = NOON, *, dag_id: str = "d", **options: Any) -> None:
    """Make a DAG known, with its next run as if that happened at a moment."""
    declared = dag(dag_id, task("t"), **{"timetable": HOURLY, "start_date": hour(0), **options})
    world.declare(declared, file=f"{dag_id}.py")
    plan(world, declared, now)


def plan(world: World, declared: SerializedDag, now: datetime) -> None:
    world.write(at(now, lambda tx: plans.replan(tx, declared.dag_id, Schedule.of(declared))))


def make(world: World, now: datetime = NOON) -> list[str]:
    """Make what is due until nothing is; the names of the runs in their order."""

    def job(tx: Transaction) -> list[str]:
        made: list[str] = []
        while due := schedules.due_dags(tx, 10):
            made += [run.run_id for one in due if (run := schedules.make_run(tx, one)).run_id is not None]
        return made

    return world.write(at(now, job))


def the_dag(world: World, dag_id: str = "d") -> DagRow:
    return world.read(lambda tx: dags.get_dag(tx, dag_id))


def the_runs(world: World, dag_id: str = "d") -> list[RunRow]:
    return world.read(lambda tx: runs.list_runs(tx, dag_id, order=["id"])).items


def end(world: World, run_id: str, *, dag_id: str = "d") -> None:
    """Let a run end, and whoever decides about it look at what waits for that."""

    def job(tx: Transaction) -> None:
        pk = runs.get_run(tx, dag_id, run_id).pk
        tx.change(text("UPDATE dag_run SET state = 'success', dirty_at = NULL WHERE pk = :run"), {"run": pk})
        schedules.release_after(tx, [pk])

    world.write(job)
