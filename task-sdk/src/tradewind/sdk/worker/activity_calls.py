"""Calls in the name of one activity: its execution token, kept valid, and the patience with a busy server."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Callable
from typing import Any

from tradewind.sdk.client.calls import AsyncTransport, Call, Reply
from tradewind.sdk.contract import UNSET, ProblemReason, Renewal, RenewRequest, from_plain, to_plain
from tradewind.sdk.worker.alarms import Alarm, alarms
from tradewind.sdk.worker.line import FIRST_REFUSAL, Backoff, problem_of

logger = logging.getLogger("tradewind.worker")

NOT_OURS = frozenset(
    {
        ProblemReason.UNKNOWN_DISPATCH,
        ProblemReason.DISPATCH_ENDED,
        ProblemReason.WRONG_ACTIVITY,
        ProblemReason.WRONG_WORKER,
        ProblemReason.FORGED_TOKEN,
        ProblemReason.WRONG_AUDIENCE,
    }
)
"""Refusals that say: this worker has no business with the dispatch any more."""

_RENEW_AT = 0.8
"""Part of a token's life after which it is renewed, so that user code seldom waits for that."""

_BUSY_SECONDS = 0.2
_FAULTS = 6
"""How often a call is repeated that meets a fault of the server: some three seconds, enough for a restart."""


class ActivityCalls:
    """Adds the execution token to calls and renews it in time.

    Args:
        dispatch_id: the dispatch.
        token: its execution token, which may have expired.
        expires_at: end of the token's life, on the server's clock; None when it is not known.
        line: carries the calls.
        not_ours: told once when the server says that the dispatch is not live any more.
    """

    def __init__(
        self,
        *,
        dispatch_id: str,
        token: str,
        expires_at: dt.datetime | None,
        line: AsyncTransport,
        not_ours: Callable[[str], None],
    ) -> None:
        self.dispatch_id = dispatch_id
        self.token = token
        self._line = line
        self._not_ours = not_ours
        self._renewal: asyncio.Task[Reply] | None = None
        self._timer: Alarm | None = None
        if expires_at is not None:
            self._renew_before(expires_at)

    async def call(
        self,
        operation: str,
        parameters: dict[str, str],
        *,
        body: Any = UNSET,
        text: str | None = None,
        line: AsyncTransport | None = None,
    ) -> Reply:
        """Make a call with the token. While the server is cut off or too busy, wait.

        Args:
            operation: id of the operation.
            parameters: its path and query parameters.
            body: a model of the contract, plain values, or `msgspec.Raw` for JSON as it is.
            text: body of another media type.
            line: another line than the activity's usual one.

        Returns:
            The answer, which may be a refusal; an expired token is renewed once before.
        """
        renewed = False
        faults = 0
        backoff = Backoff()
        while True:
            token = self.token
            reply = await (line or self._line).send(Call(operation, parameters, body, text, token))
            problem = problem_of(operation, reply)
            if problem is None:
                return reply
            if problem.reason == ProblemReason.TOO_BUSY:
                await asyncio.sleep(problem.retry_after_seconds or _BUSY_SECONDS)
            elif problem.reason == ProblemReason.INTERNAL_ERROR and faults < _FAULTS:
                faults += 1
                await asyncio.sleep(backoff.pause())
            elif problem.reason == ProblemReason.EXPIRED_TOKEN and not renewed:
                renewed = True
                if token == self.token:
                    renewal = await self._renew()
                    if renewal.status >= FIRST_REFUSAL:
                        return renewal
            else:
                if problem.reason in NOT_OURS:
                    self._not_ours(problem.reason)
                return reply

    def close(self) -> None:
        """Renew no more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._renewal is not None:
            self._renewal.cancel()

    async def _renew(self) -> Reply:
        """Get a new token; whoever asks meanwhile shares the answer."""
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._exchange(), name=f"token renewal {self.dispatch_id}")
        return await asyncio.shield(self._renewal)

    async def _exchange(self) -> Reply:
        try:
            backoff = Backoff()
            while True:
                call = Call("renew_token", {"dispatch_id": self.dispatch_id}, to_plain(RenewRequest(token=self.token)))
                reply = await self._line.send(call)
                problem = problem_of(call.operation, reply)
                if problem is None:
                    renewal = from_plain(Renewal, reply.body)
                    self.token = renewal.token
                    self._renew_before(renewal.token_expires_at)
                    return reply
                if problem.reason in NOT_OURS:
                    self._not_ours(problem.reason)
                    return reply
                logger.warning("token was not renewed dispatch=%s reason=%s", self.dispatch_id, problem.reason)
                await asyncio.sleep(problem.retry_after_seconds or backoff.pause())
        finally:
            self._renewal = None

    def _renew_before(self, expires_at: dt.datetime) -> None:
        life = (expires_at - dt.datetime.now(dt.UTC)).total_seconds()
        if life <= 0:
            # A token comes fresh, so this host's clock is wrong. Whether it has expired is for the server to say.
            return
        self._timer = alarms().after(max(life * _RENEW_AT, 1.0), self._renew_now)

    def _renew_now(self) -> None:
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._exchange(), name=f"token renewal {self.dispatch_id}")
