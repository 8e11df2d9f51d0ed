"""Random histories of a deployment, and retention at a moment that the test says."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast

from sqlalchemy import text

from tradewind.server.contract import CronTriggerTimetable, DagRunState, Outcome, SerializedDag
from tradewind.server.domain.refusals import Refused
from tradewind.server.domain.schedules import Schedule
from tradewind.server.scheduler.retention import Round
from tradewind.server.store import Store, Transaction, audit, plans, receipts, runs, schedules
from tradewind.server.store.handouts import Handout
from tradewind.server.store.identity import uuid7
from tradewind.server.store.retention import RetentionPlan
from tradewind.server.store.runs import Clearing, previous_run

from .timetabled import at
from .world import World, dag, failed, parsed, started, succeeded, task

T = TypeVar("T")
DAY = timedelta(days=1)
DAG_IDS = ("plain", "chained", "hourly", "counting")


class StoreAt:
    """A store whose clock stands: what runs through it happens at one moment."""

    def __init__(self, store: Store, moment: datetime) -> None:
        self._store = store
        self._moment = moment

    async def write(self, job: Callable[[Transaction], T]) -> T:
        return await self._store.write(at(self._moment, job))

    async def read(self, query: Callable[[Transaction], T]) -> T:
        return await self._store.read(at(self._moment, query))


def a_day(**options: Any) -> RetentionPlan:
    """Retention after a day, of everything."""
    return RetentionPlan(**{"runs": DAY, "parses": DAY, "audit": DAY, "code": DAY, **options})


def prune(world: World, before: datetime, plan: RetentionPlan | None = None) -> dict[str, int]:
    """Delete what was over before a moment."""
    store = cast("Store", StoreAt(world.store, before + DAY))
    return world.run(Round(store, plan or a_day(), share=1.0).run())


def now(world: World) -> datetime:
    """The present on the store's clock."""
    return world.write(lambda tx: tx.now)


def table(world: World, name: str) -> set[tuple[Any, ...]]:
    """All rows of a table."""
    return {tuple(row) for row in world.read(lambda tx: tx.rows(text(f"SELECT * FROM {name}")))}


def keys(world: World, query: str) -> set[Any]:
    """The first column of all rows of a query."""
    return {row[0] for row in world.read(lambda tx: tx.rows(text(query)))}


