"""Calls that user code makes: let through what is marked for tasks, with the token that user code never sees."""

from __future__ import annotations

import logging

import msgspec

from tradewind.sdk.client.calls import Reply
from tradewind.sdk.contract import (
    OPERATIONS,
    UNSET,
    Connection,
    Problem,
    ProblemReason,
    Response,
    Variable,
    encode,
    from_plain,
    to_plain,
)
from tradewind.sdk.masking import Masker, connection_values, variable_values
from tradewind.sdk.worker.activity_calls import ActivityCalls
from tradewind.sdk.worker.launcher import AsyncChannel, ChannelClosed
from tradewind.sdk.worker.line import FIRST_REFUSAL

logger = logging.getLogger("tradewind.worker")


class RawRequest(msgspec.Struct, tag_field="frame", tag="request"):
    """A request frame whose body stays as the child wrote it."""

    request_id: int
    operation: str
    parameters: dict[str, str]
    body: msgspec.Raw = msgspec.Raw(b"")
    text: str | None = None


class RawResult(msgspec.Struct, tag_field="frame", tag="result"):
    """The last frame of a child."""

    outcome: msgspec.Raw


decode_child_frame = msgspec.json.Decoder(RawRequest | RawResult).decode


class Forwarder:
    """Answers the requests of one child."""

    def __init__(self, calls: ActivityCalls, masker: Masker, channel: AsyncChannel) -> None:
        self._calls = calls
        self._masker = masker
        self._channel = channel

    async def answer(self, request: RawRequest) -> None:
        """Make the call for the child and hand it the answer, or refuse it."""
        operation = OPERATIONS.get(request.operation)
        if operation is None or not operation.from_task:
            reply = _not_for_tasks(request.operation)
        else:
            body = request.body if len(request.body) else UNSET
            reply = await self._calls.call(request.operation, request.parameters, body=body, text=request.text)
            self._learn_secrets(request.operation, reply)
        response = Response(request_id=request.request_id, status=reply.status, body=reply.body)
        try:
            await self._channel.send(encode(response))
        except ChannelClosed:
            logger.debug("answer came too late for its process dispatch=%s", self._calls.dispatch_id)

    def _learn_secrets(self, operation: str, reply: Reply) -> None:
        """From now on the log must not show what user code is about to get."""
        if reply.status >= FIRST_REFUSAL:
            return
        if operation == "get_connection":
            self._masker.add(connection_values(from_plain(Connection, reply.body)))
        elif operation == "get_variable":
            self._masker.add(variable_values(from_plain(Variable, reply.body)))


def _not_for_tasks(operation: str) -> Reply:
    problem = Problem(
        type=f"https://tradewind.dev/problems/{ProblemReason.NOT_ALLOWED}",
        title="Not allowed",
        status=403,
        detail=f"User code may not call {operation!r}.",
        reason=ProblemReason.NOT_ALLOWED,
        field="operation",
        action="Use the functions of tradewind.sdk; what starts and ends a task is its worker's business.",
    )
    return Reply(403, to_plain(problem))
