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


def test_a_retry_is_due_after_its_pause() -> None:
    assert retries.retry_due_at(NOW, 90.5) == NOW + timedelta(seconds=90.5)


def test_a_pause_beyond_the_calendar_is_cut() -> None:
    assert retries.retry_due_at(NOW, 1e300) == NOW + timedelta(days=365)
    assert retries.retry_delay(1e300, failures=0) == 365 * 86_400


def test_a_fixed_pause_does_not_grow() -> None:
    assert [retries.retry_delay(90.5, failures=failures) for failures in (0, 1, 9)] == [90.5] * 3


def test_a_pause_with_back_off_grows_by_its_factor_with_each_failure() -> None:
    pauses = [retries.retry_delay(10, failures=failures, backoff=2) for failures in range(4)]
    assert pauses == [10, 20, 40, 80]
    assert retries.retry_delay(10, failures=2, backoff=1.5) == 22.5


@pytest.mark.parametrize(("delay", "backoff", "failures"), [(1, 2, 17), (1, 1000, 1000), (1e9, 2, 0)])
def test_a_growing_pause_ends_at_a_day(delay: float, backoff: float, failures: int) -> None:
    assert retries.retry_delay(delay, failures=failures, backoff=backoff) == 86_400


def test_no_pause_grows_to_none() -> None:
    assert retries.retry_delay(0, failures=1000, backoff=1000) == 0


def test_the_declared_longest_pause_cuts_every_other() -> None:
    assert retries.retry_delay(10, failures=3, backoff=2, most_seconds=60) == 60
    assert retries.retry_delay(10, failures=0, most_seconds=4) == 4


def test_what_a_retry_policy_decides_wins() -> None:
    pause = retries.retry_delay(10, failures=3, backoff=2, most_seconds=60, decided_seconds=3600)
    assert pause == 3600
    assert retries.retry_delay(10, failures=0, decided_seconds=0) == 0
