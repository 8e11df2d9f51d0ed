"""XComs: reads within the own run, writes of the own task instance."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
def set_xcom(tx: Transaction, call: OperationCall, dispatch: Dispatch) -> None:
    """Write an XCom; a repeat with the same op_id changes nothing."""
    own_task(dispatch)
    body: SetXCom = call.body
    xcoms.set_xcom(tx, dispatch.dispatch_id, call.parameters["key"], body.value, body.op_id)
