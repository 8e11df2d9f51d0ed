import pytest

from tradewind.server.contract import (
    DAG_RUN_FINAL,
    DAG_RUN_TRANSITIONS,
    TASK_INSTANCE_FINAL,
    TASK_INSTANCE_TRANSITIONS,
    DagRunEvent,
    DagRunState,
    TaskInstanceEvent,
    TaskInstanceState,
)
from tradewind.server.domain.states import IllegalTransition, next_state

BY_HAND = {
    TaskInstanceEvent.CLEAR,
    TaskInstanceEvent.MARK_SUCCESS,
    TaskInstanceEvent.MARK_FAILED,
    TaskInstanceEvent.MARK_SKIPPED,
}
RUN_BY_HAND = {DagRunEvent.CLEAR, DagRunEvent.MARK_SUCCESS, DagRunEvent.MARK_FAILED}


@pytest.mark.parametrize(("state", "event"), list(TASK_INSTANCE_TRANSITIONS))
def test_every_row_of_the_table_is_a_transition(state: TaskInstanceState, event: TaskInstanceEvent) -> None:
    assert next_state("task_instance", state, event) is TASK_INSTANCE_TRANSITIONS[state, event]


@pytest.mark.parametrize("state", sorted(TASK_INSTANCE_FINAL))
@pytest.mark.parametrize("event", sorted(set(TaskInstanceEvent) - BY_HAND))
def test_only_people_lead_out_of_a_final_state_of_a_task_instance(
    state: TaskInstanceState, event: TaskInstanceEvent
) -> None:
    with pytest.raises(IllegalTransition):
        next_state("task_instance", state, event)


@pytest.mark.parametrize("state", sorted(DAG_RUN_FINAL))
@pytest.mark.parametrize("event", sorted(set(DagRunEvent) - RUN_BY_HAND))
def test_only_people_lead_out_of_a_final_state_of_a_run(state: DagRunState, event: DagRunEvent) -> None:
    with pytest.raises(IllegalTransition):
        next_state("dag_run", state, event)


@pytest.mark.parametrize("state", sorted(set(TaskInstanceState) - {TaskInstanceState.NONE}))
def test_whatever_has_begun_can_be_cleared(state: TaskInstanceState) -> None:
    assert next_state("task_instance", state, TaskInstanceEvent.CLEAR) is TaskInstanceState.NONE


@pytest.mark.parametrize("event", [TaskInstanceEvent.ABANDON, TaskInstanceEvent.TIME_OUT])
@pytest.mark.parametrize("state", sorted(set(TaskInstanceState) - TASK_INSTANCE_FINAL))
def test_whatever_has_not_ended_ends_with_its_run(state: TaskInstanceState, event: TaskInstanceEvent) -> None:
    assert next_state("task_instance", state, event) in TASK_INSTANCE_FINAL


def test_a_live_try_that_is_abandoned_failed_and_one_that_timed_out_is_skipped() -> None:
    for state in (TaskInstanceState.QUEUED, TaskInstanceState.RUNNING):
        assert next_state("task_instance", state, TaskInstanceEvent.ABANDON) is TaskInstanceState.FAILED
        assert next_state("task_instance", state, TaskInstanceEvent.TIME_OUT) is TaskInstanceState.SKIPPED


def test_an_illegal_transition_names_machine_state_and_event() -> None:
    with pytest.raises(IllegalTransition, match="task_instance in state success knows no event claim") as caught:
        next_state("task_instance", TaskInstanceState.SUCCESS, TaskInstanceEvent.CLAIM)
    assert (caught.value.machine, caught.value.state, caught.value.event) == ("task_instance", "success", "claim")


def test_a_lost_try_goes_back_to_scheduled() -> None:
    for state in (TaskInstanceState.QUEUED, TaskInstanceState.RUNNING):
        assert next_state("task_instance", state, TaskInstanceEvent.LOSE) is TaskInstanceState.SCHEDULED


def test_a_run_starts_and_ends() -> None:
    assert next_state("dag_run", DagRunState.QUEUED, DagRunEvent.START) is DagRunState.RUNNING
    assert next_state("dag_run", DagRunState.RUNNING, DagRunEvent.SUCCEED) is DagRunState.SUCCESS
    assert next_state("dag_run", DagRunState.RUNNING, DagRunEvent.FAIL) is DagRunState.FAILED


def test_every_event_but_cancel_leads_to_one_state_of_a_run_from_few() -> None:
    sources: dict[tuple[DagRunEvent, DagRunState], list[DagRunState]] = {}
    for (state, event), following in DAG_RUN_TRANSITIONS.items():
        sources.setdefault((event, following), []).append(state)
    scheduler = {DagRunEvent.START, DagRunEvent.SUCCEED, DagRunEvent.FAIL, DagRunEvent.TIME_OUT}
    assert all(len(states) == 1 for (event, _), states in sources.items() if event in scheduler)
