"""Tasks that depend on the run before."""

from datetime import timedelta

import pytest

from tradewind.server.contract import TaskInstanceState
from tradewind.server.domain.decisions import InstanceFact
from tradewind.server.domain.past import PreviousRun
from tradewind.server.domain.task_traits import TaskTraits

from .watched_run import NOW, WatchedRun

State = TaskInstanceState
LOOKS_BACK = TaskTraits(depends_on_past=True)
BEFORE = 7


def past(run: WatchedRun, rev: int = 1, **states: TaskInstanceState) -> None:
    facts = [InstanceFact(100 + run.keys.get(name, 50), name, -1, state, rev) for name, state in states.items()]
    run.projection.tell_past(PreviousRun(BEFORE, rev, NOW - timedelta(days=1)), facts)


def test_a_task_waits_until_it_has_ended_well_in_the_run_before() -> None:
    run = WatchedRun({"a": [], "b": []}, {"a": LOOKS_BACK})
    assert run.projection.needs_past
    past(run, a=State.RUNNING, b=State.RUNNING)
    assert run.decide() == {"b": State.SCHEDULED}
    assert run.decision.complete
    assert (run.decision.facts.held_by, run.decision.facts_changed) == (BEFORE, True)
    past(run, rev=2, a=State.FAILED)
    assert run.decide() == {}
    past(run, rev=3, a=State.SUCCESS)
    assert run.decide() == {"a": State.SCHEDULED}
    assert (run.decision.facts.held_by, run.decision.facts_changed) == (None, True)
    assert not run.projection.needs_past


@pytest.mark.parametrize("state", [State.SUCCESS, State.SKIPPED])
def test_success_and_skipped_are_ended_well(state: State) -> None:
    run = WatchedRun({"a": []}, {"a": LOOKS_BACK})
    past(run, a=state)
    assert run.decide() == {"a": State.SCHEDULED}


def test_without_a_run_before_there_is_nothing_to_wait_for() -> None:
    run = WatchedRun({"a": []}, {"a": TaskTraits(depends_on_past=True, ignore_first_depends_on_past=False)})
    run.projection.tell_past(None, ())
    assert run.decide() == {"a": State.SCHEDULED}


@pytest.mark.parametrize(("ignored", "follows"), [(True, {"new": State.SCHEDULED}), (False, {})])
def test_a_task_that_the_run_before_does_not_have(ignored: bool, follows: dict[str, State]) -> None:
    traits = TaskTraits(depends_on_past=True, ignore_first_depends_on_past=ignored)
    run = WatchedRun({"new": []}, {"new": traits})
    past(run, old=State.FAILED)
    assert run.decide() == follows


def test_a_run_before_the_tasks_first_date_does_not_count() -> None:
    run = WatchedRun({"a": []}, {"a": TaskTraits(depends_on_past=True, start_date=NOW)})
    past(run, a=State.FAILED)
    assert run.decide() == {"a": State.SCHEDULED}


def test_a_task_may_wait_for_its_downstream_tasks_of_the_run_before() -> None:
    run = WatchedRun({"a": [], "b": ["a"], "c": ["b"]}, {"a": TaskTraits(wait_for_downstream=True)})
    past(run, a=State.SUCCESS, b=State.RUNNING, c=State.NONE)
    assert run.decide() == {}
    past(run, rev=2, c=State.FAILED)
    assert run.decide() == {}
    past(run, rev=3, b=State.SUCCESS)
    assert run.decide() == {"a": State.SCHEDULED}


def test_a_task_is_skipped_without_regard_to_the_past_unless_it_wants_otherwise() -> None:
    patient = TaskTraits(depends_on_past=True, wait_for_past_depends_before_skipping=True)
    run = WatchedRun({"s": [], "a": ["s"], "b": ["s"]}, {"a": LOOKS_BACK, "b": patient})
    past(run, a=State.FAILED, b=State.FAILED)
    run.decide()
    run.report("s", State.SKIPPED)
    assert run.decide() == {"a": State.SKIPPED}
    past(run, rev=2, b=State.SKIPPED)
    assert run.decide() == {"b": State.SKIPPED}


def test_a_failure_upstream_does_not_wait_for_the_past() -> None:
    patient = TaskTraits(depends_on_past=True, wait_for_past_depends_before_skipping=True)
    run = WatchedRun({"s": [], "a": ["s"]}, {"a": patient})
    past(run, a=State.FAILED)
    run.decide()
    run.report("s", State.FAILED)
    assert run.decide() == {"a": State.UPSTREAM_FAILED}


def test_another_run_before_takes_the_place_of_the_old_one() -> None:
    run = WatchedRun({"a": []}, {"a": LOOKS_BACK})
    past(run, a=State.FAILED)
    assert run.decide() == {}
    run.projection.tell_past(PreviousRun(8, 1), [InstanceFact(200, "a", -1, State.SUCCESS, 1)])
    assert run.projection.past_revision(BEFORE) is None
    assert run.projection.past_revision(8) == 1
    assert run.decide() == {"a": State.SCHEDULED}


def test_a_task_that_waits_for_the_past_can_be_changed_by_hand() -> None:
    run = WatchedRun({"a": [], "b": ["a"]}, {"a": LOOKS_BACK})
    past(run, a=State.FAILED)
    run.decide()
    run.report("a", State.SUCCESS)
    assert run.decide() == {"b": State.SCHEDULED}
    assert run.decision.facts.held_by is None


def test_news_of_the_past_wake_only_what_they_may_free() -> None:
    names = [f"t{number}" for number in range(50)]
    run = WatchedRun({name: [] for name in names}, dict.fromkeys(names, LOOKS_BACK))
    past(run, 1, **dict.fromkeys(names, State.RUNNING))
    run.decide()
    past(run, rev=2, t7=State.SUCCESS)
    assert set(run.projection._pending) == {run.keys["t7"]}
    assert run.decide() == {"t7": State.SCHEDULED}
