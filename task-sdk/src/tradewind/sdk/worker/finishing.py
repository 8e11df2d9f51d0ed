"""Outcomes on their way: first to the spool, then to the server until it has them or wants them no more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec

from tradewind.sdk.client.calls import ProblemError
from tradewind.sdk.contract import Outcome, ProblemReason, encode
from tradewind.sdk.worker.activity_calls import NOT_OURS, ActivityCalls
from tradewind.sdk.worker.line import Backoff, problem_of
from tradewind.sdk.worker.spool import Spool, SpoolRecord

logger = logging.getLogger("tradewind.worker")

SPOOL_WITHIN_SECONDS = 0.02
"""How long an outcome may be on its way before it is written to disk; a receipt usually comes sooner."""

_REJECTIONS = frozenset(
    {
        ProblemReason.MISSING_FIELD,
        ProblemReason.UNKNOWN_FIELD,
        ProblemReason.WRONG_TYPE,
        ProblemReason.INVALID_VALUE,
        ProblemReason.MALFORMED_BODY,
        ProblemReason.BODY_TOO_LARGE,
        ProblemReason.FRAME_TOO_LARGE,
        ProblemReason.CONFLICT,
    }
)
"""Refusals of the content: the same outcome would be refused again."""


class Finisher:
    """Delivers outcomes; each stays in the spool until the server has it or wants none."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool

    def keep(self, calls: ActivityCalls, outcome: Outcome, *, within: float = 0.0) -> asyncio.Future[bool]:
        """Have an outcome written to disk, after some seconds unless it is settled before; the future tells of it."""
        record = SpoolRecord(dispatch_id=calls.dispatch_id, token=calls.token, outcome=msgspec.Raw(encode(outcome)))
        return self.spool.put(record, within=within)

    async def deliver(self, calls: ActivityCalls, instead: Callable[[ProblemError], Outcome] | None = None) -> bool:
        """Send the outcome that the spool has of this dispatch until it is settled.

        Args:
            calls: the activity.
            instead: what to report when the server refuses the content of the outcome; without it, it is dropped.

        Returns:
            True when the server has it; False when it wants none (any more).
        """
        dispatch_id = calls.dispatch_id
        backoff = Backoff()
        while (record := self.spool.pending.get(dispatch_id)) is not None:
            reply = await calls.call("finish", {"dispatch_id": dispatch_id}, body=record.outcome)
            problem = problem_of("finish", reply)
            if problem is None:
                self.spool.acknowledge(dispatch_id)
                return True
            if problem.reason in _REJECTIONS and instead is not None:
                logger.error("outcome refused dispatch=%s reason=%s: reporting that", dispatch_id, problem.reason)
                await self.keep(calls, instead(problem))
                instead = None
            elif problem.reason in NOT_OURS or problem.reason in _REJECTIONS:
                logger.warning(
                    "outcome dropped dispatch=%s reason=%s detail=%r", dispatch_id, problem.reason, problem.detail
                )
                self.spool.acknowledge(dispatch_id)
            else:
                logger.warning("outcome not taken yet dispatch=%s reason=%s", dispatch_id, problem.reason)
                await asyncio.sleep(problem.retry_after_seconds or backoff.pause())
        return False
