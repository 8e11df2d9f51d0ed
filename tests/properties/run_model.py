"""A run held in plain rows: what the store does to them, without a store, so that the pure core can be driven alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from tradewind.server.contract import (
    DAG_RUN_FINAL,
    TASK_INSTANCE_FINAL,
    TASK_INSTANCE_TRANSITIONS,
    DagRunState,
    InterruptCause,
    TaskError,
    TaskInstanceEvent,
    TaskInstanceState,
)
from tradewind.server.domain import retries
from tradewind.server.domain.decisions import InstanceFact, RunDecision
from tradewind.server.domain.graph import Graph
from tradewind.server.domain.projection import RunProjection
from tradewind.server.domain.states import next_state

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class TaskModel:
    """What a task declares."""

    task_id: str
    upstream: tuple[str, ...] = ()
    retries: int = 0
    retry_delay_seconds: float = 300.0


@dataclass
class Row:
    """A task instance as stored, with its counters."""

    fact: InstanceFact
    failures: int = 0
    lost: int = 0


class RunModel:
    """Rows of one run, and its projection kept up to date by what changes in them."""

    def __init__(self, tasks: Sequence[TaskModel], *, max_lost_tries: int = 3) -> None:
        self.tasks: Mapping[str, TaskModel] = {task.task_id: task for task in tasks}
        self.graph = Graph({task.task_id: task.upstream for task in tasks})
        self.max_lost_tries = max_lost_tries
        self.now = START
        self.run = DagRunState.QUEUED
        self.may_start = False
        self.rows = {
            task_id: Row(InstanceFact(pk, task_id, -1, TaskInstanceState.NONE, 1))
            for pk, task_id in enumerate(self.tasks, start=1)
        }
        self.projection = self.fresh_projection()
        self._unseen: set[str] = set()

    def state(self, task_id: str) -> TaskInstanceState:
        return self.rows[task_id].fact.state

    @property
    def ended(self) -> bool:
        """Whether the run and everything in it is final."""
        instances = {row.fact.state for row in self.rows.values()}
        return self.run in DAG_RUN_FINAL and instances <= TASK_INSTANCE_FINAL

    def fresh_projection(self) -> RunProjection:
        """The projection that is built from all rows at once."""
        projection = RunProjection(self.graph, pk=1, state=self.run, rev=1)
        projection.apply([row.fact for row in self.rows.values()])
        return projection

    def happen(self, task_id: str, event: TaskInstanceEvent, retry_at: datetime | None = None) -> None:
        """Change the row of a task as somebody beside the scheduler does."""
        row = self.rows[task_id]
        state = next_state("task_instance", row.fact.state, event)
        row.fact = replace(row.fact, state=state, rev=row.fact.rev + 1, retry_at=retry_at)
        self._unseen.add(task_id)

    def fail(self, task_id: str, *, retryable: bool = True) -> None:
        error = TaskError(type="ValueError", message="no", retryable=retryable)
        row, task = self.rows[task_id], self.tasks[task_id]
        self._end(task_id, retries.verdict(error, failures=row.failures, retries=task.retries))

    def lose(self, task_id: str) -> None:
        row, task = self.rows[task_id], self.tasks[task_id]
        self._end(
            task_id,
            retries.lost_verdict(
                lost=row.lost, max_lost_tries=self.max_lost_tries, failures=row.failures, retries=task.retries
            ),
        )

    def interrupt(self, task_id: str, cause: InterruptCause) -> None:
        if retries.counts_as_lost(cause):
            self.lose(task_id)
        else:
            self.happen(task_id, TaskInstanceEvent.LOSE)

    def _end(self, task_id: str, event: TaskInstanceEvent) -> None:
        row = self.rows[task_id]
        if event is TaskInstanceEvent.LOSE:
            row.lost += 1
        else:
            row.failures += 1
        due = None
        if event is TaskInstanceEvent.RETRY:
            due = retries.retry_due_at(self.now, self.tasks[task_id].retry_delay_seconds)
        self.happen(task_id, event, due)

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def observe(self) -> None:
        """Let the projection see what changed, in the order of the rows."""
        self.projection.apply([self.rows[task_id].fact for task_id in self.tasks if task_id in self._unseen])
        self._unseen.clear()

    def settle(self) -> None:
        """Decide until nothing is left to decide."""
        self.observe()
        while not self.decide().complete:
            pass

    def decide(self, limit: int | None = None) -> RunDecision:
        """One decision, checked against the table and written to the rows."""
        decision = self.projection.decide(self.now, may_start=self.may_start, limit=limit)
        self.commit(decision)
        return decision

    def commit(self, decision: RunDecision) -> None:
        names = {row.fact.pk: task_id for task_id, row in self.rows.items()}
        for move in decision.moves:
            row = self.rows[names[move.pk]]
            assert move.rev == row.fact.rev
            assert move.from_state is row.fact.state
            assert TASK_INSTANCE_TRANSITIONS[move.from_state, move.event] is move.to_state
            row.fact = replace(row.fact, state=move.to_state, rev=row.fact.rev + 1, retry_at=None)
        if decision.run_event is not None:
            assert next_state("dag_run", self.run, decision.run_event) is decision.run_state
        self.run = decision.run_state
