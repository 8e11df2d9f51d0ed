"""The way of a task to its supervisor: request and response frames over one connection, one call at a time."""

from __future__ import annotations

import _thread  # a child pays for the function in `threading` that calls it
from collections.abc import Sequence
from typing import Protocol

import msgspec

from tradewind.sdk.client.calls import Call, Reply, accepted
from tradewind.sdk.contract import Mask, Request, Response, SupervisorFrame, decode, encode
from tradewind.sdk.exceptions import ServerUnreachable


class FrameChannel(Protocol):
    """A connection that carries whole frames."""

    def send(self, body: bytes) -> None:
        """Send one frame."""
        ...

    def receive(self) -> bytes | None:
        """Wait for one frame; None when the other side has closed."""
        ...


class FrameTransport:
    """Sends calls as request frames. Threads of a task may use it at the same time; they take turns.

    Args:
        channel: the connection; nothing else may read from it.
    """

    def __init__(self, channel: FrameChannel) -> None:
        self._channel = channel
        # Re-entrant: a signal handler of the task may call while the code that it interrupts waits for an answer.
        self._turn = _thread.RLock()
        self._request_id = 0

    def send(self, call: Call) -> Reply:
        """Make a call and wait for its answer.

        Raises:
            ServerUnreachable: the supervisor is gone, or what it sent is no answer.
        """
        with self._turn:
            self._request_id += 1
            request_id = self._request_id
            request = Request(
                request_id=request_id,
                operation=call.operation,
                parameters=dict(call.parameters),
                token=call.token,
                body=call.body,
                text=call.text,
            )
            self._channel.send(encode(request))
            return self._answer(call, request_id)

    def mask(self, values: Sequence[str]) -> None:
        """Have the supervisor hide texts in the log; from the return on, it does.

        Raises:
            ServerUnreachable: the supervisor is gone, or what it sent is no answer.
            ProblemError: these are too many.
        """
        call = Call("mask")
        with self._turn:
            self._request_id += 1
            self._channel.send(encode(Mask(request_id=self._request_id, values=list(values))))
            accepted(call, self._answer(call, self._request_id))

    def _answer(self, call: Call, request_id: int) -> Reply:
        while True:
            response = self._receive(call)
            # An answer that an interrupted call did not wait for may still come before.
            if response.request_id == request_id:
                return Reply(response.status, response.body)

    def _receive(self, call: Call) -> Response:
        body = self._channel.receive()
        if body is None:
            raise ServerUnreachable(f"No answer to {call.operation}: the supervisor of this task is gone.")
        try:
            frame = decode(SupervisorFrame, body)
        except msgspec.DecodeError as error:
            raise ServerUnreachable(f"The answer to {call.operation} is no frame: {error}.") from error
        if not isinstance(frame, Response):
            raise ServerUnreachable(f"The answer to {call.operation} is another kind of frame.")
        return frame
