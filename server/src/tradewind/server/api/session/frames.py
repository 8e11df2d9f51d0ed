"""Frames of a worker session: reading them within the limit, and writing answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from tradewind.server.api.bodies import decode_body
from tradewind.server.api.execution.calls import Caller
from tradewind.server.api.execution.identify import identify_activity
from tradewind.server.api.execution.table import HTTP_ONLY
from tradewind.server.api.problems import invalid, problem
from tradewind.server.contract import (
    OPERATIONS,
    UNSET,
    Hello,
    Offer,
    Operation,
    ProblemReason,
    Request,
    WireModel,
    WorkerFrame,
    decode,
    encode,
    from_plain,
)
from tradewind.server.contract import Refused as RefusedFrame
from tradewind.server.domain.refusals import Refused

if TYPE_CHECKING:
    from tradewind.server.api.execution.perform import Answer
    from tradewind.server.api.services import Services
    from tradewind.server.store.handouts import WorkerBinding


def frames_of(message: str | None) -> list[str]:
    """The frames in a message, at least one.

    Args:
        message: None for a binary one.

    Raises:
        Refused: malformed_frame.
    """
    if message is None:
        raise Refused(
            ProblemReason.MALFORMED_FRAME, "a binary message is no frame", action="send frames as text messages"
        )
    return message.split("\n")


def read_frame(text: str, limit: int) -> Hello | Request | Offer:
    """A frame from a worker.

    Args:
        text: one frame.
        limit: in bytes.

    Raises:
        Refused: frame_too_large, malformed_frame, unexpected_frame, or the fault of a field.
    """
    content = text.encode("utf-8", "surrogatepass")
    if len(content) > limit:
        raise Refused(
            ProblemReason.FRAME_TOO_LARGE,
            f"the frame has {len(content)} bytes and {limit} are allowed",
            action="send large bodies over HTTP; welcome tells the limit",
        )
    try:
        frame: Hello | Request | Offer = decode(WorkerFrame, content)
    except ValidationError as error:
        raise _frame_fault(error) from None
    return frame


def refused_frame(refusal: Refused) -> bytes:
    """The last frame of a connection that is closed for a reason."""
    return encode(RefusedFrame(problem=problem(refusal)))


def response_frame(request_id: int, answer: Answer) -> bytes:
    """The answer to a request; put together from parts so that a large body is not read back and written twice.

    Raises:
        ValueError: what is stored cannot be written as JSON.
    """
    head = b'{"frame":"response","request_id":%d,"status":%d' % (request_id, answer.status)
    if answer.result is None:
        return head + b"}"
    if not isinstance(answer.result, WireModel):
        raise TypeError("an answer that is no JSON does not fit in a frame")
    return head + b',"body":' + encode(answer.result) + b"}"


@dataclass(frozen=True, slots=True)
class FrameCall:
    """A request frame for an operation, see `execution.perform.Incoming`."""

    operation: Operation
    frame: Request
    session: WorkerBinding
    owner: Caller

    @property
    def parameters(self) -> Mapping[str, str]:
        return self.frame.parameters

    async def identify(self, services: Services) -> Caller:
        if self.operation.caller == "anyone":
            return Caller()
        if self.operation.caller == "worker":
            return self.owner
        if self.frame.token is None:
            raise Refused(
                ProblemReason.MISSING_TOKEN,
                f"{self.operation.id} acts for an activity and needs its execution token",
                field="token",
                action="send the token that came with the activity in the frame",
            )
        return await identify_activity(services, self.frame.token)

    async def read_body(self, services: Services) -> Any:
        frame, operation = self.frame, self.operation
        has_json, has_text = frame.body is not UNSET, frame.text is not None
        takes_json, takes_text = (
            operation.request is not None,
            (operation.request is None and operation.request_media is not None),
        )
        if has_json and not takes_json:
            raise _surplus(operation, "body")
        if has_text and not takes_text:
            raise _surplus(operation, "text")
        if takes_text:
            return decode_body(operation, _present(frame.text, operation, "text").encode("utf-8", "surrogatepass"))
        if not takes_json:
            return None
        if not has_json:
            raise _absent(operation, "body")
        try:
            return from_plain(operation.request, frame.body)
        except ValidationError as error:
            raise invalid(error, operation.request) from None


def called_operation(frame: Request) -> Operation:
    """The operation that a request names.

    Raises:
        Refused: unknown_operation or http_only.
    """
    operation = OPERATIONS.get(frame.operation)
    if operation is None or operation.stream:
        raise Refused(
            ProblemReason.UNKNOWN_OPERATION,
            f"there is no operation {frame.operation} to call over a session",
            field="operation",
            action="correct the name; the operations are listed in the contract",
        )
    if operation.id in HTTP_ONLY:
        raise Refused(
            ProblemReason.HTTP_ONLY,
            f"the answer of {operation.id} fits in no frame",
            field="operation",
            action=f"call {operation.method} {operation.path} over HTTP",
        )
    return operation


def _frame_fault(error: ValidationError) -> Refused:
    kind = error.errors(include_url=False, include_input=False)[0]["type"]
    if kind == "union_tag_invalid":
        return Refused(
            ProblemReason.UNEXPECTED_FRAME,
            "a worker sends no frame of this name",
            field="frame",
            action="send hello first, then request and offer",
        )
    fault = invalid(error, WorkerFrame, what="the frame")
    if fault.reason is ProblemReason.MALFORMED_BODY:
        return Refused(ProblemReason.MALFORMED_FRAME, fault.detail, action=fault.action)
    return fault


def _present(value: str | None, operation: Operation, field: str) -> str:
    if value is None:
        raise _absent(operation, field)
    return value


def _absent(operation: Operation, field: str) -> Refused:
    return Refused(
        ProblemReason.MISSING_FIELD, f"{operation.id} needs a {field}", field=field, action=f"add {field} to the frame"
    )


def _surplus(operation: Operation, field: str) -> Refused:
    return Refused(
        ProblemReason.UNKNOWN_FIELD, f"{operation.id} takes no {field}", field=field, action=f"leave out {field}"
    )
