"""Calls that user code makes: let through what is marked for tasks, with the token that user code never sees."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from http import HTTPStatus

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
from tradewind.sdk.worker.for_tasks import ForTasks
from tradewind.sdk.worker.launcher import AsyncChannel, ChannelClosed
from tradewind.sdk.worker.line import FIRST_REFUSAL

logger = logging.getLogger("tradewind.worker")

MAX_MASKED = 1000
"""Texts that one activity may have hidden beside the secrets that it was given: each costs time for each line."""

_READS_OF_SECRETS = frozenset({"get_connection", "get_variable"})


class RawRequest(msgspec.Struct, tag_field="frame", tag="request"):
    """A request frame whose body stays as the child wrote it."""

    request_id: int
    operation: str
    parameters: dict[str, str]
    body: msgspec.Raw = msgspec.Raw(b"")
    text: str | None = None


class RawMask(msgspec.Struct, tag_field="frame", tag="mask"):
    """Texts that the log must not show."""

    request_id: int
    values: list[str]


class RawResult(msgspec.Struct, tag_field="frame", tag="result"):
    """The last frame of a child."""

    outcome: msgspec.Raw


decode_child_frame = msgspec.json.Decoder(RawRequest | RawMask | RawResult).decode


class Forwarder:
    """Answers the requests of one child.

    Args:
        calls: the activity's calls.
        masker: learns the secrets that the child gets.
        channel: the child.
        secret_read: called when the child is about to get a secret that it has asked for.
        for_tasks: what this worker answers by itself.
    """

    def __init__(
        self,
        calls: ActivityCalls,
        masker: Masker,
        channel: AsyncChannel,
        secret_read: Callable[[], None],
        for_tasks: ForTasks,
    ) -> None:
        self._calls = calls
        self._masker = masker
        self._channel = channel
        self._secret_read = secret_read
        self._for_tasks = for_tasks
        self._masked = 0
        self._waited = 0.0
        self._asking: dict[int, float] = {}

    @property
    def waited_seconds(self) -> float:
        """How long the child has waited for answers of the server, with those that it still waits for."""
        return self._waited + sum(time.monotonic() - began for began in self._asking.values())

    async def answer(self, request: RawRequest) -> None:
        """Make the call for the child and hand it the answer, or refuse it."""
        operation = OPERATIONS.get(request.operation)
        if operation is None or not operation.from_task:
            reply = _not_for_tasks(request.operation)
        else:
            reply = self._for_tasks.answer(request.operation, request.parameters) or await self._ask(request)
            self._learn_secrets(request.operation, reply)
        await self._respond(request.request_id, reply)

    async def mask(self, wanted: RawMask) -> None:
        """Hide texts in the log, and tell the child that they are hidden."""
        self._masked += len(wanted.values)
        if self._masked <= MAX_MASKED:
            self._masker.add(wanted.values)
            reply = Reply(HTTPStatus.NO_CONTENT)
        else:
            reply = _too_many_masked()
        await self._respond(wanted.request_id, reply)

    async def _respond(self, request_id: int, reply: Reply) -> None:
        response = Response(request_id=request_id, status=reply.status, body=reply.body)
        try:
            await self._channel.send(encode(response))
        except ChannelClosed:
            logger.debug("answer came too late for its process dispatch=%s", self._calls.dispatch_id)

    async def _ask(self, request: RawRequest) -> Reply:
        body = request.body if len(request.body) else UNSET
        began = self._asking[request.request_id] = time.monotonic()
        try:
            return await self._calls.call(request.operation, request.parameters, body=body, text=request.text)
        finally:
            self._asking.pop(request.request_id, None)
            self._waited += time.monotonic() - began

    def _learn_secrets(self, operation: str, reply: Reply) -> None:
        """From now on the log must not show what user code is about to get."""
        if reply.status >= FIRST_REFUSAL:
            return
        if operation in _READS_OF_SECRETS:
            self._secret_read()
        if operation == "get_connection":
            self._masker.add(connection_values(from_plain(Connection, reply.body)))
        elif operation == "get_variable":
            self._masker.add(variable_values(from_plain(Variable, reply.body)))


def _too_many_masked() -> Reply:
    problem = Problem(
        type=f"https://tradewind.dev/problems/{ProblemReason.INVALID_VALUE}",
        title="Invalid value",
        status=422,
        detail=f"User code may have {MAX_MASKED} texts masked.",
        reason=ProblemReason.INVALID_VALUE,
        field="values",
        action="Mask fewer and longer texts.",
    )
    return Reply(422, to_plain(problem))


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
