"""Runs that have to end before their tasks do, and who decides how a run ends."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tradewind.server.contract import (
    DagRunEvent,
    DagRunState,
    RunEndCause,
    RunEnded,
    TaskInstanceEvent,
    TaskInstanceState,
    TriggerRule,
)
from tradewind.server.domain.decisions import RunFacts
from tradewind.server.domain.task_traits import TaskTraits

from .watched_run import NOW, WatchedRun

State = TaskInstanceState
SETUP = TaskTraits(is_setup=True)
TEARDOWN = TaskTraits(is_teardown=True, trigger_rule=TriggerRule.ALL_DONE_SETUP_SUCCESS)
SCOPE = {"up": [], "work": ["up"], "more": ["work"], "down": ["up", "more"]}
TRAITS = {"up": SETUP, "down": TEARDOWN}
CANCELLED = RunFacts(started_at=NOW, end=RunEnded(cause=RunEndCause.CANCELLED))
HOUR = timedelta(hours=1)


def cancel(run: WatchedRun) -> None:
    run.projection.facts = replace(run.projection.facts, end=RunEnded(cause=RunEndCause.CANCELLED))


def test_a_cancelled_run_ends_at_once_when_nothing_is_to_be_cleaned_up() -> None:
    run = WatchedRun({"a": [], "b": ["a"], "c": []})
    run.decide()
    run.report("a", State.RUNNING)
    cancel(run)
    assert run.decide() == {"a": State.FAILED, "b": State.SKIPPED, "c": State.SKIPPED}
    assert run.decision.run_event is DagRunEvent.CANCEL
    assert run.decision.complete
    assert run.reason("b") == RunEnded(cause=RunEndCause.CANCELLED)
    assert {move.event for move in run.decision.moves} == {TaskInstanceEvent.ABANDON}


def test_a_cancelled_run_waits_for_its_teardown() -> None:
    run = WatchedRun(SCOPE, TRAITS)
    run.decide()
    run.report("up", State.SUCCESS)
    run.decide()
    run.report("work", State.RUNNING)
    cancel(run)
    assert run.decide() == {"work": State.FAILED, "more": State.SKIPPED, "down": State.SCHEDULED}
    assert run.decision.run_event is None
    assert run.decision.complete
    run.report("down", State.SUCCESS)
    run.decide()
    assert run.decision.run_event is DagRunEvent.CANCEL


def test_a_teardown_whose_setup_did_not_run_does_not_either() -> None:
    run = WatchedRun(SCOPE, TRAITS)
    run.decide()
    cancel(run)
    assert set(run.decide().values()) == {State.SKIPPED}
    assert run.decision.run_event is DagRunEvent.CANCEL


def test_a_run_that_is_cancelled_before_its_start_ends_without_one() -> None:
    run = WatchedRun({**SCOPE, "alone": []}, {**TRAITS, "alone": TEARDOWN}, state=DagRunState.QUEUED, facts=CANCELLED)
    assert set(run.decide().values()) == {State.SKIPPED}
    assert run.decision.run_event is DagRunEvent.CANCEL
    assert run.decision.state_before is DagRunState.QUEUED


def test_a_queued_run_with_a_cancel_starts_for_a_teardown_whose_setup_ran_before() -> None:
    run = WatchedRun(SCOPE, TRAITS, state=DagRunState.QUEUED, facts=CANCELLED)
    run.report("up", State.SUCCESS)
    assert run.decide() == {"work": State.SKIPPED, "more": State.SKIPPED}
    run.decide()
    assert (run.decision.run_event, run.decision.complete) == (None, True)
    assert run.decide(may_start=True) == {"down": State.SCHEDULED}
    assert run.decision.run_event is DagRunEvent.START
    assert run.decision.facts.end == CANCELLED.end
    run.report("down", State.FAILED)
    run.decide()
    assert (run.decision.run_event, run.decision.state_before) == (DagRunEvent.CANCEL, DagRunState.RUNNING)


def test_the_time_of_a_run_begins_with_its_start() -> None:
    run = WatchedRun({"a": []}, timeout=HOUR, state=DagRunState.QUEUED, facts=RunFacts())
    run.decide(may_start=True)
    assert run.decision.facts.timeout_at == NOW + HOUR
    assert run.decision.next_wake == NOW + HOUR
    assert run.decision.facts_changed


def test_a_run_whose_time_is_over_fails_and_what_has_not_ended_is_skipped() -> None:
    run = WatchedRun({"a": [], "b": ["a"]}, facts=RunFacts(started_at=NOW, timeout_at=NOW + HOUR))
    run.decide()
    run.report("a", State.RUNNING)
    assert run.decide(NOW + HOUR - timedelta(microseconds=1)) == {}
    assert run.projection.is_ending(NOW + HOUR)
    assert run.decide(NOW + HOUR) == {"a": State.SKIPPED, "b": State.SKIPPED}
    assert run.decision.run_event is DagRunEvent.TIME_OUT
    assert run.decision.facts.end == RunEnded(cause=RunEndCause.TIMED_OUT)
    assert {move.event for move in run.decision.moves} == {TaskInstanceEvent.TIME_OUT}


def test_the_end_of_a_runs_time_wakes_nobody_a_second_time() -> None:
    run = WatchedRun(SCOPE, TRAITS, facts=RunFacts(started_at=NOW, timeout_at=NOW + HOUR))
    run.report("up", State.SUCCESS)
    run.decide()
    assert run.decide(NOW + HOUR) == {"work": State.SKIPPED, "more": State.SKIPPED, "down": State.SCHEDULED}
    assert run.decision.facts.timeout_at is None
    assert run.decision.next_wake is None
    assert run.decision.complete
    run.report("down", State.SUCCESS)
    run.decide(NOW + 2 * HOUR)
    assert run.decision.run_event is DagRunEvent.TIME_OUT


def test_the_first_cause_of_an_end_stays() -> None:
    run = WatchedRun(SCOPE, TRAITS, facts=replace(CANCELLED, timeout_at=NOW), fail_fast=True)
    run.report("up", State.SUCCESS)
    run.report("work", State.FAILED)
    run.decide(NOW + HOUR)
    assert run.reason("more") == CANCELLED.end
    assert run.decision.facts.end == CANCELLED.end


def test_the_first_failed_task_ends_a_run_that_fails_fast() -> None:
    run = WatchedRun({"a": [], "b": [], "after": ["a"], "c": []}, fail_fast=True)
    run.decide()
    run.report("b", State.RUNNING)
    run.report("c", State.UP_FOR_RETRY, NOW + HOUR)
    run.report("a", State.FAILED)
    assert run.decide() == {"b": State.FAILED, "after": State.SKIPPED, "c": State.SKIPPED}
    assert run.reason("b") == RunEnded(cause=RunEndCause.FAILED_FAST, task_id="a")
    assert run.decision.run_event is DagRunEvent.FAIL
    assert run.decision.facts.end == RunEnded(cause=RunEndCause.FAILED_FAST, task_id="a")


def test_neither_a_retry_nor_a_failed_teardown_fails_fast() -> None:
    run = WatchedRun(
        {"a": [], "t": [], "b": ["a"]}, {"t": replace(TEARDOWN, trigger_rule=TriggerRule.ALL_DONE)}, fail_fast=True
    )
    run.decide()
    run.report("t", State.FAILED)
    run.report("a", State.UP_FOR_RETRY, NOW + HOUR)
    assert run.decide() == {}
    assert run.decision.facts.end is None


def test_a_failure_before_the_last_start_does_not_end_a_cleared_run() -> None:
    run = WatchedRun({"a": [], "b": []}, fail_fast=True, state=DagRunState.QUEUED, facts=RunFacts())
    run.report("a", State.FAILED, ended_at=NOW - HOUR)
    assert run.decide(may_start=True) == {"b": State.SCHEDULED}
    run.report("b", State.FAILED, ended_at=NOW + HOUR)
    run.decide(NOW + HOUR)
    assert run.decision.facts.end == RunEnded(cause=RunEndCause.FAILED_FAST, task_id="b")


def test_a_start_forgets_an_end_of_the_life_before() -> None:
    facts = RunFacts(end=RunEnded(cause=RunEndCause.TIMED_OUT))
    run = WatchedRun({"a": []}, state=DagRunState.QUEUED, facts=facts)
    assert run.decide(may_start=True) == {"a": State.SCHEDULED}
    assert run.decision.facts.end is None


def test_many_task_instances_are_ended_in_several_decisions() -> None:
    run = WatchedRun({f"t{number}": [] for number in range(5)}, facts=CANCELLED)
    assert len(run.decide(limit=2)) == 2
    assert not run.decision.complete
    assert len(run.decide(limit=2)) == 2
    assert run.decision.run_event is None
    assert run.projection.first_open(2) == [5]
    assert len(run.decide(limit=2)) == 1
    assert run.decision.run_event is DagRunEvent.CANCEL


@pytest.mark.parametrize(
    ("failing", "ends"),
    [("work", DagRunEvent.FAIL), ("down", DagRunEvent.SUCCEED)],
)
def test_the_task_before_an_ignorable_teardown_decides(failing: str, ends: DagRunEvent) -> None:
    run = WatchedRun({"up": [], "work": ["up"], "down": ["up", "work"]}, TRAITS)
    for task_id in ("up", "work", "down"):
        run.decide()
        run.report(task_id, State.FAILED if task_id == failing else State.SUCCESS)
    run.decide()
    assert run.decision.run_event is ends


def test_a_teardown_that_has_a_say_decides_alone() -> None:
    strict = replace(TEARDOWN, on_failure_fail_dagrun=True)
    for outcome, ends in ((State.FAILED, DagRunEvent.FAIL), (State.SUCCESS, DagRunEvent.SUCCEED)):
        run = WatchedRun({"up": [], "work": ["up"], "down": ["up", "work"]}, {"up": SETUP, "down": strict})
        for task_id in ("up", "work", "down"):
            run.decide()
            run.report(task_id, outcome if task_id != "up" else State.SUCCESS)
        run.decide()
        assert run.decision.run_event is ends


def test_a_run_of_teardowns_alone_is_decided_by_the_last_of_them() -> None:
    run = WatchedRun({"one": [], "two": ["one"]}, {"one": TEARDOWN, "two": TEARDOWN})
    run.decide()
    run.report("one", State.SUCCESS)
    run.decide()
    run.report("two", State.FAILED)
    run.decide()
    assert run.decision.run_event is DagRunEvent.FAIL
