"""XComs: values that task instances of a run leave for each other."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam as bind
from sqlalchemy import select

from tradewind.server.contract import ProblemReason, XComValue
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import receipts
from tradewind.server.store.dispatches.lookup import keep_live, live_dispatch
from tradewind.server.store.handouts import Dispatch, DispatchedTask
from tradewind.server.store.rows import XComRow
from tradewind.server.store.statements import upsert
from tradewind.server.store.tables import task_instance, xcom
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
