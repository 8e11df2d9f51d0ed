"""What the outcome of a failed try says: the exception in words, and what the task's retry policy makes of it."""

from __future__ import annotations

import datetime as dt
import logging
import traceback
from pathlib import Path
from types import TracebackType

from tradewind.sdk.authoring.operator import BaseOperator
from tradewind.sdk.contract import TaskError
from tradewind.sdk.error_text import cut_message, cut_traceback, message_of, printable, type_name
from tradewind.sdk.exceptions import TaskTerminated, TradewindFailException
from tradewind.sdk.masking import Masker
from tradewind.sdk.parsing.loading import DagFileError
from tradewind.sdk.runtime.task_instance import RuntimeTaskInstance

MAX_REASON = 1000
"""Characters of a retry policy's reason, as the contract says."""

_SDK = str(Path(__file__).resolve().parent.parent)
_log = logging.getLogger("tradewind.task")


class Verdict:
    """Whether a failed try may be followed by another one, and when."""

    def __init__(self, *, retryable: bool, delay: dt.timedelta | None = None, reason: str | None = None) -> None:
        self.retryable = retryable
        self.delay = delay
        self.reason = reason


def judge(error: BaseException, task: BaseOperator, instance: RuntimeTaskInstance) -> Verdict:
    """What the task's retry policy makes of a failure; without a policy, or when it fails itself, a retry is allowed.

    It is not asked about exceptions that say by themselves what is to happen.
    """
    usual = usual_verdict(error)
    policy = getattr(task, "retry_policy", None)
    if policy is None or not usual.retryable or isinstance(error, TaskTerminated):
        return usual
    from tradewind.sdk.authoring.retry_policy import RetryAction

    try:
        decision = policy.evaluate(
            error, try_number=instance.try_number, max_tries=instance.max_tries, context=instance.get_template_context()
        )
        action = RetryAction(decision.action)
        if decision.retry_delay is not None and decision.retry_delay < dt.timedelta():
            raise ValueError(f"retry_delay of a RetryDecision must not be negative, as {decision.retry_delay} is.")
    except Exception:  # noqa: BLE001 - code of the DAG's author
        _log.exception("The retry policy failed; the task is retried as without one.")
        return usual
    if action is RetryAction.DEFAULT:
        return usual
    _log.info("The retry policy says %s: %s", action.value, decision.reason)
    delay = decision.retry_delay if action is RetryAction.RETRY else None
    return Verdict(retryable=action is RetryAction.RETRY, delay=delay, reason=decision.reason)


def usual_verdict(error: BaseException) -> Verdict:
    """What happens without a retry policy."""
    return Verdict(retryable=not isinstance(error, TradewindFailException))


def task_error(error: BaseException, verdict: Verdict, masker: Masker) -> TaskError:
    """The failure as the outcome tells it.

    Args:
        error: what ended the try.
        verdict: whether it may be retried.
        masker: hides secrets.
    """
    if isinstance(error, DagFileError):
        imported = error.error
        kind, trace = imported.type, imported.traceback or ""
    else:
        kind, trace = type_name(error), "".join(traceback.format_exception(*from_user_code(error)))
    reason = None if verdict.reason is None else printable(masker.mask(str(verdict.reason)))[:MAX_REASON]
    return TaskError(
        type=kind,
        message=cut_message(masker.mask(_message(error))),
        traceback=cut_traceback(masker.mask(trace)) or None,
        retryable=verdict.retryable,
        retry_delay_seconds=None if verdict.delay is None else verdict.delay.total_seconds(),
        retry_reason=reason,
    )


def from_user_code(error: BaseException) -> tuple[type[BaseException], BaseException, TracebackType | None]:
    """The exception without the frames that lead from this module to user code."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_SDK):
        trace = trace.tb_next
    return type(error), error, trace or error.__traceback__


def _message(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"The task called sys.exit({error.code!r}). A task ends by returning, or by raising an exception."
    notes = [printable(str(note)) for note in getattr(error, "__notes__", ())]
    return "\n".join([message_of(error), *notes])
