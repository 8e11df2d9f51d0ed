"""What a handler of the interface gets and gives, whether the call came over HTTP or in a frame of a session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import ValidationError

from tradewind.server.api.problems import invalid
from tradewind.server.auth.principals import ActivityPrincipal, WorkerPrincipal
from tradewind.server.contract import Operation, ProblemReason, WireModel, decode_text
from tradewind.server.domain.refusals import Refused

if TYPE_CHECKING:
    from tradewind.server.api.services import Services
    from tradewind.server.store.handouts import WorkerBinding

OperationResult: TypeAlias = WireModel | bytes | None
"""A JSON body, the bytes of another media type, or nothing; the status is the operation's."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is known to call: a worker, an activity, or neither where anyone may."""

    worker: WorkerPrincipal | None = None
    activity: ActivityPrincipal | None = None

    @property
    def label(self) -> str:
        """How the audit names this caller."""
        known = self.worker or self.activity
        return known.label if known else "unknown"


@dataclass(frozen=True, slots=True)
class OperationCall:
    """One call of an operation, authenticated and validated against the contract.

    `body` is a value of the operation's request type, bytes where it has another media type, or None. `session` is
    the connection that the call came over, if it was one.
    """

    operation: Operation
    services: Services
    caller: Caller
    parameters: Mapping[str, Any]
    body: Any
    session: WorkerBinding | None = None

    @property
    def worker(self) -> WorkerPrincipal:
        """The calling worker; only for operations that are a worker's."""
        if self.caller.worker is None:
            raise TypeError(f"{self.operation.id} is not called by a worker")
        return self.caller.worker

    @property
    def activity(self) -> ActivityPrincipal:
        """The calling activity; only for operations that are an activity's."""
        if self.caller.activity is None:
            raise TypeError(f"{self.operation.id} is not called by an activity")
        return self.caller.activity


Handler: TypeAlias = Callable[[OperationCall], Awaitable[OperationResult]]


def read_parameters(operation: Operation, given: Mapping[str, str]) -> dict[str, Any]:
    """Path and query parameters as values of their contract types; an optional one that is absent is left out.

    Raises:
        Refused: unknown_field, missing_field, wrong_type or invalid_value, naming the parameter.
    """
    values: dict[str, Any] = {}
    for parameter in operation.parameters:
        text = given.get(parameter.name)
        if text is None:
            if parameter.required:
                raise Refused(
                    ProblemReason.MISSING_FIELD,
                    f"{operation.id} needs the parameter {parameter.name}",
                    field=parameter.name,
                    action="add the parameter",
                )
            continue
        try:
            values[parameter.name] = decode_text(parameter.type, text)
        except ValidationError as error:
            raise invalid(error, what="the parameter", prefix=parameter.name) from None
    for name in given:
        if name not in values:
            raise Refused(
                ProblemReason.UNKNOWN_FIELD,
                f"{operation.id} has no parameter {name[:100]}",
                field=name[:100],
                action="remove the parameter",
            )
    # UUIDs may be written in either case (RFC 9562); rows and tokens have them in lower case.
    if "dispatch_id" in values:
        values["dispatch_id"] = values["dispatch_id"].lower()
    return values
