"""Handlers for activities: each runs in one transaction that first finds the caller's dispatch live.

Whether an activity may act is decided here and nowhere else: by its live row, never by its token or a cache. So is
what the code of which kind of activity may call at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from tradewind.server.api.execution.calls import Handler, OperationCall, OperationResult
from tradewind.server.contract import ActivityKind, ProblemReason
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import dispatches
from tradewind.server.store.handouts import Dispatch, DispatchedTask

if TYPE_CHECKING:
    from tradewind.server.auth.principals import ActivityPrincipal
    from tradewind.server.store import Transaction

ActivityJob: TypeAlias = "Callable[[Transaction, OperationCall, Dispatch], OperationResult]"
"""What an operation does inside the transaction; like every job of the store it may run more than once."""

FOR_PARSES: Final = frozenset({"get_variable", "get_connection", "list_variable_keys"})
"""Of the operations that user code may call, those that a DAG file may call while it is parsed: it reads secrets."""


def writes(job: ActivityJob) -> Handler:
    """A handler whose effect is committed before it answers."""

    async def handle(call: OperationCall) -> OperationResult:
        return await call.services.store.write(lambda tx: job(tx, call, _acting_dispatch(tx, call)))

    return handle


def reads(job: ActivityJob) -> Handler:
    """A handler that changes nothing."""

    async def handle(call: OperationCall) -> OperationResult:
        return await call.services.store.read(lambda tx: job(tx, call, _acting_dispatch(tx, call)))

    return handle


def own_dispatch(tx: Transaction, activity: ActivityPrincipal) -> Dispatch:
    """The live dispatch that a token was minted for.

    Raises:
        Refused: unknown_dispatch, dispatch_ended or wrong_activity.
    """
    dispatch = dispatches.live_dispatch(tx, activity.dispatch_id)
    if (dispatch.kind, dispatch.activity_id) != (activity.kind, activity.activity_id):
        raise Refused(
            ProblemReason.WRONG_ACTIVITY,
            "the execution token belongs to another activity",
            action="use the token that came with this activity",
        )
    return dispatch


def _acting_dispatch(tx: Transaction, call: OperationCall) -> Dispatch:
    """The dispatch that a call acts for, of a kind whose code may make it.

    Raises:
        Refused: unknown_dispatch, dispatch_ended, wrong_activity or not_allowed.
    """
    dispatch = own_dispatch(tx, call.activity)
    operation = call.operation
    if dispatch.kind is ActivityKind.PARSE_DAG_FILE and operation.from_task and operation.id not in FOR_PARSES:
        raise _not_for(dispatch)
    return dispatch


def own_task(dispatch: Dispatch) -> DispatchedTask:
    """The task instance of a dispatch.

    Raises:
        Refused: not_allowed, when the activity is none of a task.
    """
    if dispatch.task is None:
        raise _not_for(dispatch)
    return dispatch.task


def _not_for(dispatch: Dispatch) -> Refused:
    return Refused(
        ProblemReason.NOT_ALLOWED,
        f"an activity of kind {dispatch.kind.value} may not call this",
        action="call this from a task",
    )
