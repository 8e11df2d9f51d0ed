"""Rules of retry policies."""

import datetime as dt
import logging
from typing import Any

import pytest

from tradewind.sdk import BaseOperator, ExceptionRetryPolicy, RetryAction, RetryDecision, RetryPolicy, RetryRule
from tradewind.sdk.exceptions import DagAuthoringError

MINUTE = dt.timedelta(minutes=1)


class Own(ConnectionError):
    pass


def decide(policy: RetryPolicy, error: BaseException) -> RetryDecision:
    return policy.evaluate(error, try_number=1, max_tries=3, context={})


def test_the_first_rule_that_matches_decides() -> None:
    policy = ExceptionRetryPolicy(
        [
            RetryRule(Own, RetryAction.FAIL, reason="ours"),
            RetryRule([ConnectionError, "builtins.KeyError"], retry_delay=MINUTE),
        ],
        default=RetryAction.FAIL,
    )
    assert decide(policy, Own()) == RetryDecision.fail("ours")
    assert decide(policy, KeyError()) == RetryDecision.retry(MINUTE, "A rule matches KeyError.")
    assert decide(policy, ConnectionResetError()).action is RetryAction.RETRY
    assert decide(policy, ValueError()) == RetryDecision(RetryAction.FAIL)
    assert decide(ExceptionRetryPolicy([]), ValueError()) == RetryDecision.default()


def test_a_rule_may_want_the_very_class() -> None:
    rule = RetryRule(ConnectionError, match_subclasses=False)
    assert (rule.matches(ConnectionError()), rule.matches(Own())) == (True, False)


def test_a_path_that_leads_nowhere_matches_nothing_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    rule = RetryRule(["no.such.module.Error", "builtins.len", "builtins.OSError"])
    with caplog.at_level(logging.WARNING):
        assert (rule.matches(ValueError()), rule.matches(OSError())) == (False, True)
    assert [record.args for record in caplog.records] == [("no.such.module.Error",), ("builtins.len",)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"exception": "ValueError"}, "a text must be a dotted path"),
        ({"exception": "a..b"}, "must be a class of exceptions or its path"),
        ({"exception": 5}, "must be a class of exceptions or its path"),
        ({"exception": int}, "must be a class of exceptions or its path"),
        ({"exception": []}, "must name one exception at least"),
        ({"exception": OSError, "action": "retry"}, "action of a RetryRule must be a RetryAction"),
        ({"exception": OSError, "retry_delay": 5}, "retry_delay of a RetryRule must be a timedelta"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(DagAuthoringError, match=words):
        RetryRule(**arguments)


def test_a_policy_that_cannot_be_is_refused() -> None:
    with pytest.raises(DagAuthoringError, match="must be RetryRules, not 5"):
        ExceptionRetryPolicy([5])  # type: ignore[list-item]  # wrong on purpose
    with pytest.raises(DagAuthoringError, match="default of an ExceptionRetryPolicy must be a RetryAction"):
        ExceptionRetryPolicy([], default="fail")  # type: ignore[arg-type]  # wrong on purpose


def test_a_task_keeps_a_policy_of_the_author() -> None:
    class Never(RetryPolicy):
        def evaluate(
            self, exception: BaseException, try_number: int, max_tries: int, context: Any = None
        ) -> RetryDecision:
            return RetryDecision.fail(f"try {try_number} of {max_tries}")

    policy = Never()
    operator = BaseOperator(task_id="a", retry_policy=policy)
    assert operator.retry_policy is policy
    assert decide(policy, OSError()).reason == "try 1 of 3"
