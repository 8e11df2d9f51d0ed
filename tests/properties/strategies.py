"""Random sets of tasks, and random histories of them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.properties.run_model import START, DagModel, TaskModel
from tradewind.server.contract import TaskInstanceState, TriggerRule
from tradewind.server.domain.task_traits import TaskTraits

RULES = st.one_of(st.just(TriggerRule.ALL_SUCCESS), st.sampled_from(TriggerRule))


@st.composite
def all_traits(draw: st.DrawFn) -> TaskTraits:
    """A plain task half of the time; a setup or teardown task, or one that looks back, the other half."""
    match draw(st.sampled_from(["plain", "plain", "plain", "setup", "teardown", "past"])):
        case "setup":
            return TaskTraits(is_setup=True, trigger_rule=draw(RULES))
        case "teardown":
            return TaskTraits(
                is_teardown=True,
                trigger_rule=TriggerRule.ALL_DONE_SETUP_SUCCESS,
                on_failure_fail_dagrun=draw(st.booleans()),
            )
        case "past":
            return TaskTraits(
                trigger_rule=draw(RULES),
                depends_on_past=draw(st.booleans()),
                wait_for_downstream=draw(st.booleans()),
                ignore_first_depends_on_past=draw(st.booleans()),
                wait_for_past_depends_before_skipping=draw(st.booleans()),
            )
    return TaskTraits(trigger_rule=draw(RULES))


@st.composite
def task_sets(
    draw: st.DrawFn, *, most: int = 12, traits: st.SearchStrategy[TaskTraits] | None = None
) -> list[TaskModel]:
    """Tasks in an order in which each waits only for earlier ones, then shuffled as a file may declare them."""
    tasks: list[TaskModel] = []
    for number in range(draw(st.integers(0, most))):
        earlier = [task.task_id for task in tasks]
        upstream = draw(st.sets(st.sampled_from(earlier), max_size=4)) if earlier else set()
        tasks.append(
            TaskModel(
                f"t{number}",
                tuple(sorted(upstream)),
                retries=draw(st.integers(0, 2)),
                retry_delay_seconds=draw(st.sampled_from([0.0, 1.0, 60.0])),
                traits=draw(all_traits() if traits is None else traits),
            )
        )
    return draw(st.permutations(tasks))


@st.composite
def dags(draw: st.DrawFn, tasks: list[TaskModel], *, with_ends: bool = True) -> DagModel:
    """What a DAG of these tasks declares, and the run before."""
    options: dict[str, Any] = {}
    if with_ends:
        options["fail_fast"] = draw(st.sampled_from([False, False, True]))
        options["timeout_seconds"] = draw(st.sampled_from([None, None, 90.0]))
    if draw(st.booleans()):
        names = [task.task_id for task in tasks]
        known = draw(st.sets(st.sampled_from(names))) if names else set()
        options["past"] = {name: draw(st.sampled_from(TaskInstanceState)) for name in sorted(known)}
    return DagModel(logical_date=draw(st.sampled_from([None, START])), **options)
