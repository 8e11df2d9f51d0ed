"""The test runner of the SDK and the server's core come to the same states: random DAGs, random orders of events."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.run_model import START, DagModel, RunModel, TaskModel
from tests.properties.strategies import dags, task_sets
from tradewind.sdk.contract import Isolation, OnCut, SerializedDag, SerializedTask
from tradewind.sdk.contract import TaskInstanceEvent as LocalEvent
from tradewind.sdk.contract import TaskInstanceState as LocalState
from tradewind.sdk.contract import TriggerRule as LocalRule
from tradewind.sdk.local.model import RunModel as LocalModel
from tradewind.server.contract import DAG_RUN_FINAL, DagRunState, TaskInstanceEvent, TaskInstanceState

LONGEST_HISTORY = 120
LIVE = (TaskInstanceState.QUEUED, TaskInstanceState.RUNNING)
MARKS = (TaskInstanceEvent.MARK_SUCCESS, TaskInstanceEvent.MARK_FAILED, TaskInstanceEvent.MARK_SKIPPED)


class Both:
    """One run, told to both models at once."""

    def __init__(self, tasks: list[TaskModel], dag: DagModel) -> None:
        self.server = RunModel(tasks, dag)
        self.local = LocalModel(
            serialized(tasks, dag),
            now=START,
            logical_date=dag.logical_date,
            past=None if dag.past is None else {name: LocalState(state) for name, state in dag.past.items()},
            past_logical_date=dag.past_logical_date,
        )
        self.server.may_start = True
        self.settle()

    def settle(self) -> None:
        self.server.settle()
        self.local.settle()
        seen = {name: self.server.state(name).value for name in self.server.tasks}
        assert {name: str(instance.state) for name, instance in self.local.instances.items()} == seen
        assert str(self.local.state) == self.server.run.value

    def enabled(self, *, by_hand: bool) -> list[tuple[str, Callable[[], None]]]:
        """What may happen now, each with a name for whoever reads a failure."""
        found: list[tuple[str, Callable[[], None]]] = []
        waits = False
        for name in self.server.tasks:
            state = self.server.state(name)
            if state is TaskInstanceState.SCHEDULED:
                found.append((f"claim {name}", partial(self.claim, name)))
            elif state in LIVE:
                found += self.ends(name)
            waits = waits or state is TaskInstanceState.UP_FOR_RETRY
        if waits:
            found += [(f"{seconds} seconds pass", partial(self.advance, seconds)) for seconds in (1.0, 60.0)]
        if by_hand:
            found += self.changes()
        return found

    def ends(self, name: str) -> list[tuple[str, Callable[[], None]]]:
        skipped = frozenset(self.server.graph.task_ids[target] for target in self.targets(name))
        return [
            (f"{name} succeeds", lambda: self.succeed(name, frozenset())),
            (f"{name} succeeds and skips what follows", lambda: self.succeed(name, skipped)),
            (f"{name} fails", lambda: self.fail(name, retryable=True)),
            (f"{name} fails for good", lambda: self.fail(name, retryable=False)),
            (f"{name} skips itself", lambda: self.skip(name)),
        ]

    def changes(self) -> list[tuple[str, Callable[[], None]]]:
        """What people do, to runs that have begun and to those that have ended."""
        found: list[tuple[str, Callable[[], None]]] = []
        if self.server.run is DagRunState.RUNNING:
            found.append(("cancel", self.cancel))
        for name in self.server.tasks:
            state = self.server.state(name)
            if state is not TaskInstanceState.NONE:
                found.append((f"clear {name}", partial(self.clear, name)))
            others = [mark for mark in MARKS if state.value != mark.value.removeprefix("mark_")]
            if self.server.run is DagRunState.RUNNING:
                found += [(f"{mark} {name}", partial(self.mark, name, mark)) for mark in others]
        return found

    def targets(self, name: str) -> tuple[int, ...]:
        return self.server.graph.downstream[self.server.graph.number(name)]

    def claim(self, name: str) -> None:
        self.server.happen(name, TaskInstanceEvent.CLAIM)
        self.local.claim(name)

    def succeed(self, name: str, skips: frozenset[str]) -> None:
        self.server.happen(name, TaskInstanceEvent.SUCCEED, skips=sorted(skips))
        self.local.succeed(name, skips)

    def fail(self, name: str, *, retryable: bool) -> None:
        self.server.fail(name, retryable=retryable)
        self.local.fail(name, retryable=retryable)

    def skip(self, name: str) -> None:
        self.server.happen(name, TaskInstanceEvent.SKIP)
        self.local.skip(name)

    def advance(self, seconds: float) -> None:
        self.server.advance(seconds)
        self.local.advance(seconds)

    def cancel(self) -> None:
        self.server.cancel()
        self.local.cancel()

    def clear(self, name: str) -> None:
        self.advance(1.0)  # what failed at the moment at which a run begins counts as its own failure
        self.server.clear([name])
        self.local.clear(name)

    def mark(self, name: str, event: TaskInstanceEvent) -> None:
        self.server.happen(name, event)
        self.local.mark(name, LocalEvent(event.value))


def serialized(tasks: list[TaskModel], dag: DagModel) -> SerializedDag:
    return SerializedDag(
        dag_id="d",
        tags=[],
        max_active_runs=1,
        fail_fast=dag.fail_fast,
        dagrun_timeout_seconds=dag.timeout_seconds,
        tasks=[
            SerializedTask(
                task_id=task.task_id,
                operator="EmptyOperator",
                operator_module="m",
                upstream=sorted(task.upstream),
                trigger_rule=LocalRule(task.traits.trigger_rule.value),
                retries=task.retries,
                retry_delay_seconds=task.retry_delay_seconds,
                queue="default",
                isolation=Isolation.FORK,
                on_cut=OnCut.CONTINUE,
                owner="o",
                is_setup=task.traits.is_setup,
                is_teardown=task.traits.is_teardown,
                on_failure_fail_dagrun=task.traits.on_failure_fail_dagrun,
                depends_on_past=task.traits.depends_on_past,
                wait_for_downstream=task.traits.wait_for_downstream,
                ignore_first_depends_on_past=task.traits.ignore_first_depends_on_past,
                wait_for_past_depends_before_skipping=task.traits.wait_for_past_depends_before_skipping,
            )
            for task in tasks
        ],
    )


@settings(max_examples=300, deadline=None)
@given(tasks=task_sets(most=8), data=st.data())
def test_both_come_to_the_same_states_after_every_event(tasks: list[TaskModel], data: st.DataObject) -> None:
    both = Both(tasks, data.draw(dags(tasks), label="dag"))
    by_hand = data.draw(st.integers(0, 4), label="changes by hand")
    for _ in range(LONGEST_HISTORY):
        enabled = both.enabled(by_hand=by_hand > 0)
        if not enabled or (both.server.run in DAG_RUN_FINAL and not by_hand):
            break
        name, happen = data.draw(st.sampled_from(enabled), label="event")
        by_hand -= name.startswith(("cancel", "clear", "mark_"))
        happen()
        both.settle()
