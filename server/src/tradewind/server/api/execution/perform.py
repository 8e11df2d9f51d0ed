"""The one way that every call of an operation goes: who calls, with what, the handler, and the answer or refusal."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from tradewind.server.api.bodies import ClientGone
from tradewind.server.api.execution.calls import (
    Caller,
    Handler,
    OperationCall,
    OperationResult,
    read_parameters,
)
from tradewind.server.api.problems import internal_error, problem
from tradewind.server.contract import Operation, ProblemReason
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import audit

if TYPE_CHECKING:
    from tradewind.server.api.services import Services
    from tradewind.server.store import Transaction
    from tradewind.server.store.handouts import WorkerBinding

log = logging.getLogger(__name__)

# These say nothing about the caller; the store writes down a spent ticket itself, with the attempt.
_NOT_AUDITED: Final = frozenset(
    {
        ProblemReason.NOT_FOUND,
        ProblemReason.TOO_BUSY,
        ProblemReason.INTERNAL_ERROR,
        ProblemReason.UNSUPPORTED_VERSION,
        ProblemReason.SPENT_TICKET,
    }
)


class Incoming(Protocol):
    """A call as its transport brings it, read step by step so that nobody unknown makes the server read a body."""

    @property
    def operation(self) -> Operation: ...

    @property
    def parameters(self) -> Mapping[str, str]: ...

    @property
    def session(self) -> WorkerBinding | None: ...

    async def identify(self, services: Services) -> Caller:
        """Who calls. Raises Refused."""

    async def read_body(self, services: Services) -> Any:
        """The body as a value of the operation's request type. Raises Refused."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: the result with the operation's status, or a problem with its own."""

    status: int
    result: OperationResult


async def perform(services: Services, handlers: Mapping[str, Handler], incoming: Incoming) -> Answer:
    """Carry out one call. Every failure becomes a problem, and refusals are audited.

    Raises:
        ClientGone: there is nobody to answer.
    """
    operation = incoming.operation
    caller = Caller()
    try:
        caller = await incoming.identify(services)
        parameters = read_parameters(operation, incoming.parameters)
        _check_own_dispatch(caller, parameters)
        body = await incoming.read_body(services)
        call = OperationCall(operation, services, caller, parameters, body, incoming.session)
        return Answer(operation.status, await handlers[operation.id](call))
    except ClientGone:
        raise
    except Refused as refusal:
        await audit_refusal(services, caller, operation.id, refusal)
        document = problem(refusal)
    except Exception as error:  # noqa: BLE001 - the outermost frame of a call: logged with an id, told as that id
        document = internal_error(error, operation.id)
    return Answer(document.status, document)


async def audit_refusal(services: Services, caller: Caller, operation: str, refusal: Refused) -> None:
    """Write down that a call was refused: who, what and why, nothing of the call's content."""
    if refusal.reason in _NOT_AUDITED:
        return
    detail = {"reason": refusal.reason.value}
    if refusal.field is not None:
        # What a caller made up may hold characters that a database refuses.
        detail["field"] = refusal.field[:200].replace("\0", "")
    dispatch_id = caller.activity.dispatch_id if caller.activity is not None else None

    def append(tx: Transaction) -> None:
        audit.append(
            tx, actor=caller.label, action="refused", subject=operation, detail=detail, dispatch_id=dispatch_id
        )

    try:
        await services.store.write(append)
    except Refused as error:
        # The call is refused all the same; a store that takes nothing can not take this either.
        log.warning("refusal %s of %s by %s is not in the audit: %s", refusal.reason, operation, caller.label, error)


def _check_own_dispatch(caller: Caller, parameters: Mapping[str, Any]) -> None:
    """A token is good for the dispatch that it was minted for and for no other."""
    activity = caller.activity
    if activity is not None and parameters.get("dispatch_id", activity.dispatch_id) != activity.dispatch_id:
        raise Refused(
            ProblemReason.WRONG_ACTIVITY,
            "the execution token belongs to another dispatch",
            field="dispatch_id",
            action="use the token that came with this dispatch",
        )
