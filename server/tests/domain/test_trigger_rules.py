import itertools
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from tradewind.server.contract import TaskInstanceState, TriggerRule
from tradewind.server.domain.trigger_rules import (
    EVENT_OF,
    NO_INSTANCES,
    RULES,
    Tally,
    Verdict,
    blamed_states,
    judge,
    judge_indirect_setups,
)

STATES = {
    "s": TaskInstanceState.SUCCESS,
    "f": TaskInstanceState.FAILED,
    "u": TaskInstanceState.UPSTREAM_FAILED,
    "k": TaskInstanceState.SKIPPED,
    ".": TaskInstanceState.RUNNING,
}
WAIT, READY, FAILED, SKIPPED = Verdict.WAIT, Verdict.READY, Verdict.UPSTREAM_FAILED, Verdict.UPSTREAM_SKIPPED


def tally(letters: str) -> Tally:
    counts = Tally(len(letters))
    for letter in letters:
        counts.count(STATES[letter], +1)
    return counts


@pytest.mark.parametrize(
    ("rule", "upstream", "verdict"),
    [
        ("all_success", "ss", READY),
        ("all_success", "s.", WAIT),
        ("all_success", ".f", FAILED),
        ("all_success", ".u", FAILED),
        ("all_success", ".k", SKIPPED),
        ("all_success", "skf", FAILED),
        ("all_failed", "fu", READY),
        ("all_failed", "f.", WAIT),
        ("all_failed", "s.", SKIPPED),
        ("all_failed", "k.", SKIPPED),
        ("all_done", "sfuk", READY),
        ("all_done", "sfu.", WAIT),
        ("all_done_min_one_success", "sfu", READY),
        ("all_done_min_one_success", "s.", WAIT),
        ("all_done_min_one_success", "fu", FAILED),
        ("all_done_min_one_success", "k.", SKIPPED),
        ("all_done_min_one_success", "sk", SKIPPED),
        ("one_success", ".s", READY),
        ("one_success", "f.", WAIT),
        ("one_success", "kk", SKIPPED),
        ("one_success", "kf", FAILED),
        ("one_success", "fu", FAILED),
        ("one_failed", ".f", READY),
        ("one_failed", ".u", READY),
        ("one_failed", ".s", WAIT),
        ("one_failed", "sk", SKIPPED),
        ("one_done", ".s", READY),
        ("one_done", ".f", READY),
        ("one_done", ".k", WAIT),
        ("one_done", ".u", WAIT),
        ("one_done", "ku", SKIPPED),
        ("none_failed", "sk", READY),
        ("none_failed", "kk", READY),
        ("none_failed", "s.", WAIT),
        ("none_failed", "f.", FAILED),
        ("none_failed_min_one_success", "sk", READY),
        ("none_failed_min_one_success", "s.", WAIT),
        ("none_failed_min_one_success", "kk", SKIPPED),
        ("none_failed_min_one_success", "u.", FAILED),
        ("none_skipped", "sfu", READY),
        ("none_skipped", "sf.", WAIT),
        ("none_skipped", "k.", SKIPPED),
        ("all_skipped", "kk", READY),
        ("all_skipped", "k.", WAIT),
        ("all_skipped", "s.", SKIPPED),
        ("all_skipped", "f.", SKIPPED),
        ("all_skipped", "u.", SKIPPED),
        ("always", "..", READY),
        ("all_done_setup_success", "sfk", READY),
        ("all_done_setup_success", "sf.", WAIT),
    ],
)
def test_a_rule_says_what_it_says_in_airflow(rule: str, upstream: str, verdict: Verdict) -> None:
    assert judge(TriggerRule(rule), tally(upstream), NO_INSTANCES) is verdict


@pytest.mark.parametrize(
    ("work", "setups", "verdict"),
    [
        ("f", "s", READY),
        ("f", "sf", READY),
        ("k", "kk", SKIPPED),
        ("u", "f", FAILED),
        ("u", "u", FAILED),
        ("k", "kf", FAILED),
        (".", "f", WAIT),
        ("s", ".", WAIT),
    ],
)
def test_a_teardown_waits_for_all_and_needs_one_setup_that_succeeded(work: str, setups: str, verdict: Verdict) -> None:
    assert judge(TriggerRule.ALL_DONE_SETUP_SUCCESS, tally(work + setups), tally(setups)) is verdict


@pytest.mark.parametrize("rule", list(TriggerRule))
def test_a_task_without_upstream_tasks_is_ready_under_every_rule(rule: TriggerRule) -> None:
    assert judge(rule, NO_INSTANCES, NO_INSTANCES) is Verdict.READY


@pytest.mark.parametrize(("setups", "verdict"), [("ss", READY), ("s.", WAIT), (".f", FAILED), (".k", SKIPPED)])
def test_every_setup_further_above_has_to_succeed(setups: str, verdict: Verdict) -> None:
    assert judge_indirect_setups(tally(setups)) is verdict


def test_no_rule_waits_for_ever() -> None:
    for rule, size in itertools.product(TriggerRule, (1, 2, 3)):
        for letters in itertools.combinations_with_replacement("sfuk", size):
            upstream = "".join(letters)
            for setups in ("", upstream[:1], upstream):
                assert judge(rule, tally(upstream), tally(setups)) is not Verdict.WAIT


def test_a_verdict_stays_what_it_is_while_more_upstream_instances_end() -> None:
    for rule in TriggerRule:
        for letters in itertools.product("sfuk", repeat=3):
            final = judge(rule, tally("".join(letters)), NO_INSTANCES)
            # One exception: a failure weighs more than a skip, but does not undo it.
            overruled = {SKIPPED} if rule is TriggerRule.ALL_SUCCESS and final is FAILED else set()
            for known in range(3):
                early = judge(rule, tally("".join(letters[:known]) + "." * (3 - known)), NO_INSTANCES)
                assert early in {final, WAIT} | overruled


def test_every_trigger_rule_of_the_contract_is_known() -> None:
    assert set(RULES) == set(TriggerRule)


def test_every_verdict_but_to_wait_is_an_event() -> None:
    assert set(EVENT_OF) == set(Verdict) - {Verdict.WAIT}


def plain_blame(letters: Sequence[str], says: Callable[[str], Verdict]) -> set[str]:
    """The kinds of instances without which the verdict would be another."""
    verdict, counts = says("".join(letters)), Counter(letters)
    return {letter for letter in counts if says("".join(other for other in letters if other != letter)) is not verdict}


@pytest.mark.parametrize("rule", list(TriggerRule))
def test_whoever_is_needed_for_a_verdict_is_blamed_for_it(rule: TriggerRule) -> None:
    for letters in itertools.combinations_with_replacement("sfuk", 3):
        verdict = judge(rule, tally("".join(letters)), NO_INSTANCES)
        if verdict in {Verdict.UPSTREAM_FAILED, Verdict.UPSTREAM_SKIPPED}:
            blamed = blamed_states(rule, verdict)
            assert any(STATES[letter] in blamed for letter in letters)
            needed = plain_blame(letters, lambda left: judge(rule, tally(left), NO_INSTANCES))
            assert {STATES[letter] for letter in needed} <= blamed
