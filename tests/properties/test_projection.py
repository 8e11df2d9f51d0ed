"""The projection of a run, driven by random graphs and random legal histories."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.history import LONGEST_HISTORY, History
from tests.properties.reference import Reference
from tests.properties.run_model import RunModel, TaskModel
from tests.properties.strategies import dags, task_sets
from tradewind.server.contract import DagRunState
from tradewind.server.domain.projection import RunProjection


def waits_for_ever(model: RunModel) -> bool:
    """Whether only the run before is in the way, which never had the task."""
    return model.past is not None and any(
        task.traits.looks_back and not task.traits.ignore_first_depends_on_past and task.task_id not in model.past
        for task in model.tasks.values()
    )


@settings(max_examples=300, deadline=None)
@given(tasks=task_sets(), data=st.data())
def test_what_is_decided_step_by_step_is_what_the_rows_say(tasks: list[TaskModel], data: st.DataObject) -> None:
    model = RunModel(tasks, data.draw(dags(tasks), label="dag"))
    history = History(model, data, by_hand=data.draw(st.integers(0, 3), label="by hand"))
    model.may_start = True
    for _ in range(LONGEST_HISTORY):
        # Several changes may be seen at once, as after a restart.
        outlook = Reference(model).outlook() if model.run in {DagRunState.QUEUED, DagRunState.RUNNING} else None
        from_scratch = model.fresh_projection().decide(model.now, may_start=True)
        model.observe()
        decision = model.decide()
        assert {move.pk: move for move in decision.moves} == {move.pk: move for move in from_scratch.moves}
        assert (decision.run_event, decision.next_wake) == (from_scratch.run_event, from_scratch.next_wake)
        assert (decision.facts, decision.complete) == (from_scratch.facts, from_scratch.complete)
        model.settle()
        if outlook is not None:
            assert {task_id: model.state(task_id) for task_id in model.tasks} == outlook.states
            assert model.run is outlook.run
        if history.over or (model.past is not None and waits_for_ever(model) and model.run is DagRunState.RUNNING):
            break
        for _ in range(data.draw(st.integers(1, 3), label="changes at once")):
            history.go_on()
    assert model.ended or waits_for_ever(model)


@settings(max_examples=100, deadline=None)
@given(tasks=task_sets(), limit=st.integers(1, 3), data=st.data())
def test_bounded_decisions_reach_an_end_as_well(tasks: list[TaskModel], limit: int, data: st.DataObject) -> None:
    model = RunModel(tasks, data.draw(dags(tasks), label="dag"))
    history = History(model, data)
    model.may_start = True
    for _ in range(LONGEST_HISTORY):
        model.observe()
        decision = model.decide(limit)
        assert len(decision.moves) <= limit
        if model.ended or (decision.complete and waits_for_ever(model)):
            break
        if decision.complete:
            history.go_on()
    assert model.ended or waits_for_ever(model)


@settings(max_examples=100, deadline=None)
@given(tasks=task_sets(), data=st.data())
def test_the_order_in_which_rows_are_read_makes_no_difference(tasks: list[TaskModel], data: st.DataObject) -> None:
    model = RunModel(tasks, data.draw(dags(tasks), label="dag"))
    history = History(model, data, by_hand=2)
    model.may_start = True
    model.settle()
    for _ in range(data.draw(st.integers(0, 30), label="events")):
        history.go_on()
        if data.draw(st.booleans(), label="decide"):
            model.settle()
    facts = [row.fact for row in model.rows.values()]
    one = model.fresh_projection()
    other = RunProjection(model.graph, pk=1, state=model.run, rev=1, facts=model.facts)
    other.apply(data.draw(st.permutations(facts), label="order"))
    model.prepare(other)
    assert one.decide(model.now).moves == other.decide(model.now).moves
