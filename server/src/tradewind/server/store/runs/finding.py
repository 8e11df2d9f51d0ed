"""Runs of a DAG by what they are about: the one before another, and the one of a name or date."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy import bindparam as bind

from tradewind.server.contract import DagRunState, DagRunType
from tradewind.server.store.column_types import UtcDateTime
from tradewind.server.store.rows import RunRow
from tradewind.server.store.tables import dag_run
from tradewind.server.store.transaction import Transaction

_COLUMNS = [column for column in dag_run.columns if column.name != "dirty_at"]
_OWN = select(dag_run.c.dag_id, dag_run.c.logical_date, dag_run.c.run_after).where(dag_run.c.pk == bind("run"))
_DATED = (
    select(*_COLUMNS)
    .where(dag_run.c.dag_id == bind("dag_id"), dag_run.c.logical_date < bind("moment"))
    .order_by(dag_run.c.logical_date.desc())
    .limit(1)
)
_UNDATED = (
    select(*_COLUMNS)
    .where(
        dag_run.c.dag_id == bind("dag_id"),
        dag_run.c.logical_date.is_(None),
        dag_run.c.run_after <= bind("moment"),
        (dag_run.c.run_after < bind("moment")) | (dag_run.c.pk < bind("run")),
    )
    .order_by(dag_run.c.run_after.desc(), dag_run.c.pk.desc())
    .limit(1)
)
_OF_NAME = select(dag_run.c.run_id).where(dag_run.c.dag_id == bind("dag_id"), dag_run.c.run_id == bind("run_id"))
_OF_DATE = select(dag_run.c.run_id).where(
    dag_run.c.dag_id == bind("dag_id"), dag_run.c.logical_date == bind("date", type_=UtcDateTime())
)


def previous_run(
    tx: Transaction, run_pk: int, *, state: DagRunState | None = None, but_manual: bool = False
) -> RunRow | None:
    """The run before one: by logical date, or among runs without one by the moment from which they may start.

    Args:
        tx: a transaction.
        run_pk: the run to begin from.
        state: only a run in this state; in any when None.
        but_manual: only a run that nobody triggered by hand.
    """
    own = tx.row(_OWN, {"run": run_pk})
    if own is None:
        return None
    found: Select[tuple[object, ...]]
    if own.logical_date is not None:
        found, values = _DATED, {"dag_id": own.dag_id, "moment": own.logical_date}
    else:
        found, values = _UNDATED, {"dag_id": own.dag_id, "moment": own.run_after, "run": run_pk}
    if state is not None:
        found = found.where(dag_run.c.state == state.value)
    if but_manual:
        found = found.where(dag_run.c.run_type != DagRunType.MANUAL.value)
    row = tx.row(found, values)
    return None if row is None else RunRow(**{**row._asdict(), "state": DagRunState(row.state)})


def run_like(tx: Transaction, dag_id: str, *, run_id: str | None, logical_date: datetime | None) -> str | None:
    """Name of the run that a new one of this name or logical date would be in the way of; None when there is none.

    Args:
        tx: a transaction.
        dag_id: the DAG.
        run_id: a name, if the new run is given one.
        logical_date: a date, if the new run is about one.
    """
    row = None
    if run_id is not None:
        row = tx.row(_OF_NAME, {"dag_id": dag_id, "run_id": run_id})
    if row is None and logical_date is not None:
        row = tx.row(_OF_DATE, {"dag_id": dag_id, "date": logical_date})
    return None if row is None else str(row.run_id)
