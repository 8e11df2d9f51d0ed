"""DAGs whose schedule is due, and the runs that it makes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, not_, select, text
from sqlalchemy import bindparam as bind

from tradewind.server.contract import ContinuousTimetable
from tradewind.server.domain.schedules import NextRun, Schedule
from tradewind.server.store import plans
from tradewind.server.store.column_types import UtcDateTime
from tradewind.server.store.dags.catalogue import dag_version, get_dag
from tradewind.server.store.runs.create import create_scheduled_run
from tradewind.server.store.statements import within
from tradewind.server.store.tables import dag, dag_run
from tradewind.server.store.transaction import Transaction

_MAY_BE_DUE = text("dag.next_run_after IS NOT NULL AND NOT dag.paused AND NOT dag.stale")
_IS_DUE = and_(_MAY_BE_DUE, dag.c.next_run_after <= bind("now", type_=UtcDateTime()))
_NEXT = select(func.min(dag.c.next_run_after)).where(_MAY_BE_DUE)
_NEXT_OF_OTHERS = _NEXT.where(not_(within(dag.c.dag_id, "ignored")))
_DUE = select(dag.c.dag_id).where(_IS_DUE).order_by(dag.c.next_run_after, dag.c.dag_id).limit(bind("most"))
# In the order of their names, as whoever records a parse holds them.
_HOLD = select(dag).where(within(dag.c.dag_id, "dag_ids"), _IS_DUE).order_by(dag.c.dag_id).with_for_update()
_LIVE = (
    select(dag_run.c.dag_id, func.count().label("number"))
    .where(
        within(dag_run.c.dag_id, "dag_ids"),
        text("dag_run.run_type = 'scheduled' AND dag_run.state IN ('queued', 'running')"),
    )
    .group_by(dag_run.c.dag_id)
)


@dataclass(frozen=True, slots=True)
class DueDag:
    """A DAG whose next run is due; no other transaction changes it meanwhile.

    Attributes:
        row: its row.
        planned: the run that is due.
        live: its scheduled runs that have not ended.
    """

    row: Any
    planned: NextRun
    live: int

    @property
    def dag_id(self) -> str:
        """Its name."""
        dag_id: str = self.row.dag_id
        return dag_id


@dataclass(frozen=True, slots=True)
class Made:
    """What was done about a DAG that was due.

    Attributes:
        run_id: the run that was created, if one was.
        instances: task instances that were written.
    """

    run_id: str | None = None
    instances: int = 0


def next_due(tx: Transaction, ignored: Collection[str] = ()) -> datetime | None:
    """When the next scheduled run of any DAG is due, but for those to ignore."""
    moment: datetime | None = tx.value(_NEXT_OF_OTHERS, {"ignored": list(ignored)}) if ignored else tx.value(_NEXT)
    return moment


def due_dags(tx: Transaction, limit: int) -> list[DueDag]:
    """DAGs that are due, those that have been for longest, by name, held until the end of the transaction."""
    dag_ids = [row.dag_id for row in tx.rows(_DUE, {"now": tx.now, "most": limit})]
    if not dag_ids:
        return []
    rows = tx.rows(_HOLD, {"dag_ids": dag_ids, "now": tx.now})
    live = {row.dag_id: row.number for row in tx.rows(_LIVE, {"dag_ids": dag_ids})}
    found = [(row, plans.planned_run(row)) for row in rows]
    return [DueDag(row, planned, live.get(row.dag_id, 0)) for row, planned in found if planned is not None]


def make_run(tx: Transaction, due: DueDag) -> Made:
    """Create the run that is due and note the one after it, or let the DAG wait until one of its runs has ended.

    A run that exists by its name or logical date, because somebody triggered it, is not made a second time.

    Args:
        tx: a transaction that writes, of a leader that is known to be in office.
        due: one of `due_dags` of this transaction.

    Raises:
        ValueError: the timetable cannot be evaluated here; nothing was changed.
        LookupError: the same, for a task that another one waits for and that is not there.
    """
    version = dag_version(tx, due.row.dag_version_pk)
    schedule = Schedule.of(version)
    if schedule is None:
        plans.write(tx, due.dag_id, None)
        return Made()
    if due.live >= _most_live(schedule, due.row.max_active_runs):
        plans.write(tx, due.dag_id, due.planned, held=True)
        return Made()
    run = schedule.due_run(due.planned, tx.now)
    following = None if run is None else schedule.next_run(after=run, now=tx.now)
    run_id = None
    if run is not None:
        after = schedule.moment_after(run.data_interval)
        run_id = create_scheduled_run(tx, due.row, version, run, after)
    plans.write(tx, due.dag_id, following)
    return Made(run_id, len(version.tasks) if run_id is not None else 0)


def next_runs(tx: Transaction, dag_id: str, count: int) -> list[NextRun]:
    """The runs that the schedule of a DAG makes next, as if it were not paused.

    Raises:
        Refused: `not_found`.
    """
    row = get_dag(tx, dag_id)
    schedule = Schedule.of(dag_version(tx, row.dag_version_pk))
    if schedule is None or row.stale:
        return []
    planned = plans.first_plan(tx, dag_id, schedule) if row.paused else plans.planned_run(row)
    return schedule.upcoming(planned, now=tx.now, count=count)


def release_after(tx: Transaction, run_pks: Collection[int]) -> bool:
    """Let DAGs that waited for the end of one of these runs be looked at; whether there was one."""
    return plans.release_after(tx, run_pks)


def release_all(tx: Transaction) -> None:
    """Let all DAGs that wait for the end of a run be looked at."""
    plans.release_all(tx)


def _most_live(schedule: Schedule, max_active_runs: int) -> int:
    return 1 if isinstance(schedule.timetable, ContinuousTimetable) else max_active_runs
