"""One call of an operation and its answer, apart from the way that they travel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from tradewind.sdk.contract import OPERATIONS, UNSET, Operation
from tradewind.sdk.exceptions import ServerUnreachable, TradewindRuntimeError

__all__ = [
    "AsyncTransport",
    "Call",
    "LogMasks",
    "ProblemError",
    "Reply",
    "ServerUnreachable",
    "Transport",
    "accepted",
    "operation_of",
]

_FIRST_REFUSAL = 400


@dataclass(frozen=True)
class Call:
    """A call of an operation.

    Args:
        operation: id of the operation.
        parameters: path and query parameters, as texts.
        body: body of a JSON operation, in plain values; `UNSET` for none.
        text: body of an operation with another media type.
        token: execution token, for an operation that acts for an activity. A task's own calls have none: its
            supervisor adds it.
    """

    operation: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    body: Any = UNSET
    text: str | None = None
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Reply:
    """The answer to a call.

    Args:
        status: as the HTTP status of the operation.
        body: plain values, bytes for an operation that answers with another media type, or `UNSET` for none.
    """

    status: int
    body: Any = UNSET


class Transport(Protocol):
    """A way to the control plane that blocks."""

    def send(self, call: Call) -> Reply:
        """Make a call.

        Raises:
            ServerUnreachable: no answer came.
        """
        ...


@runtime_checkable
class LogMasks(Protocol):
    """A transport whose other side keeps the log of user code."""

    def mask(self, values: Sequence[str]) -> None:
        """Hide texts in that log from now on.

        Raises:
            ServerUnreachable: the other side is gone.
            ProblemError: these are too many.
        """
        ...


class AsyncTransport(Protocol):
    """A way to the control plane for an event loop."""

    async def send(self, call: Call) -> Reply:
        """Make a call.

        Raises:
            ServerUnreachable: no answer came.
        """
        ...


class ProblemError(TradewindRuntimeError):
    """A call was refused.

    Attributes:
        status: as an HTTP status.
        reason: stable machine word; a newer server may have words that this SDK does not know.
        detail: what was wrong with the request.
        field: field or parameter to blame.
        action: what to do about it.
        retry_after_seconds: when to try again.
        supported_versions: versions on offer, when the version was refused.
    """

    def __init__(self, operation: str, status: int, problem: Mapping[str, Any]) -> None:
        self.operation = operation
        self.status = status
        self.reason = str(problem.get("reason") or "internal_error")
        self.detail = str(problem.get("detail") or problem.get("title") or "The server gave no details.")
        self.field = _text(problem.get("field"))
        self.action = _text(problem.get("action"))
        after = problem.get("retry_after_seconds")
        self.retry_after_seconds = float(after) if isinstance(after, int | float) else None
        versions = problem.get("supported_versions")
        self.supported_versions = [str(version) for version in versions] if isinstance(versions, list) else []
        where = f" (field {self.field})" if self.field else ""
        what_to_do = f" {self.action}" if self.action else ""
        super().__init__(f"{operation} was refused, {self.reason}: {self.detail}{where}{what_to_do}")

    @property
    def is_transient(self) -> bool:
        """Whether the same call may succeed later: the server is too busy or has a fault."""
        return self.reason == "too_busy" or self.status >= 500


def operation_of(call: Call) -> Operation:
    """The row of the operation.

    Raises:
        TradewindRuntimeError: there is no such operation, or a parameter is missing, unknown or empty.
    """
    operation = OPERATIONS.get(call.operation)
    if operation is None:
        raise TradewindRuntimeError(f"There is no operation {call.operation!r}.")
    known = {parameter.name: parameter for parameter in operation.parameters}
    for name in call.parameters.keys() - known.keys():
        raise TradewindRuntimeError(f"{call.operation} has no parameter {name!r}.")
    for name, parameter in known.items():
        if (parameter.required or name in call.parameters) and not call.parameters.get(name):
            raise TradewindRuntimeError(f"{call.operation} needs a value for its parameter {name!r}.")
    return operation


def accepted(call: Call, reply: Reply) -> Reply:
    """The reply, if the call was accepted.

    Raises:
        ProblemError: it was refused.
    """
    if reply.status < _FIRST_REFUSAL:
        return reply
    raise ProblemError(call.operation, reply.status, reply.body if isinstance(reply.body, Mapping) else {})


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
