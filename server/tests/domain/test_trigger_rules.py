import pytest

from tradewind.server.contract import TriggerRule
from tradewind.server.domain.trigger_rules import EVENT_OF, RULES, Verdict, all_success


@pytest.mark.parametrize(
    ("total", "success", "failed", "skipped", "verdict"),
    [
        (0, 0, 0, 0, Verdict.READY),
        (2, 2, 0, 0, Verdict.READY),
        (2, 1, 0, 0, Verdict.WAIT),
        (2, 0, 1, 0, Verdict.UPSTREAM_FAILED),
        (2, 1, 0, 1, Verdict.UPSTREAM_SKIPPED),
        (3, 0, 0, 1, Verdict.UPSTREAM_SKIPPED),
        (3, 1, 1, 1, Verdict.UPSTREAM_FAILED),
    ],
)
def test_all_success(total: int, success: int, failed: int, skipped: int, verdict: Verdict) -> None:
    assert all_success(total, success, failed, skipped) is verdict


def test_every_trigger_rule_of_the_contract_is_known() -> None:
    assert set(RULES) == set(TriggerRule)


def test_every_verdict_but_to_wait_is_an_event() -> None:
    assert set(EVENT_OF) == set(Verdict) - {Verdict.WAIT}
