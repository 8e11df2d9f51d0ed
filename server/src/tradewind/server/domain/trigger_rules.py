"""What the states of the upstream tasks mean for a task that has not run: the trigger rules of Airflow 3."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Final

from tradewind.server.contract import TaskInstanceEvent, TaskInstanceState, TriggerRule


class Verdict(enum.Enum):
    """What to do with a task instance in state `none`."""

    WAIT = "wait"
    READY = "ready"
    UPSTREAM_FAILED = "upstream_failed"
    UPSTREAM_SKIPPED = "upstream_skipped"


EVENT_OF: Final[Mapping[Verdict, TaskInstanceEvent]] = {
    Verdict.READY: TaskInstanceEvent.READY,
    Verdict.UPSTREAM_FAILED: TaskInstanceEvent.UPSTREAM_FAILED,
    Verdict.UPSTREAM_SKIPPED: TaskInstanceEvent.UPSTREAM_SKIPPED,
}
"""The event that carries out a verdict; to wait is no event."""


class Tally:
    """How many task instances there are, and how many are in each final state."""

    __slots__ = ("failed", "skipped", "success", "total", "upstream_failed")

    def __init__(
        self, total: int = 0, *, success: int = 0, failed: int = 0, upstream_failed: int = 0, skipped: int = 0
    ) -> None:
        self.total = total
        self.success = success
        self.failed = failed
        self.upstream_failed = upstream_failed
        self.skipped = skipped

    def count(self, state: TaskInstanceState, step: int) -> None:
        """Add an instance in a final state, or take it away; other states are not told apart."""
        if state is TaskInstanceState.SUCCESS:
            self.success += step
        elif state is TaskInstanceState.SKIPPED:
            self.skipped += step
        elif state is TaskInstanceState.FAILED:
            self.failed += step
        elif state is TaskInstanceState.UPSTREAM_FAILED:
            self.upstream_failed += step

    @property
    def not_met(self) -> int:
        """Those that failed, or failed to be reached."""
        return self.failed + self.upstream_failed

    @property
    def done(self) -> bool:
        """Whether all have ended."""
        return self.success + self.skipped + self.failed + self.upstream_failed >= self.total


NO_INSTANCES: Final = Tally()
"""The tally of a task without upstream tasks, or without setup tasks among them; never to be changed."""


def judge(rule: TriggerRule, upstream: Tally, setups: Tally) -> Verdict:
    """What a trigger rule says; a task without upstream tasks is ready under every rule.

    Args:
        rule: the rule.
        upstream: instances of all tasks directly upstream.
        setups: those of them that belong to setup tasks.
    """
    return RULES[rule](upstream, setups) if upstream.total else Verdict.READY


def judge_indirect_setups(setups: Tally) -> Verdict:
    """What setup tasks further above say before the rule is asked: each has to succeed, and the first decides."""
    return _all_success(setups, NO_INSTANCES)


def _all_success(up: Tally, _: Tally) -> Verdict:
    if up.not_met:
        return Verdict.UPSTREAM_FAILED
    if up.skipped:
        return Verdict.UPSTREAM_SKIPPED
    return Verdict.READY if up.success == up.total else Verdict.WAIT


def _all_failed(up: Tally, _: Tally) -> Verdict:
    if up.success or up.skipped:
        return Verdict.UPSTREAM_SKIPPED
    return Verdict.READY if up.done else Verdict.WAIT


def _all_done(up: Tally, _: Tally) -> Verdict:
    return Verdict.READY if up.done else Verdict.WAIT


def _all_done_min_one_success(up: Tally, _: Tally) -> Verdict:
    # A skipped task never counts as done here.
    if up.skipped:
        return Verdict.UPSTREAM_SKIPPED
    if not up.done:
        return Verdict.WAIT
    return Verdict.READY if up.success else Verdict.UPSTREAM_FAILED


def _all_done_setup_success(up: Tally, setups: Tally) -> Verdict:
    if not up.done:
        return Verdict.WAIT
    if setups.success or not setups.total:
        return Verdict.READY
    return Verdict.UPSTREAM_SKIPPED if setups.skipped == setups.total else Verdict.UPSTREAM_FAILED


def _one_success(up: Tally, _: Tally) -> Verdict:
    if up.success:
        return Verdict.READY
    if not up.done:
        return Verdict.WAIT
    return Verdict.UPSTREAM_SKIPPED if up.skipped == up.total else Verdict.UPSTREAM_FAILED


def _one_failed(up: Tally, _: Tally) -> Verdict:
    if up.not_met:
        return Verdict.READY
    return Verdict.UPSTREAM_SKIPPED if up.done else Verdict.WAIT


def _one_done(up: Tally, _: Tally) -> Verdict:
    # A task that was not reached has done nothing.
    if up.success or up.failed:
        return Verdict.READY
    return Verdict.UPSTREAM_SKIPPED if up.done else Verdict.WAIT


def _none_failed(up: Tally, _: Tally) -> Verdict:
    if up.not_met:
        return Verdict.UPSTREAM_FAILED
    return Verdict.READY if up.done else Verdict.WAIT


def _none_failed_min_one_success(up: Tally, _: Tally) -> Verdict:
    if up.not_met:
        return Verdict.UPSTREAM_FAILED
    if up.skipped == up.total:
        return Verdict.UPSTREAM_SKIPPED
    return Verdict.READY if up.done else Verdict.WAIT


def _none_skipped(up: Tally, _: Tally) -> Verdict:
    if up.skipped:
        return Verdict.UPSTREAM_SKIPPED
    return Verdict.READY if up.done else Verdict.WAIT


def _all_skipped(up: Tally, _: Tally) -> Verdict:
    if up.success or up.not_met:
        return Verdict.UPSTREAM_SKIPPED
    return Verdict.READY if up.done else Verdict.WAIT


def _always(_: Tally, __: Tally) -> Verdict:
    return Verdict.READY


RULES: Final[Mapping[TriggerRule, Callable[[Tally, Tally], Verdict]]] = {
    TriggerRule.ALL_SUCCESS: _all_success,
    TriggerRule.ALL_FAILED: _all_failed,
    TriggerRule.ALL_DONE: _all_done,
    TriggerRule.ALL_DONE_MIN_ONE_SUCCESS: _all_done_min_one_success,
    TriggerRule.ALL_DONE_SETUP_SUCCESS: _all_done_setup_success,
    TriggerRule.ONE_SUCCESS: _one_success,
    TriggerRule.ONE_FAILED: _one_failed,
    TriggerRule.ONE_DONE: _one_done,
    TriggerRule.NONE_FAILED: _none_failed,
    TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS: _none_failed_min_one_success,
    TriggerRule.NONE_SKIPPED: _none_skipped,
    TriggerRule.ALL_SKIPPED: _all_skipped,
    TriggerRule.ALWAYS: _always,
}
"""Each trigger rule of the contract as a function of the upstream instances and of the setups among them."""

_NOT_MET: Final = frozenset({TaskInstanceState.FAILED, TaskInstanceState.UPSTREAM_FAILED})
_SKIPPED: Final = frozenset({TaskInstanceState.SKIPPED})
_SUCCESS: Final = frozenset({TaskInstanceState.SUCCESS})
_BLAMED_FOR_A_SKIP: Final[Mapping[TriggerRule, frozenset[TaskInstanceState]]] = {
    TriggerRule.ALL_FAILED: _SUCCESS | _SKIPPED,
    TriggerRule.ONE_FAILED: _SUCCESS | _SKIPPED,
    TriggerRule.ONE_DONE: _SKIPPED | {TaskInstanceState.UPSTREAM_FAILED},
    TriggerRule.ALL_SKIPPED: _SUCCESS | _NOT_MET,
}


def blamed_states(rule: TriggerRule, verdict: Verdict) -> frozenset[TaskInstanceState]:
    """The states of upstream tasks because of which a task does not run."""
    return _NOT_MET if verdict is Verdict.UPSTREAM_FAILED else _BLAMED_FOR_A_SKIP.get(rule, _SKIPPED)
