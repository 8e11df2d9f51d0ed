"""What user code may use beyond its own run: each use is held against its grants, and what is admitted is audited.

A task has the grants of its DAG and its own. A DAG file that is parsed has none: what it would declare is only known
when its parse has ended, so `security.grants` alone decides what it may read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tradewind.server.api.execution.live import own_task
from tradewind.server.contract import Grants, ProblemReason
from tradewind.server.domain.grants import GrantName, GrantVerdict, matches, patterns_of, use_verdict
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import audit, dags

if TYPE_CHECKING:
    from tradewind.server.api.execution.calls import OperationCall
    from tradewind.server.store import Transaction
    from tradewind.server.store.handouts import Dispatch, DispatchedTask


@dataclass(frozen=True, slots=True)
class Right:
    """A kind of use that grants decide about.

    Attributes:
        action: how the audit names it.
        grants: the kinds of grants that give it; the first is the one to declare.
        parameter: parameter of the operation that names what is used.
        noun: what is used.
    """

    action: str
    grants: tuple[GrantName, ...]
    parameter: str
    noun: str


READ_VARIABLE: Final = Right("read_variable", ("variables",), "key", "variable")
WRITE_VARIABLE: Final = Right("write_variable", ("write_variables",), "key", "variable")
DELETE_VARIABLE: Final = Right("delete_variable", ("write_variables",), "key", "variable")
READ_CONNECTION: Final = Right("read_connection", ("connections",), "conn_id", "connection")
READ_XCOM: Final = Right("read_xcom", ("read_dags",), "dag_id", "DAG")
READ_RUN: Final = Right("read_run", ("read_dags", "trigger_dags"), "dag_id", "DAG")
TRIGGER_RUN: Final = Right("trigger_run", ("trigger_dags",), "dag_id", "DAG")


@dataclass(frozen=True, slots=True)
class Use:
    """A use that the grants admit: by a task, or by the parse of a file when `task` is None."""

    right: Right
    name: str
    declared: bool
    task: DispatchedTask | None


def grants_of(tx: Transaction, task: DispatchedTask) -> Grants:
    """What the version of the DAG that the run is pinned to declares for a task."""
    return dags.effective_grants(tx, task.dag_version_pk, task.task_id)


def admit(tx: Transaction, call: OperationCall, dispatch: Dispatch, right: Right) -> Use:
    """Hold a use against the grants of the task that asks.

    Raises:
        Refused: `not_allowed`.
    """
    task = own_task(dispatch)
    name: str = call.parameters[right.parameter]
    patterns = patterns_of(grants_of(tx, task), right.grants)
    if use_verdict(call.services.settings.security.grants, patterns, name) is GrantVerdict.DENY:
        raise Refused(
            ProblemReason.NOT_ALLOWED,
            f"task {task.task_id} of DAG {task.dag_id} does not declare the {right.noun} {name}",
            field=right.parameter,
            action=f"declare the {right.noun} in {right.grants[0]} of the DAG or the task",
        )
    return Use(right, name, declared=any(matches(pattern, name) for pattern in patterns), task=task)


def admit_read(tx: Transaction, call: OperationCall, dispatch: Dispatch, right: Right) -> Use:
    """Hold the read of a secret against the grants of the task, or of the parse, that asks.

    Raises:
        Refused: `not_allowed`.
    """
    if dispatch.task is not None:
        return admit(tx, call, dispatch, right)
    check_reading_while_parsed(call, dispatch, f"{right.noun}s", field=right.parameter)
    return Use(right, call.parameters[right.parameter], declared=False, task=None)


def check_reading_while_parsed(call: OperationCall, dispatch: Dispatch, what: str, *, field: str) -> None:
    """Hold what a DAG file reads while it is parsed against the setting.

    Args:
        call: the call of the parse.
        dispatch: its dispatch.
        what: what is read, in the plural.
        field: parameter of the operation to blame.

    Raises:
        Refused: `not_allowed`.
    """
    if call.services.settings.security.grants == "deny":
        raise Refused(
            ProblemReason.NOT_ALLOWED,
            f"{dispatch.file} is being parsed, and a file that is parsed reads no {what} where security.grants is deny",
            field=field,
            action=f"read {what} in tasks that declare them, or set security.grants to audit or allow",
        )


def admit_reading_dag(tx: Transaction, call: OperationCall, dispatch: Dispatch, right: Right) -> Use | None:
    """Like `admit`, for reading runs of a DAG; None for the own one, which needs no grant and no audit."""
    if call.parameters[right.parameter] == own_task(dispatch).dag_id:
        return None
    return admit(tx, call, dispatch, right)


def record_use(tx: Transaction, call: OperationCall, dispatch: Dispatch, use: Use, **detail: str) -> None:
    """Write a use into the audit trail.

    Args:
        tx: a transaction that writes.
        call: the call that the use is made by.
        dispatch: what the call acts for.
        use: what was admitted.
        detail: anything else worth knowing; no secrets.
    """
    task = use.task
    by = (
        {"bundle": dispatch.bundle, "file": dispatch.file}
        if task is None
        else {"dag_id": task.dag_id, "task_id": task.task_id}
    )
    audit.append(
        tx,
        actor=call.activity.label,
        action=use.right.action,
        subject=use.name,
        detail={"declared": use.declared, **by, **detail},
        dispatch_id=call.activity.dispatch_id,
    )
