"""What is broken on purpose is found by the steps of a deployment: otherwise they would prove nothing."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.properties.deployment.databases import Bench
from tests.properties.deployment.seeds import play
from tradewind.server.domain.refusals import Refused
from tradewind.server.scheduler.decider import Decided, Decider
from tradewind.server.store import Transaction, limits, sessions
from tradewind.server.store.dispatches import claims
from tradewind.server.store.dispatches.held import Held
from tradewind.server.store.dispatches.ledger import Ledger
from tradewind.server.store.dispatches.stopping import confirm_gone, stop_live_tries
from tradewind.server.store.runs import by_hand
from tradewind.server.store.scheduling import decisions

MOST_SEEDS = 60


def forget_to_end(ledger: Ledger, dispatch: Held, reason: str, digest: str | None, started: Any) -> None:
    """The task instance goes on, and its dispatch stays live."""


def stop_without_a_fence(tx: Transaction, pks: Any, **options: Any) -> dict[int, str]:
    """Who is stopped is taken to be gone at once."""
    stopped = stop_live_tries(tx, pks, **options)
    confirm_gone(tx, dict.fromkeys(stopped.values()))
    return stopped


def remember_too_early(decide: Callable[..., Decided]) -> Callable[..., Decided]:
    """What was decided is remembered before its commit, which may not come."""

    def decide_and_remember(decider: Decider, tx: Transaction, epoch: int) -> Decided:
        before = len(tx._after_commit)
        decided = decide(decider, tx, epoch)
        for action in tx._after_commit[before:]:
            action()
        del tx._after_commit[before:]
        return decided

    return decide_and_remember


SEEDS = {"a decision is remembered before its commit": 44, "what a former life ran is not lost": 19}
"""Seeds that find what many others do not: they are played first."""

DEFECTS: Mapping[str, tuple[Any, str, Any]] = {
    "a dispatch is not ended": (Ledger, "_end_dispatch", forget_to_end),
    "a stopped try has no fence": (by_hand, "stop_live_tries", stop_without_a_fence),
    "a decision is remembered before its commit": (Decider, "decide", remember_too_early(Decider.decide)),
    "a leader of the past decides": (decisions, "still_leads", lambda tx, epoch: True),
    "an older connection renews": (sessions, "_check_epoch", lambda newest, epoch: None),
    "an older connection gets work": (claims, "_of_connected", lambda tx, requests: list(requests)),
    "nothing is in use": (limits, "active_instances", lambda tx: []),
    "what a former life ran is not lost": (sessions, "lose", lambda tx, dispatches, cause: []),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_planted_defect_is_found(defect: str, sqlite_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*DEFECTS[defect])
    with pytest.raises((AssertionError, Refused, ExceptionGroup)):
        play_many(sqlite_bench, SEEDS.get(defect, 0))


def play_many(bench: Bench, first: int) -> None:
    for seed in [first, *range(MOST_SEEDS)]:
        play(bench, seed)
