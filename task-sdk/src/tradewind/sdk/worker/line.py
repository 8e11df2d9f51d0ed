"""The worker's way to the server: what every activity sees of it, and the plain one over HTTP."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Mapping
from typing import Protocol

from tradewind.sdk.client.calls import AsyncTransport, Call, ProblemError, Reply
from tradewind.sdk.contract import ProblemReason
from tradewind.sdk.exceptions import ServerUnreachable, TradewindRuntimeError

logger = logging.getLogger("tradewind.worker")

FIRST_REFUSAL = 400
DEFAULT_MAX_BODY_BYTES = 16 * 1024 * 1024
_COMPLAIN_AGAIN_SECONDS = 30.0


class Line(AsyncTransport, Protocol):
    """A transport that has an answer in the end: while the server is out of reach, calls wait.

    Attributes:
        last_sign_of_life: when the last answered renewal of the lease had been sent, on the event loop's clock.
        max_body_bytes: limit of the server for a body.
    """

    last_sign_of_life: float
    max_body_bytes: int

    def is_cut(self) -> bool:
        """Whether the server is out of reach, as far as is known."""
        ...


class Backoff:
    """Pauses before a repetition: from 50 ms, doubled up to 5 s, of which a random part is taken."""

    def __init__(self, first: float = 0.05, longest: float = 5.0) -> None:
        self._first = first
        self._longest = longest
        self._next = first

    def pause(self) -> float:
        """Seconds to wait now; more the next time."""
        pause = self._next * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing
        self._next = min(self._next * 2, self._longest)
        return pause

    def reset(self) -> None:
        """Begin anew after a success."""
        self._next = self._first

    def at_most(self, longest: float) -> None:
        """Pause no longer than this from now on."""
        self._longest = longest
        self._next = min(self._next, longest)


class HttpLine:
    """Calls over HTTP, repeated until the server answers: it knows a repetition of any operation."""

    def __init__(self, http: AsyncTransport, *, max_body_bytes: int = DEFAULT_MAX_BODY_BYTES) -> None:
        self.max_body_bytes = max_body_bytes
        self.last_sign_of_life = asyncio.get_running_loop().time()
        self._http = http
        self._unreachable = 0
        self._complained = float("-inf")

    def is_cut(self) -> bool:
        return self._unreachable > 0

    async def send(self, call: Call) -> Reply:
        """Make the call, however long it takes to reach the server."""
        backoff = Backoff()
        failing = False
        try:
            while True:
                try:
                    return await self._http.send(call)
                except ServerUnreachable as error:
                    if not failing:
                        failing = True
                        self._unreachable += 1
                    self._complain(error)
                    await asyncio.sleep(backoff.pause())
                except TradewindRuntimeError as error:
                    return Reply(500, {"reason": ProblemReason.INTERNAL_ERROR, "detail": str(error)})
        finally:
            if failing:
                self._unreachable -= 1

    def _complain(self, error: ServerUnreachable) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._complained > _COMPLAIN_AGAIN_SECONDS:
            self._complained = now
            logger.warning("server cannot be reached over HTTP error=%s: trying again", error)


def problem_of(operation: str, reply: Reply) -> ProblemError | None:
    """The refusal that an answer is; None for an answer that is none."""
    if reply.status < FIRST_REFUSAL:
        return None
    return ProblemError(operation, reply.status, reply.body if isinstance(reply.body, Mapping) else {})
