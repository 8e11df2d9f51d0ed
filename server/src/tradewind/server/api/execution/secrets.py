"""Variables and connections: what a task may read is judged by its grants, and every read is audited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tradewind.server.api.execution.calls import OperationCall
from tradewind.server.api.execution.live import own_task, writes
from tradewind.server.contract import Connection, ProblemReason, Variable
from tradewind.server.domain.grants import GrantVerdict, matches, read_verdict
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import audit, dags, secrets

if TYPE_CHECKING:
    from tradewind.server.store import Transaction
    from tradewind.server.store.handouts import Dispatch, DispatchedTask

Sort = Literal["variable", "connection"]


@writes
def get_variable(tx: Transaction, call: OperationCall, dispatch: Dispatch) -> Variable:
    """A variable with its value."""
    read = _admit(tx, call, dispatch, "variable", call.parameters["key"])
    variable = secrets.get_variable(tx, read.name)
    if variable is None:
        raise _not_found(read)
    _audit(tx, call, read)
    return variable


@writes
def get_connection(tx: Transaction, call: OperationCall, dispatch: Dispatch) -> Connection:
    """A connection with its secrets."""
    read = _admit(tx, call, dispatch, "connection", call.parameters["conn_id"])
    connection = secrets.get_connection(tx, read.name)
    if connection is None:
        raise _not_found(read)
    _audit(tx, call, read)
    return connection


@dataclass(frozen=True, slots=True)
class _Read:
    """A read that the grants admit."""

    sort: Sort
    name: str
    declared: bool
    task: DispatchedTask

    @property
    def parameter(self) -> str:
        return "key" if self.sort == "variable" else "conn_id"


def _admit(tx: Transaction, call: OperationCall, dispatch: Dispatch, sort: Sort, name: str) -> _Read:
    """Hold a read against the grants of its task."""
    task = own_task(dispatch)
    grants = dags.effective_grants(tx, task.dag_version_pk, task.task_id)
    patterns = grants.variables if sort == "variable" else grants.connections
    verdict = read_verdict(call.services.settings.security.grants, patterns, name)
    read = _Read(sort, name, declared=any(matches(pattern, name) for pattern in patterns), task=task)
    if verdict is GrantVerdict.DENY:
        raise Refused(
            ProblemReason.NOT_ALLOWED,
            f"task {task.task_id} of DAG {task.dag_id} does not declare the {sort} {name}",
            field=read.parameter,
            action=f"declare the {sort} in the grants of the DAG or the task",
        )
    return read


def _audit(tx: Transaction, call: OperationCall, read: _Read) -> None:
    audit.append(
        tx,
        actor=call.activity.label,
        action=f"read_{read.sort}",
        subject=read.name,
        detail={"declared": read.declared, "dag_id": read.task.dag_id, "task_id": read.task.task_id},
        dispatch_id=call.activity.dispatch_id,
    )


def _not_found(read: _Read) -> Refused:
    return Refused(
        ProblemReason.NOT_FOUND,
        f"there is no {read.sort} {read.name}",
        field=read.parameter,
        action=f"create the {read.sort}, or correct its name",
    )
