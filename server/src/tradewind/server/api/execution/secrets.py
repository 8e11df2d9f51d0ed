"""Variables and connections: what user code may read and write is judged by its grants, and every use is audited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.server.api.execution.admission import (
    DELETE_VARIABLE,
    READ_CONNECTION,
    READ_VARIABLE,
    WRITE_VARIABLE,
    Use,
    admit,
    admit_read,
    check_reading_while_parsed,
    grants_of,
    record_use,
)
from tradewind.server.api.execution.live import reads, writes
from tradewind.server.contract import Connection, ProblemReason, SetVariable, Variable, VariableKeys
from tradewind.server.domain.grants import matches
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import dispatches, receipts, secrets

if TYPE_CHECKING:
    from tradewind.server.api.execution.calls import OperationCall
    from tradewind.server.store import Transaction
    from tradewind.server.store.handouts import Dispatch


@writes
def get_variable(tx: Transaction, call: OperationCall, dispatch: Dispatch) -> Variable:
    """A variable with its value."""
    use = admit_read(tx, call, dispatch, READ_VARIABLE)
    variable = secrets.get_variable(tx, use.name)
    if variable is None:
        raise _not_found(use)
    record_use(tx, call, dispatch, use)
    return variable


@writes
def get_connection(tx: Transaction, call: OperationCall, dispatch: Dispatch) -> Connection:
    """A connection with its secrets."""
    use = admit_read(tx, call, dispatch, READ_CONNECTION)
    connection = secrets.get_connection(tx, use.name)
    if connection is None:
        raise _not_found(use)
    record_use(tx, call, dispatch, use)
    return connection


@writes
def set_variable(tx: Transaction, call: OperationCall, dispatch: Dispatch) -> None:
    """Create a variable or give it another value; its description stays when none is given."""
    use = admit(tx, call, dispatch, WRITE_VARIABLE)
    body: SetVariable = call.body
    dispatches.keep_live(tx, dispatch.dispatch_id)

    def put() -> None:
        description = body.description
        if description is None:
            known = secrets.variable_row(tx, use.name)
            description = None if known is None else known.description
        secrets.put_variable(tx, Variable(key=use.name, value=body.value), description)
        record_use(tx, call, dispatch, use)

    receipts.once(tx, dispatch.dispatch_id, body.op_id, put)


@writes
def delete_variable(tx: Transaction, call: OperationCall, dispatch: Dispatch) -> None:
    """Delete a variable; a repeat with the same op_id does not mind that it is gone."""
    use = admit(tx, call, dispatch, DELETE_VARIABLE)
    dispatches.keep_live(tx, dispatch.dispatch_id)

    def delete() -> None:
        if not secrets.delete_variable(tx, use.name):
            raise _not_found(use)
        record_use(tx, call, dispatch, use)

    receipts.once(tx, dispatch.dispatch_id, call.parameters["op_id"], delete)


@reads
def list_variable_keys(tx: Transaction, call: OperationCall, dispatch: Dispatch) -> VariableKeys:
    """Keys of the variables that the caller may read. A key is no secret, so this is not audited."""
    keys = secrets.variable_keys(tx, call.parameters.get("prefix", ""))
    if dispatch.task is None:
        check_reading_while_parsed(call, dispatch, "variables", field="prefix")
    elif call.services.settings.security.grants == "deny":
        declared = grants_of(tx, dispatch.task).variables
        keys = [key for key in keys if any(matches(pattern, key) for pattern in declared)]
    return VariableKeys(keys=keys)


def _not_found(use: Use) -> Refused:
    noun = use.right.noun
    return Refused(
        ProblemReason.NOT_FOUND,
        f"there is no {noun} {use.name}",
        field=use.right.parameter,
        action=f"create the {noun}, or correct its name",
    )
