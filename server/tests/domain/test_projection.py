from datetime import timedelta

import pytest

from tradewind.server.contract import DagRunEvent, DagRunState, TaskInstanceState, UpstreamNotMet
from tradewind.server.domain.decisions import InstanceFact
from tradewind.server.domain.graph import Graph
from tradewind.server.domain.projection import RunProjection

from .watched_run import NOW, WatchedRun

State = TaskInstanceState


def test_tasks_without_upstream_are_ready_at_once() -> None:
    run = WatchedRun({"a": [], "b": ["a"], "c": []})
    assert run.decide() == {"a": State.SCHEDULED, "c": State.SCHEDULED}
    assert run.decision.complete
    assert run.decide() == {}


def test_a_task_is_ready_when_the_last_of_its_upstream_succeeded() -> None:
    run = WatchedRun({"a": [], "b": [], "c": ["a", "b"]})
    run.decide()
    run.report("a", State.SUCCESS)
    assert run.decide() == {}
    run.report("b", State.SUCCESS)
    assert run.decide() == {"c": State.SCHEDULED}


def test_a_failure_reaches_all_that_waits_for_it_in_one_decision() -> None:
    run = WatchedRun({"a": [], "b": ["a"], "c": ["b"], "side": []})
    run.decide()
    run.report("a", State.FAILED)
    assert run.decide() == {"b": State.UPSTREAM_FAILED, "c": State.UPSTREAM_FAILED}
    assert run.decision.run_event is None
    assert run.decision.moves[1].reason == UpstreamNotMet(upstream=["b"], trigger_rule=run.graph.traits[0].trigger_rule)


def test_a_skip_reaches_all_that_waits_for_it() -> None:
    run = WatchedRun({"a": [], "b": ["a"], "c": ["b"]})
    run.decide()
    run.report("a", State.SKIPPED)
    assert run.decide() == {"b": State.SKIPPED, "c": State.SKIPPED}
    assert run.decision.run_event is DagRunEvent.SUCCEED


def test_a_failed_upstream_task_weighs_more_than_a_skipped_one_however_far_away() -> None:
    run = WatchedRun({"s": [], "f": [], "far": ["f"], "join": ["s", "far"]})
    run.decide()
    run.report("s", State.SKIPPED)
    run.report("f", State.FAILED)
    assert run.decide() == {"far": State.UPSTREAM_FAILED, "join": State.UPSTREAM_FAILED}


def test_the_run_succeeds_when_all_ended_and_no_leaf_failed() -> None:
    run = WatchedRun({"a": [], "b": ["a"]})
    run.decide()
    run.report("a", State.SUCCESS)
    run.decide()
    assert run.decision.run_event is None
    run.report("b", State.SUCCESS)
    run.decide()
    assert run.decision.run_state is DagRunState.SUCCESS
    assert run.decision.complete


@pytest.mark.parametrize("leaf", [State.FAILED, State.UPSTREAM_FAILED])
def test_the_run_fails_when_all_ended_and_a_leaf_was_not_reached(leaf: TaskInstanceState) -> None:
    run = WatchedRun({"a": [], "b": []})
    run.decide()
    run.report("a", leaf)
    run.decide()
    assert run.decision.run_event is None
    run.report("b", State.SUCCESS)
    run.decide()
    assert run.decision.run_event is DagRunEvent.FAIL


def test_a_queued_run_does_nothing_until_it_may_start() -> None:
    run = WatchedRun({"a": []}, state=DagRunState.QUEUED)
    assert run.decide() == {}
    assert run.decision.run_event is None
    assert run.decision.complete
    assert run.decide(may_start=True) == {"a": State.SCHEDULED}
    assert run.decision.run_event is DagRunEvent.START


def test_a_run_without_tasks_starts_and_then_succeeds() -> None:
    run = WatchedRun({}, state=DagRunState.QUEUED)
    run.decide(may_start=True)
    assert (run.decision.run_event, run.decision.complete) == (DagRunEvent.START, False)
    run.decide()
    assert (run.decision.run_event, run.decision.complete) == (DagRunEvent.SUCCEED, True)


