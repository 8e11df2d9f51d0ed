"""Fail, retry or hand out again: answered before the table of states is asked."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from tradewind.server.contract import InterruptCause, TaskError, TaskInstanceEvent

LONGEST_DELAY_SECONDS = 365 * 86_400.0

LONGEST_BACKOFF_SECONDS = 86_400.0
"""A pause that grows ends at a day (Airflow: `MAX_RETRY_DELAY`)."""


def verdict(error: TaskError, *, failures: int, retries: int) -> TaskInstanceEvent:
    """Whether a failed try is followed by another.

    Args:
        error: why the try failed; one that is not retryable fails at once.
        failures: failed tries of the task instance before this one; lost tries are not among them.
        retries: further tries that the task declares.

    Returns:
        `RETRY` or `FAIL`.
    """
    return TaskInstanceEvent.RETRY if error.retryable and failures < retries else TaskInstanceEvent.FAIL


def lost_verdict(*, lost: int, max_lost_tries: int, failures: int, retries: int) -> TaskInstanceEvent:
    """What follows a try whose end nobody saw.

    Args:
        lost: lost tries of the task instance before this one.
        max_lost_tries: lost tries that count as no failure (setting `scheduler.max_lost_tries`).
        failures: failed tries before this one.
        retries: further tries that the task declares.

    Returns:
        `LOSE` while lost tries are free; after that the try is a failed one: `RETRY` or `FAIL`.
    """
    if lost < max_lost_tries:
        return TaskInstanceEvent.LOSE
    return TaskInstanceEvent.RETRY if failures < retries else TaskInstanceEvent.FAIL


def counts_as_lost(cause: InterruptCause) -> bool:
    """Whether an interrupted try is one of the lost ones, which are limited.

    A worker that stops on purpose may do so as often as it likes; one that fails or is cut off may be broken.
    """
    return cause is not InterruptCause.WORKER_STOPPING


def retry_delay(
    delay_seconds: float,
    *,
    failures: int,
    backoff: float = 1.0,
    most_seconds: float | None = None,
    decided_seconds: float | None = None,
) -> float:
    """The pause between a failed try and the next, in seconds; at most a year.

    Args:
        delay_seconds: pause that the task declares.
        failures: failed tries before this one.
        backoff: factor by which the pause grows with each of them; above 1 it ends at a day, as in Airflow.
        most_seconds: longest pause that the task declares.
        decided_seconds: pause that the task's retry policy decided; nothing else counts then.
    """
    if decided_seconds is not None:
        return min(decided_seconds, LONGEST_DELAY_SECONDS)
    pause = delay_seconds
    if backoff > 1.0 and pause > 0:
        # Logarithms, because the power itself may be larger than any number.
        grown = math.log(pause) + failures * math.log(backoff)
        pause = LONGEST_BACKOFF_SECONDS if grown > math.log(LONGEST_BACKOFF_SECONDS) else pause * backoff**failures
    return min(pause, LONGEST_DELAY_SECONDS if most_seconds is None else min(most_seconds, LONGEST_DELAY_SECONDS))


def retry_due_at(now: datetime, pause_seconds: float) -> datetime:
    """When the next try is due: a pause after the failure, at most a year."""
    return now + timedelta(seconds=min(pause_seconds, LONGEST_DELAY_SECONDS))
