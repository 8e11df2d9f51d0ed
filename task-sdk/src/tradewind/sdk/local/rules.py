"""What the states of its upstream tasks mean for a task that has not run: the trigger rules, said plainly.

The server has rules of its own, made to be fast; `schemas/cases` and random DAGs hold both to the same answers.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tradewind.sdk.contract import TaskInstanceState, TriggerRule

_FAILED = (TaskInstanceState.FAILED, TaskInstanceState.UPSTREAM_FAILED)
_DONE = (TaskInstanceState.SUCCESS, TaskInstanceState.SKIPPED, *_FAILED)


class Verdict(enum.Enum):
    """What becomes of a task that has not run."""

    WAIT = "wait"
    RUN = "run"
    SKIP = "skip"
    FAIL = "fail"


@dataclass(frozen=True)
class Upstream:
    """The direct upstream tasks of a task.

    Attributes:
        states: their states.
        setups: the states of those that are setup tasks.
    """

    states: Sequence[TaskInstanceState]
    setups: Sequence[TaskInstanceState] = ()

    @property
    def done(self) -> bool:
        """Whether all have ended."""
        return all(state in _DONE for state in self.states)

    @property
    def success(self) -> bool:
        """Whether any succeeded."""
        return TaskInstanceState.SUCCESS in self.states

    @property
    def skipped(self) -> bool:
        """Whether any was skipped."""
        return TaskInstanceState.SKIPPED in self.states

    @property
    def failed(self) -> bool:
        """Whether any failed or was not reached."""
        return any(state in _FAILED for state in self.states)

    def all_are(self, *states: TaskInstanceState) -> bool:
        """Whether each is in one of these states."""
        return all(state in states for state in self.states)


def verdict(rule: TriggerRule, upstream: Upstream) -> Verdict:
    """What a trigger rule says; a task without upstream tasks runs under every rule.

    The rules are Airflow's, its eagerness included: some are decided before all upstream tasks have ended.
    """
    if rule is TriggerRule.ALWAYS or not upstream.states:
        return Verdict.RUN
    return _RULES[rule](upstream)


def _all_success(up: Upstream) -> Verdict:
    if up.failed:
        return Verdict.FAIL
    if up.skipped:
        return Verdict.SKIP
    return Verdict.RUN if up.done else Verdict.WAIT


def _all_failed(up: Upstream) -> Verdict:
    if up.success or up.skipped:
        return Verdict.SKIP
    return Verdict.RUN if up.done else Verdict.WAIT


def _all_done(up: Upstream) -> Verdict:
    return Verdict.RUN if up.done else Verdict.WAIT


def _all_done_min_one_success(up: Upstream) -> Verdict:
    if up.skipped:  # a skipped task never counts as done
        return Verdict.SKIP
    if not up.done:
        return Verdict.WAIT
    return Verdict.RUN if up.success else Verdict.FAIL


def _all_done_setup_success(up: Upstream) -> Verdict:
    if not up.done:
        return Verdict.WAIT
    if not up.setups or TaskInstanceState.SUCCESS in up.setups:
        return Verdict.RUN
    return Verdict.SKIP if all(state is TaskInstanceState.SKIPPED for state in up.setups) else Verdict.FAIL


def _one_success(up: Upstream) -> Verdict:
    if up.success:
        return Verdict.RUN
    if not up.done:
        return Verdict.WAIT
    return Verdict.SKIP if up.all_are(TaskInstanceState.SKIPPED) else Verdict.FAIL


def _one_failed(up: Upstream) -> Verdict:
    if up.failed:
        return Verdict.RUN
    return Verdict.SKIP if up.done else Verdict.WAIT


def _one_done(up: Upstream) -> Verdict:
    if up.success or TaskInstanceState.FAILED in up.states:
        return Verdict.RUN
    return Verdict.SKIP if up.done else Verdict.WAIT


def _none_failed(up: Upstream) -> Verdict:
    if up.failed:
        return Verdict.FAIL
    return Verdict.RUN if up.done else Verdict.WAIT


def _none_failed_min_one_success(up: Upstream) -> Verdict:
    if up.failed:
        return Verdict.FAIL
    if up.all_are(TaskInstanceState.SKIPPED):
        return Verdict.SKIP
    return Verdict.RUN if up.done else Verdict.WAIT


def _none_skipped(up: Upstream) -> Verdict:
    if up.skipped:
        return Verdict.SKIP
    return Verdict.RUN if up.done else Verdict.WAIT


def _all_skipped(up: Upstream) -> Verdict:
    if up.success or up.failed:
        return Verdict.SKIP
    return Verdict.RUN if up.done else Verdict.WAIT


_RULES: Mapping[TriggerRule, Callable[[Upstream], Verdict]] = {
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
}