def test_a_retry_is_scheduled_when_it_is_due_and_not_before() -> None:
    run = WatchedRun({"a": []})
    run.decide()
    due = NOW + timedelta(minutes=5)
    run.report("a", State.UP_FOR_RETRY, due)
    assert run.decide() == {}
    assert run.decision.next_wake == due
    assert run.decide(due - timedelta(microseconds=1)) == {}
    assert run.decide(due) == {"a": State.SCHEDULED}
    assert run.decision.next_wake is None


def test_a_due_time_that_is_no_longer_true_wakes_nobody() -> None:
    run = WatchedRun({"a": []})
    run.decide()
    run.report("a", State.UP_FOR_RETRY, NOW + timedelta(minutes=5))
    run.report("a", State.SCHEDULED)
    run.decide(NOW + timedelta(hours=1))
    assert run.decision.next_wake is None
    run.report("a", State.UP_FOR_RETRY, NOW + timedelta(hours=3))
    run.decide(NOW + timedelta(hours=1))
    assert run.decision.next_wake == NOW + timedelta(hours=3)


def test_a_decision_is_bounded_and_the_next_one_goes_on() -> None:
    run = WatchedRun({f"t{number}": [] for number in range(5)})
    assert len(run.decide(limit=2)) == 2
    assert not run.decision.complete
    assert len(run.decide(limit=2)) == 2
    assert len(run.decide(limit=2)) == 1
    assert run.decision.complete


def test_a_run_does_not_end_before_the_last_bounded_decision() -> None:
    run = WatchedRun({"a": [], "b": ["a"], "c": ["a"]})
    run.decide()
    run.report("a", State.FAILED)
    run.decide(limit=1)
    assert run.decision.run_event is None
    run.decide(limit=1)
    assert run.decision.run_event is DagRunEvent.FAIL


def test_an_ended_run_decides_nothing() -> None:
    run = WatchedRun({"a": []}, state=DagRunState.FAILED)
    assert run.decide() == {}
    assert run.decision.complete


def test_a_change_that_is_known_already_changes_nothing() -> None:
    run = WatchedRun({"a": [], "b": ["a"]})
    run.decide()
    run.report("a", State.SUCCESS)
    run.projection.apply([run.fact("a", State.SUCCESS)])
    assert run.decide() == {"b": State.SCHEDULED}


def test_an_instance_that_was_reset_is_looked_at_again() -> None:
    run = WatchedRun({"a": [], "b": ["a"], "other": []})
    run.decide()
    run.report("a", State.FAILED)
    assert run.decide() == {"b": State.UPSTREAM_FAILED}
    run.report("a", State.NONE)
    run.report("b", State.NONE)
    assert run.decide() == {"a": State.SCHEDULED}
    run.report("a", State.SUCCESS)
    assert run.decide() == {"b": State.SCHEDULED}


def test_rows_of_another_dag_version_are_refused() -> None:
    run = WatchedRun({"a": []})
    with pytest.raises(KeyError, match="stranger"):
        run.projection.apply([InstanceFact(9, "stranger", -1, State.NONE, 1)])


def test_nothing_is_decided_while_rows_are_missing() -> None:
    projection = RunProjection(Graph({"a": [], "b": []}), pk=1, state=DagRunState.RUNNING, rev=1)
    projection.apply([InstanceFact(1, "a", -1, State.SUCCESS, 1)])
    with pytest.raises(ValueError, match="1 tasks have no known instance"):
        projection.decide(NOW)


def test_all_instances_of_a_mapped_task_count() -> None:
    projection = RunProjection(Graph({"each": [], "join": ["each"]}), pk=1, state=DagRunState.RUNNING, rev=1)
    projection.apply(
        [
            InstanceFact(1, "each", 0, State.SUCCESS, 1),
            InstanceFact(2, "each", 1, State.RUNNING, 1),
            InstanceFact(3, "join", -1, State.NONE, 1),
        ]
    )
    assert projection.decide(NOW).moves == ()
    projection.apply([InstanceFact(2, "each", 1, State.SUCCESS, 2)])
    assert [move.pk for move in projection.decide(NOW).moves] == [3]