class History:
    """A deployment that lives by chance: its DAGs change, runs come, tasks end well or not, people interfere.

    Args:
        world: its store.
        seed: the same seed makes the same history.
    """

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.random = random.Random(seed)
        self.open: list[Handout] = []
        self.number = 0
        self._versions = dict.fromkeys(DAG_IDS, 0)
        self._binding = world.connect().binding
        for dag_id in DAG_IDS:
            self.change_code(dag_id)

    def live_a_while(self, steps: int) -> None:
        """Let things happen."""
        happenings = (
            (self.trigger, 6),
            (self.work, 12),
            (self.change_something, 2),
            (self.interfere, 2),
            (self.schedule_hourly, 1),
            (self.restart_worker, 1),
            (self.refuse_a_call, 2),
        )
        kinds = [happening for happening, weight in happenings for _ in range(weight)]
        for _ in range(steps):
            self.random.choice(kinds)()

    def trigger(self) -> None:
        dag_id = self.random.choice(DAG_IDS)
        self.number += 1
        date = None
        if self.random.random() < 0.6:
            date = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=self.random.randrange(100))
        # Another run may have the date.
        with contextlib.suppress(Refused):
            self.world.trigger(dag_id, run_id=f"{dag_id}-{self.number}", logical_date=date)

    def work(self) -> None:
        """The leader decides, a worker takes something, and something ends."""
        self.world.schedule()
        claimed = self.world.claim(self._binding, limit=self.random.randrange(1, 6))
        self.open += claimed
        self.random.shuffle(self.open)
        for _ in range(self.random.randrange(len(self.open) + 1)):
            self.end_one(self.open.pop())
        self.world.schedule()

    def end_one(self, handout: Handout) -> None:
        outcome: Outcome = failed() if self.random.random() < 0.3 else succeeded(a=1, b=[2])
        if self.random.random() < 0.5:
            self.world.write(lambda tx: receipts.keep_answer(tx, handout.dispatch_id, uuid7(), None))
        try:
            self.world.report(handout.dispatch_id, started())
            self.world.report(handout.dispatch_id, outcome)
        except Refused:
            # Somebody stopped it; its worker says that the process is gone.
            self.world.connect(instance_id=self._binding.instance_id, live=[one.dispatch_id for one in self.open])

    def change_something(self) -> None:
        self.change_code(self.random.choice(DAG_IDS))

    def change_code(self, dag_id: str) -> None:
        self._versions[dag_id] += 1
        number = self._versions[dag_id]
        extra = [task(f"extra{number}")] if self.random.random() < 0.7 else []
        looks_back = dag_id == "chained"
        tasks = [task("a", depends_on_past=looks_back, retries=1), task("b", "a"), *extra]
        options: dict[str, Any] = {}
        if dag_id == "hourly":
            start = datetime(2026, 3, 1, tzinfo=UTC)
            timetable = CronTriggerTimetable(crons=["@hourly"], timezone="UTC")
            options = {"timetable": timetable, "start_date": start, "catchup": True}
        if dag_id == "counting":
            options = {"max_consecutive_failed_dag_runs": 3}
        declared = dag(dag_id, *tasks, max_active_runs=5, **options)
        content = f"{dag_id} {number}".encode()
        file = f"{dag_id}.py"
        self.world.parse(parsed([declared], file=file, content=content), file=file, content=content)
        if dag_id == "hourly":
            self.plan(declared)

    def plan(self, declared: SerializedDag) -> None:
        moment = datetime(2026, 3, 1, 8, tzinfo=UTC)
        self.world.write(at(moment, lambda tx: plans.replan(tx, declared.dag_id, Schedule.of(declared))))

    def schedule_hourly(self) -> None:
        """Make the runs that are due in a morning long ago."""
        moment = datetime(2026, 3, 1, 2 + self.random.randrange(6), tzinfo=UTC)

        def job(tx: Transaction) -> None:
            for due in schedules.due_dags(tx, 10):
                schedules.make_run(tx, due)

        self.world.write(at(moment, job))

    def interfere(self) -> None:
        found = [run for dag_id in DAG_IDS for run in self.runs(dag_id)]
        if not found:
            return
        run = self.random.choice(found)
        clearing = Clearing(dag_id=run.dag_id, run_id=run.run_id, whole_run=True)
        actions: Sequence[Callable[[Transaction], Any]] = (
            lambda tx: runs.clear(tx, clearing, user="ada"),
            lambda tx: runs.cancel_run(tx, run.dag_id, run.run_id, user="ada"),
        )
        # It may have ended already, or a process of it may be there.
        with contextlib.suppress(Refused):
            self.world.write(self.random.choice(actions))
        self.world.schedule()

    def restart_worker(self) -> None:
        """Another life of the worker takes over what the one before it ran; of that nothing is left."""
        former = self._binding.instance_id
        self.open.clear()
        self._binding = self.world.connect(ended=[former]).binding
        self.world.schedule()

    def refuse_a_call(self) -> None:
        action = self.random.choice(["refused", "set_variable"])
        self.world.write(lambda tx: audit.append(tx, actor="nobody", action=action, subject="x"))

    def runs(self, dag_id: str) -> list[Any]:
        return self.world.read(lambda tx: runs.list_runs(tx, dag_id, limit=10_000)).items

    def finish_everything(self) -> None:
        """Let all live runs end well."""
        for _ in range(10_000):
            self.world.schedule()
            self.open += self.world.claim(self._binding)
            if not self.open:
                return
            handout = self.open.pop()
            self.world.report(handout.dispatch_id, succeeded())
        raise AssertionError("runs never end")

    def runs_before_live_ones(self) -> dict[int, tuple[int | None, ...]]:
        """For each live run, the runs before it of each kind that may be asked for."""

        def query(tx: Transaction) -> dict[int, tuple[int | None, ...]]:
            pks = [row.pk for row in tx.rows(text("SELECT pk FROM dag_run WHERE state IN ('queued', 'running')"))]
            return {pk: runs_before(tx, pk) for pk in pks}

        return self.world.read(query)


def runs_before(tx: Transaction, pk: int) -> tuple[int | None, ...]:
    """The run before one: any, one not by hand, one that succeeded."""
    asked: tuple[dict[str, Any], ...] = ({}, {"but_manual": True}, {"state": DagRunState.SUCCESS})
    found = [previous_run(tx, pk, **options) for options in asked]
    return tuple(None if run is None else run.pk for run in found)
