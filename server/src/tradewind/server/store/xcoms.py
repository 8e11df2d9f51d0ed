"""XComs: values that task instances of a run leave for each other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam as bind
from sqlalchemy import func, select

from tradewind.server.contract import ProblemReason, XComValue
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import receipts
from tradewind.server.store.dispatches.lookup import keep_live, live_dispatch
from tradewind.server.store.handouts import Dispatch, DispatchedTask
from tradewind.server.store.rows import XComRow
from tradewind.server.store.statements import upsert
from tradewind.server.store.tables import dag_run, task_instance, xcom
from tradewind.server.store.transaction import Transaction
from tradewind.server.store.words import storable

_GET = (
    select(xcom.c.value)
    .select_from(xcom.join(task_instance, task_instance.c.pk == xcom.c.instance_pk))
    .where(
        task_instance.c.run_pk == bind("run"),
        task_instance.c.task_id == bind("task_id"),
        task_instance.c.map_index == bind("map_index"),
        xcom.c.key == bind("key"),
    )
)
_OF_DAG = (
    select(xcom.c.value, func.coalesce(dag_run.c.logical_date, dag_run.c.run_after).label("moment"))
    .select_from(
        dag_run.join(task_instance, task_instance.c.run_pk == dag_run.c.pk).join(
            xcom, xcom.c.instance_pk == task_instance.c.pk
        )
    )
    .where(
        dag_run.c.dag_id == bind("dag_id"),
        task_instance.c.task_id == bind("task_id"),
        task_instance.c.map_index == bind("map_index"),
        xcom.c.key == bind("key"),
    )
)
_OF_RUN = _OF_DAG.where(dag_run.c.run_id == bind("run_id"))
# Two walks down an index each: one over runs about a date, one over the others.
_NEWEST_DATED = _OF_DAG.where(dag_run.c.logical_date <= bind("until")).order_by(dag_run.c.logical_date.desc()).limit(1)
_NEWEST_UNDATED = (
    _OF_DAG.where(dag_run.c.logical_date.is_(None), dag_run.c.run_after <= bind("until"))
    .order_by(dag_run.c.run_after.desc(), dag_run.c.pk.desc())
    .limit(1)
)
_MOMENT = select(dag_run.c.logical_date, dag_run.c.run_after).where(
    dag_run.c.dag_id == bind("dag_id"), dag_run.c.run_id == bind("run_id")
)
_PUT = upsert(xcom, "value", "written_at")
_LIST = (
    select(xcom.c.key, xcom.c.value, xcom.c.written_at)
    .where(xcom.c.instance_pk == bind("instance"))
    .order_by(xcom.c.key)
)


def get_xcom(tx: Transaction, dispatch: Dispatch, task_id: str, key: str, map_index: int | None = None) -> XComValue:
    """An XCom of the run that a dispatch belongs to.

    Args:
        tx: a transaction.
        dispatch: the live dispatch of the one who asks.
        task_id: the task that left it.
        key: its key.
        map_index: which of the mapped instances; -1 when absent.

    Raises:
        Refused: `not_found`, or `not_allowed` for an activity that belongs to no run.
    """
    task = _task(dispatch)
    row = None
    if "\0" not in task_id + key:
        index = -1 if map_index is None else map_index
        row = tx.row(_GET, {"run": task.run_pk, "task_id": task_id, "map_index": index, "key": key})
    if row is None:
        detail = f"task {task_id} of run {task.run_id} has no XCom {key!r}"
        raise Refused(ProblemReason.NOT_FOUND, detail, field="key")
    return XComValue(value=row.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedXCom:
    """An XCom that may belong to another run.

    Attributes:
        dag_id: DAG of the run.
        task_id: the task that left it.
        key: its key.
        map_index: which of the mapped instances; -1 for a task that is not mapped.
        run_id: the run; the one with the name of the own run when None.
        include_prior_dates: whether the newest of that run and those before it counts. Runs are in the order of
            their logical dates, or for a run without one of the moment from which it may start.
    """

    dag_id: str
    task_id: str
    key: str
    map_index: int = -1
    run_id: str | None = None
    include_prior_dates: bool = False


def find_xcom(tx: Transaction, dispatch: Dispatch, wanted: WantedXCom) -> XComValue:
    """An XCom of any run.

    Args:
        tx: a transaction.
        dispatch: the live dispatch of the one who asks, who may read that DAG.
        wanted: which XCom.

    Raises:
        Refused: `not_found`, or `not_allowed` for an activity that belongs to no run.
    """
    task = _task(dispatch)
    run_id = wanted.run_id or task.run_id
    values = {
        "dag_id": wanted.dag_id,
        "task_id": wanted.task_id,
        "map_index": wanted.map_index,
        "key": wanted.key,
    }
    row = None
    if "\0" not in wanted.dag_id + wanted.task_id + wanted.key + run_id:
        if wanted.include_prior_dates:
            row = _newest(tx, values, _reference(tx, wanted, task))
        else:
            row = tx.row(_OF_RUN, {**values, "run_id": run_id})
    if row is None:
        which = f"run {run_id} or one before it" if wanted.include_prior_dates else f"run {run_id}"
        detail = f"task {wanted.task_id} of {which} of DAG {wanted.dag_id} has no XCom {wanted.key!r}"
        raise Refused(ProblemReason.NOT_FOUND, detail, field="key")
    return XComValue(value=row.value)


def _reference(tx: Transaction, wanted: WantedXCom, task: DispatchedTask) -> datetime:
    """Moment of the run that is named, or of the own run."""
    dag_id, run_id = (task.dag_id, task.run_id) if wanted.run_id is None else (wanted.dag_id, wanted.run_id)
    run = tx.row(_MOMENT, {"dag_id": dag_id, "run_id": run_id})
    if run is None:
        raise Refused(ProblemReason.NOT_FOUND, f"DAG {dag_id} has no run {run_id}", field="run_id")
    moment: datetime = run.logical_date or run.run_after
    return moment


def _newest(tx: Transaction, values: dict[str, Any], until: datetime) -> Any:
    found = [tx.row(statement, {**values, "until": until}) for statement in (_NEWEST_DATED, _NEWEST_UNDATED)]
    return max((row for row in found if row is not None), key=lambda row: row.moment, default=None)


def set_xcom(tx: Transaction, dispatch: Dispatch | str, key: str, value: Any, op_id: str) -> None:
    """Write an XCom of the own task instance; a repeat with the same `op_id` does nothing.

    Args:
        tx: a transaction that writes.
        dispatch: the live dispatch as found in this transaction, or its id.
        key: its key; another value of the task instance under it is replaced.
        value: any JSON value.
        op_id: identity of the operation.

    Raises:
        Refused: `unknown_dispatch`, `dispatch_ended`, `invalid_value` for the key, or `not_allowed` for an activity
            that belongs to no run.
    """
    found = live_dispatch(tx, dispatch) if isinstance(dispatch, str) else dispatch
    task = _task(found)
    keep_live(tx, found.dispatch_id)
    storable(key, field="key")
    if receipts.first_answer(tx, found.dispatch_id, op_id) is not receipts.NO_ANSWER:
        return
    tx.change(_PUT, {"instance_pk": task.instance_pk, "key": key, "value": value, "written_at": tx.now})
    receipts.keep_answer(tx, found.dispatch_id, op_id, None)


def list_xcoms(tx: Transaction, instance_pk: int) -> list[XComRow]:
    """The XComs of a task instance by key."""
    return [XComRow(row.key, row.value, row.written_at) for row in tx.rows(_LIST, {"instance": instance_pk})]


def _task(dispatch: Dispatch) -> DispatchedTask:
    if dispatch.task is None:
        detail = f"an activity of kind {dispatch.kind} belongs to no run and has no XComs"
        raise Refused(ProblemReason.NOT_ALLOWED, detail)
    return dispatch.task
