"""XComs: reads within the own run and, where the grants admit it, of other runs; writes of the own task instance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.server.api.execution.admission import READ_XCOM, admit_reading_dag, record_use
from tradewind.server.api.execution.calls import OperationCall
from tradewind.server.api.execution.live import own_task, reads, writes
from tradewind.server.contract import SetXCom, XComValue
from tradewind.server.store import xcoms

if TYPE_CHECKING:
    from tradewind.server.store import Transaction
    from tradewind.server.store.handouts import Dispatch


@reads
def get_xcom(tx: Transaction, call: OperationCall, dispatch: Dispatch) -> XComValue:
    """An XCom of the own run: the run is taken from the dispatch, so that no other can be named."""
    own_task(dispatch)
    given = call.parameters
    return xcoms.get_xcom(tx, dispatch, given["task_id"], given["key"], given.get("map_index"))


@writes
def find_xcom(tx: Transaction, call: OperationCall, dispatch: Dispatch) -> XComValue:
    """An XCom of another run of the own DAG, or of a DAG that the task may read."""
    use = admit_reading_dag(tx, call, dispatch, READ_XCOM)
    given = call.parameters
    wanted = xcoms.WantedXCom(
        dag_id=given["dag_id"],
        task_id=given["task_id"],
        key=given["key"],
        map_index=given.get("map_index", -1),
        run_id=given.get("run_id"),
        include_prior_dates=given.get("include_prior_dates", False),
    )
    value = xcoms.find_xcom(tx, dispatch, wanted)
    if use is not None:
        record_use(tx, call, dispatch, use, of_task=wanted.task_id, key=wanted.key)
    return value


@writes
def set_xcom(tx: Transaction, call: OperationCall, dispatch: Dispatch) -> None:
    """Write an XCom; a repeat with the same op_id changes nothing."""
    own_task(dispatch)
    body: SetXCom = call.body
    xcoms.set_xcom(tx, dispatch.dispatch_id, call.parameters["key"], body.value, body.op_id)
