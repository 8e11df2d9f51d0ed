"""The projection of a run, driven by random graphs and random legal histories."""

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.run_model import RunModel, TaskModel
from tests.properties.strategies import task_sets
from tradewind.server.contract import (
    TASK_INSTANCE_FINAL,
    DagRunState,
    InterruptCause,
    TaskInstanceEvent,
    TaskInstanceState,
)
from tradewind.server.domain.projection import RunProjection

State = TaskInstanceState
LONGEST_HISTORY = 400


def legal_events(model: RunModel) -> list[tuple[str, str]]:
    """What workers may report now, and that time may pass."""
    possible: list[tuple[str, str]] = []
    for task_id in model.tasks:
        match model.state(task_id):
            case State.SCHEDULED:
                possible.append((task_id, "claim"))
            case State.QUEUED:
                possible += [(task_id, event) for event in ("start", *ENDS)]
            case State.RUNNING:
                possible += [(task_id, event) for event in ENDS]
            case State.UP_FOR_RETRY:
                possible.append((task_id, "wait"))
    return possible


ENDS = ("succeed", "succeed", "fail", "fail for good", "skip", "lose", "interrupt")


def happen(model: RunModel, task_id: str, event: str) -> None:
    match event:
        case "fail":
            model.fail(task_id)
        case "fail for good":
            model.fail(task_id, retryable=False)
        case "lose":
            model.lose(task_id)
        case "interrupt":
            model.interrupt(task_id, InterruptCause.LEASE_CUT)
        case "wait":
            model.advance(60)
        case _:
            model.happen(task_id, TaskInstanceEvent(event))


def expected_states(model: RunModel) -> dict[str, State]:
    """All-success in its plainest form: what each instance must be after a decision, upstream tasks first."""
    states: dict[str, State] = {}
    for task_id in model.graph.task_ids:
        state = model.state(task_id)
        upstream = {states[source] for source in model.graph.upstream_of(task_id)}
        if state is State.NONE and upstream & {State.FAILED, State.UPSTREAM_FAILED}:
            state = State.UPSTREAM_FAILED
        elif state is State.NONE and State.SKIPPED in upstream:
            state = State.SKIPPED
        elif state is State.NONE and upstream <= {State.SUCCESS}:
            state = State.SCHEDULED
        due = model.rows[task_id].fact.retry_at
        if state is State.UP_FOR_RETRY and due is not None and due <= model.now:
            state = State.SCHEDULED
        states[task_id] = state
    return states


def expected_run(model: RunModel, states: Mapping[str, State]) -> DagRunState:
    if not set(states.values()) <= TASK_INSTANCE_FINAL:
        return DagRunState.RUNNING
    leaves = {states[model.graph.task_ids[number]] for number in model.graph.leaves}
    return DagRunState.FAILED if leaves & {State.FAILED, State.UPSTREAM_FAILED} else DagRunState.SUCCESS


@settings(max_examples=200, deadline=None)
@given(tasks=task_sets(), data=st.data())
def test_what_is_decided_step_by_step_is_what_the_rows_say(tasks: list[TaskModel], data: st.DataObject) -> None:
    model = RunModel(tasks)
    model.may_start = True
    model.settle()
    for _ in range(LONGEST_HISTORY):
        if model.ended:
            break
        # Several changes may be seen at once, as after a restart.
        for _ in range(data.draw(st.integers(1, 3), label="changes at once")):
            if possible := legal_events(model):
                happen(model, *data.draw(st.sampled_from(possible), label="event"))
        states = expected_states(model)
        run = expected_run(model, states)
        from_scratch = model.fresh_projection().decide(model.now)
        model.observe()
        decision = model.decide()
        assert {move.pk: move for move in decision.moves} == {move.pk: move for move in from_scratch.moves}
        assert (decision.run_event, decision.next_wake) == (from_scratch.run_event, from_scratch.next_wake)
        assert {task_id: model.state(task_id) for task_id in model.tasks} == states
        assert model.run is run
        assert decision.complete
    assert model.ended


@settings(max_examples=100, deadline=None)
@given(tasks=task_sets(), limit=st.integers(1, 3), data=st.data())
def test_bounded_decisions_reach_an_end_as_well(tasks: list[TaskModel], limit: int, data: st.DataObject) -> None:
    model = RunModel(tasks)
    model.may_start = True
    for _ in range(LONGEST_HISTORY):
        model.observe()
        decision = model.decide(limit)
        assert len(decision.moves) <= limit
        if model.ended:
            break
        if decision.complete:
            happen(model, *data.draw(st.sampled_from(legal_events(model)), label="event"))
    assert model.ended
    assert model.run is expected_run(model, {task_id: model.state(task_id) for task_id in model.tasks})


@settings(max_examples=100, deadline=None)
@given(tasks=task_sets(), data=st.data())
def test_the_order_in_which_rows_are_read_makes_no_difference(tasks: list[TaskModel], data: st.DataObject) -> None:
    model = RunModel(tasks)
    model.may_start = True
    model.settle()
    for _ in range(data.draw(st.integers(0, 30), label="events")):
        if possible := legal_events(model):
            happen(model, *data.draw(st.sampled_from(possible), label="event"))
            if data.draw(st.booleans(), label="decide"):
                model.settle()
    facts = [row.fact for row in model.rows.values()]
    one = model.fresh_projection()
    other = RunProjection(model.graph, pk=1, state=model.run, rev=1)
    other.apply(data.draw(st.permutations(facts), label="order"))
    assert one.decide(model.now).moves == other.decide(model.now).moves
