"""What follows from the rows of a run, said as plainly as possible: every task is looked at, and nothing is kept.

It shares no rule with the server: the trigger rules are written down a second time, over sets of states.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.properties.run_model import RunModel
from tradewind.server.contract import (
    TASK_INSTANCE_FINAL,
    DagRunState,
    RunEndCause,
    TaskInstanceState,
    TriggerRule,
)

State = TaskInstanceState
NONE, READY = State.NONE, State.SCHEDULED
SUCCESS, SKIPPED, FAILED, NOT_REACHED = State.SUCCESS, State.SKIPPED, State.FAILED, State.UPSTREAM_FAILED
BAD = {FAILED, NOT_REACHED}
LIVE = {State.QUEUED, State.RUNNING}


@dataclass(frozen=True)
class Outlook:
    """What must be true once the scheduler has decided."""

    states: Mapping[str, State]
    run: DagRunState


def by_rule(rule: TriggerRule, upstream: Sequence[State], setups: Sequence[State]) -> State:
    """Where a task in `none` goes, by its trigger rule alone; `none` for nowhere yet."""
    kinds = set(upstream)
    done = kinds <= TASK_INSTANCE_FINAL
    runs, skips, fails = _decided(rule, kinds, done=done, setups=set(setups))
    if not upstream or runs:
        return READY
    if fails:
        return NOT_REACHED
    return SKIPPED if skips else NONE


def _decided(rule: TriggerRule, kinds: set[State], *, done: bool, setups: set[State]) -> tuple[bool, bool, bool]:
    """Whether it runs, whether it is skipped, whether it is not reached: the last counts more than the one before."""
    success, skipped, failed = SUCCESS in kinds, SKIPPED in kinds, bool(kinds & BAD)
    answers = {
        TriggerRule.ALL_SUCCESS: (kinds == {SUCCESS}, skipped, failed),
        TriggerRule.ALL_FAILED: (kinds <= BAD, success or skipped, False),
        TriggerRule.ALL_DONE: (done, False, False),
        TriggerRule.ALL_DONE_MIN_ONE_SUCCESS: (
            done and success and not skipped,
            skipped,
            done and not success and not skipped,
        ),
        TriggerRule.ALL_DONE_SETUP_SUCCESS: (
            done and (not setups or SUCCESS in setups),
            done and setups == {SKIPPED},
            done and bool(setups & BAD) and SUCCESS not in setups,
        ),
        TriggerRule.ONE_SUCCESS: (success, kinds == {SKIPPED}, done and not success and kinds != {SKIPPED}),
        TriggerRule.ONE_FAILED: (failed, done and not failed, False),
        TriggerRule.ONE_DONE: (success or FAILED in kinds, done and kinds <= {SKIPPED, NOT_REACHED}, False),
        TriggerRule.NONE_FAILED: (kinds <= {SUCCESS, SKIPPED}, False, failed),
        TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS: (
            kinds <= {SUCCESS, SKIPPED} and success,
            kinds == {SKIPPED},
            failed,
        ),
        TriggerRule.NONE_SKIPPED: (done and not skipped, skipped, False),
        TriggerRule.ALL_SKIPPED: (kinds == {SKIPPED}, success or failed, False),
        TriggerRule.ALWAYS: (True, False, False),
    }
    return answers[rule]


class Reference:
    """Looks at the rows of a run before the scheduler does."""

    def __init__(self, model: RunModel) -> None:
        self.model = model
        self.states = {task_id: model.state(task_id) for task_id in model.tasks}
        self.downstream = {
            name: {other for other, task in model.tasks.items() if name in task.upstream} for name in model.tasks
        }

    def outlook(self) -> Outlook:
        """What must be true afterwards."""
        model = self.model
        if model.run is DagRunState.QUEUED and not model.may_start:
            return Outlook(self.states, model.run)
        cause = self._cause()
        if cause is not None:
            self._end(cause)
        for name in self._in_order():
            if self.states[name] is NONE:
                self.states[name] = self._judged(name)
            due = model.rows[name].fact.retry_at
            if self.states[name] is State.UP_FOR_RETRY and due is not None and due <= model.now:
                self.states[name] = READY
        return Outlook(self.states, self._run(cause))

    def _cause(self) -> RunEndCause | None:
        model = self.model
        facts = model.facts
        starts = model.run is DagRunState.QUEUED
        if facts.end is not None:
            return facts.end.cause
        is_open = any(state not in TASK_INSTANCE_FINAL for state in self.states.values())
        if not starts and facts.timeout_at is not None and facts.timeout_at <= model.now and is_open:
            return RunEndCause.TIMED_OUT
        started_at = model.now if starts or facts.started_at is None else facts.started_at
        for name, row in model.rows.items():
            ended_at = row.fact.ended_at
            failed = row.fact.state is FAILED and ended_at is not None and ended_at >= started_at
            if model.dag.fail_fast and failed and not model.tasks[name].traits.is_teardown:
                return RunEndCause.FAILED_FAST
        return None

    def _end(self, cause: RunEndCause) -> None:
        for name, state in self.states.items():
            if state not in TASK_INSTANCE_FINAL and not self.model.tasks[name].traits.is_teardown:
                was_cut_off = state in LIVE and cause is not RunEndCause.TIMED_OUT
                self.states[name] = FAILED if was_cut_off else SKIPPED

    def _judged(self, name: str) -> State:
        model, traits = self.model, self.model.tasks[name].traits
        found = self._judged_without_past(name)
        waits = found is READY or (found is SKIPPED and traits.wait_for_past_depends_before_skipping)
        if waits and (traits.depends_on_past or traits.wait_for_downstream) and model.past is not None:
            watched = {name} | (self.downstream[name] if traits.wait_for_downstream else set())
            if name not in model.past:
                return found if traits.ignore_first_depends_on_past else NONE
            if any(model.past[other] not in {SUCCESS, SKIPPED} for other in watched if other in model.past):
                return NONE
        return found

    def _judged_without_past(self, name: str) -> State:
        model, traits = self.model, self.model.tasks[name].traits
        for row in model.rows.values():
            fact = row.fact
            if fact.state is SUCCESS and name in fact.skips and fact.task_id != name:
                return SKIPPED
        upstream = model.tasks[name].upstream
        by = by_rule(
            traits.trigger_rule,
            [self.states[source] for source in upstream],
            [self.states[source] for source in upstream if model.tasks[source].traits.is_setup],
        )
        if traits.trigger_rule is TriggerRule.ALWAYS:
            return by
        if traits.is_teardown:
            ended = all(self.states[other] in TASK_INSTANCE_FINAL for other in self._between(name))
            return by if ended or by is not READY else NONE
        above = {self.states[setup] for setup in self._setups_above(name) if setup not in upstream}
        if above & BAD:
            return NOT_REACHED
        if SKIPPED in above:
            return SKIPPED
        return NONE if by is READY and above - {SUCCESS} else by

    def _setups_above(self, name: str) -> set[str]:
        traits = {other: task.traits for other, task in self.model.tasks.items()}
        below = self._reached(name, self.downstream)
        found: set[str] = set()
        for setup in self._reached(name, {other: set(task.upstream) for other, task in self.model.tasks.items()}):
            teardowns = {other for other in self.downstream[setup] if traits[other].is_teardown}
            if traits[setup].is_setup and (not teardowns or teardowns & below):
                found.add(setup)
        return found

    def _between(self, teardown: str) -> set[str]:
        above = self._reached(teardown, {other: set(task.upstream) for other, task in self.model.tasks.items()})
        setups = {other for other in self.model.tasks[teardown].upstream if self.model.tasks[other].traits.is_setup}
        below = {other for setup in setups for other in self._reached(setup, self.downstream)}
        return above & below - set(self.model.tasks[teardown].upstream)

    @staticmethod
    def _reached(start: str, edges: Mapping[str, set[str]]) -> set[str]:
        found: set[str] = set()
        waiting = [*edges[start]]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += edges[name]
        return found

    def _in_order(self) -> list[str]:
        order: list[str] = []
        while len(order) < len(self.states):
            order += [
                name
                for name, task in self.model.tasks.items()
                if name not in order and set(task.upstream) <= set(order)
            ]
        return order

    def _run(self, cause: RunEndCause | None) -> DagRunState:
        if any(state not in TASK_INSTANCE_FINAL for state in self.states.values()):
            return DagRunState.RUNNING
        if cause is not None:
            return DagRunState.FAILED
        traits = {name: task.traits for name, task in self.model.tasks.items()}
        ignored = {name for name, one in traits.items() if one.is_teardown and not one.on_failure_fail_dagrun}
        deciding = {name for name in traits if name not in ignored and self.downstream[name] <= ignored}
        deciding = deciding or {name for name in traits if not self.downstream[name]}
        return DagRunState.FAILED if {self.states[name] for name in deciding} & BAD else DagRunState.SUCCESS
