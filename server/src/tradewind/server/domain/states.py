"""The one way from a state to the next: the transition tables of the contract."""

from __future__ import annotations

from typing import Literal, overload

from tradewind.server.contract import (
    DAG_RUN_TRANSITIONS,
    TASK_INSTANCE_TRANSITIONS,
    DagRunEvent,
    DagRunState,
    TaskInstanceEvent,
    TaskInstanceState,
)

Machine = Literal["task_instance", "dag_run"]


class IllegalTransition(ValueError):
    """The table of states has no such event in this state: whoever asked has an old view, or a defect.

    Args:
        machine: the table, `task_instance` or `dag_run`.
        state: the state that the machine is in.
        event: the event that does not exist there.
    """

    def __init__(self, machine: Machine, state: str, event: str) -> None:
        super().__init__(f"a {machine} in state {state} knows no event {event}; read its state again")
        self.machine = machine
        self.state = state
        self.event = event


@overload
def next_state(
    machine: Literal["task_instance"], state: TaskInstanceState, event: TaskInstanceEvent
) -> TaskInstanceState: ...
@overload
def next_state(machine: Literal["dag_run"], state: DagRunState, event: DagRunEvent) -> DagRunState: ...
def next_state(
    machine: Machine, state: TaskInstanceState | DagRunState, event: TaskInstanceEvent | DagRunEvent
) -> TaskInstanceState | DagRunState:
    """The state that follows, by the table in `schemas/head/states.json`.

    Raises:
        IllegalTransition: the table has no such row.
    """
    following: TaskInstanceState | DagRunState | None
    if machine == "task_instance":
        following = TASK_INSTANCE_TRANSITIONS.get((state, event))  # type: ignore[arg-type]  # the overloads pair them
    else:
        following = DAG_RUN_TRANSITIONS.get((state, event))  # type: ignore[arg-type]  # the overloads pair them
    if following is None:
        raise IllegalTransition(machine, state, event)
    return following
