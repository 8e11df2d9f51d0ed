from datetime import UTC, datetime, timedelta

import pytest

from tradewind.server.contract import InterruptCause, TaskError, TaskInstanceEvent
from tradewind.server.domain import retries

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ERROR = TaskError(type="ValueError", message="no", retryable=True)
FINAL_ERROR = TaskError(type="TradewindFailException", message="no use", retryable=False)


@pytest.mark.parametrize(("failures", "event"), [(0, "retry"), (1, "retry"), (2, "fail"), (3, "fail")])
def test_a_task_with_two_retries_has_three_tries(failures: int, event: str) -> None:
    assert retries.verdict(ERROR, failures=failures, retries=2) == event


def test_a_task_without_retries_fails_at_once() -> None:
    assert retries.verdict(ERROR, failures=0, retries=0) is TaskInstanceEvent.FAIL


def test_an_error_that_is_not_retryable_fails_at_once() -> None:
    assert retries.verdict(FINAL_ERROR, failures=0, retries=5) is TaskInstanceEvent.FAIL


@pytest.mark.parametrize(("lost", "event"), [(0, "lose"), (2, "lose"), (3, "retry"), (4, "retry")])
def test_lost_tries_are_free_until_there_are_too_many(lost: int, event: str) -> None:
    assert retries.lost_verdict(lost=lost, max_lost_tries=3, failures=0, retries=1) == event


def test_a_lost_try_beyond_the_limit_without_retries_left_fails() -> None:
    assert retries.lost_verdict(lost=3, max_lost_tries=3, failures=1, retries=1) is TaskInstanceEvent.FAIL


def test_only_a_worker_that_stops_on_purpose_may_interrupt_without_limit() -> None:
    free = [cause for cause in InterruptCause if not retries.counts_as_lost(cause)]
    assert free == [InterruptCause.WORKER_STOPPING]


def test_a_retry_is_due_after_the_fixed_delay() -> None:
    assert retries.retry_due_at(NOW, 90.5) == NOW + timedelta(seconds=90.5)


def test_a_delay_beyond_the_calendar_is_cut() -> None:
    assert retries.retry_due_at(NOW, 1e300) == NOW + timedelta(days=365)
