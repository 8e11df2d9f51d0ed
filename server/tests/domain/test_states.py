import pytest

from tradewind.server.contract import (
    DAG_RUN_FINAL,
    TASK_INSTANCE_FINAL,
    TASK_INSTANCE_TRANSITIONS,
    DagRunEvent,
    DagRunState,
    TaskInstanceEvent,
    TaskInstanceState,
)
from tradewind.server.domain.states import IllegalTransition, next_state


@pytest.mark.parametrize(("state", "event"), list(TASK_INSTANCE_TRANSITIONS))
def test_every_row_of_the_table_is_a_transition(state: TaskInstanceState, event: TaskInstanceEvent) -> None:
    assert next_state("task_instance", state, event) is TASK_INSTANCE_TRANSITIONS[state, event]


@pytest.mark.parametrize("state", sorted(TASK_INSTANCE_FINAL))
@pytest.mark.parametrize("event", list(TaskInstanceEvent))
def test_nothing_leads_out_of_a_final_state_of_a_task_instance(
    state: TaskInstanceState, event: TaskInstanceEvent
) -> None:
    with pytest.raises(IllegalTransition):
        next_state("task_instance", state, event)


@pytest.mark.parametrize("state", sorted(DAG_RUN_FINAL))
@pytest.mark.parametrize("event", list(DagRunEvent))
def test_nothing_leads_out_of_a_final_state_of_a_run(state: DagRunState, event: DagRunEvent) -> None:
    with pytest.raises(IllegalTransition):
        next_state("dag_run", state, event)


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
