"""The next run of each DAG by its schedule, as it stands in the DAG's row.

`next_run_after` is when the leader looks at it. Where it is empty and there is an interval nevertheless, the DAG has as
many scheduled runs as may be active, and the end of one of them sets it again.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Boolean, bindparam, select, text

from tradewind.server.domain.schedules import DataInterval, NextRun, Schedule
from tradewind.server.store.column_types import UtcDateTime
from tradewind.server.store.statements import within
from tradewind.server.store.tables import dag, dag_run
from tradewind.server.store.transaction import Transaction

TOPIC = "schedules"
"""Hint that a DAG may be due earlier than the leader knows."""

_COLUMNS = ("next_run_after", "next_logical_date", "next_interval_start", "next_interval_end")
_LAST = (
    select(dag_run.c.run_after, dag_run.c.logical_date, dag_run.c.data_interval_start, dag_run.c.data_interval_end)
    .where(dag_run.c.dag_id == bindparam("dag_id"), dag_run.c.run_type == text("'scheduled'"))
    .order_by(dag_run.c.pk.desc())
    .limit(1)
)
_PLAN = (
    dag.update()
    .where(dag.c.dag_id == bindparam("of"))
    .values({name: bindparam(f"to_{name}", type_=UtcDateTime()) for name in _COLUMNS})
)
_IS_HELD = text("next_run_after IS NULL AND next_interval_end IS NOT NULL")
_RELEASE = dag.update().where(within(dag.c.dag_id, "dag_ids"), _IS_HELD).values(next_run_after=dag.c.next_interval_end)
_RELEASE_AFTER = (
    dag.update()
    .where(
        dag.c.dag_id.in_(select(dag_run.c.dag_id).where(within(dag_run.c.pk, "runs"))),
        text("dag.next_run_after IS NULL AND dag.next_interval_end IS NOT NULL"),
    )
    .values(next_run_after=dag.c.next_interval_end)
)
_RELEASE_ALL = (
    dag.update()
    .where(_IS_HELD, dag.c.paused == bindparam("of_paused", type_=Boolean()))
    .values(next_run_after=dag.c.next_interval_end)
)


def columns(planned: NextRun | None, *, held: bool = False) -> dict[str, Any]:
    """The columns of a DAG that say its next run.

    Args:
        planned: the run; None for no further one.
        held: whether it waits for the end of another run.
    """
    if planned is None:
        return dict.fromkeys(_COLUMNS)
    return {
        "next_run_after": None if held else planned.run_after,
        "next_logical_date": planned.logical_date,
        "next_interval_start": planned.data_interval.start,
        "next_interval_end": planned.data_interval.end,
    }


def planned_run(row: Any) -> NextRun | None:
    """The next run that the row of a DAG tells, held or not."""
    if row.next_interval_end is None:
        return None
    return NextRun(
        run_after=row.next_run_after or row.next_interval_end,
        logical_date=row.next_logical_date,
        data_interval=DataInterval(row.next_interval_start, row.next_interval_end),
    )


def first_plan(tx: Transaction, dag_id: str, schedule: Schedule | None) -> NextRun | None:
    """The next run of a DAG whose schedule is new, changed, or in force again."""
    return None if schedule is None else schedule.next_run(after=_last_run(tx, dag_id), now=tx.now)


def write(tx: Transaction, dag_id: str, planned: NextRun | None, *, held: bool = False) -> None:
    """Note the next run of a DAG; arguments as for `columns`."""
    tx.change(_PLAN, {"of": dag_id, **{f"to_{name}": value for name, value in columns(planned, held=held).items()}})


def replan(tx: Transaction, dag_id: str, schedule: Schedule | None) -> None:
    """Determine the next run of a DAG anew, and tell the leader."""
    write(tx, dag_id, first_plan(tx, dag_id, schedule))
    tx.hint(TOPIC)


def release(tx: Transaction, dag_ids: Collection[str]) -> None:
    """Let the leader look at DAGs again that may now have a further scheduled run."""
    if dag_ids and tx.change(_RELEASE, {"dag_ids": list(dag_ids)}):
        tx.hint(TOPIC)


def release_after(tx: Transaction, run_pks: Collection[int]) -> bool:
    """The same for the DAGs of runs that have ended; whether there was one."""
    return bool(run_pks and tx.change(_RELEASE_AFTER, {"runs": list(run_pks)}))


def release_all(tx: Transaction) -> None:
    """The same for all DAGs that are not paused, by a leader that does not know what happened before it."""
    tx.change(_RELEASE_ALL, {"of_paused": False})


def _last_run(tx: Transaction, dag_id: str) -> NextRun | None:
    row = tx.row(_LAST, {"dag_id": dag_id})
    if row is None:
        return None
    return NextRun(row.run_after, row.logical_date, DataInterval(row.data_interval_start, row.data_interval_end))
