"""A run held in plain rows: what the store does to them, without a store, so that the pure core can be driven alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from tradewind.server.contract import (
    DAG_RUN_FINAL,
    TASK_INSTANCE_FINAL,
    TASK_INSTANCE_TRANSITIONS,
    DagRunEvent,
    DagRunState,
    InterruptCause,
    RunEndCause,
    RunEnded,
    TaskError,
    TaskInstanceEvent,
    TaskInstanceState,
)
from tradewind.server.domain import retries
from tradewind.server.domain.decisions import InstanceFact, RunDecision, RunFacts
from tradewind.server.domain.graph import Graph
from tradewind.server.domain.past import PreviousRun
from tradewind.server.domain.projection import RunProjection
from tradewind.server.domain.states import next_state
from tradewind.server.domain.task_traits import TaskTraits

START = datetime(2026, 1, 1, tzinfo=UTC)
PREVIOUS_RUN = 7
UNSEEN = frozenset({TaskInstanceEvent.CLAIM, TaskInstanceEvent.START})
"""What happens to a row without a mark at its run."""


@dataclass(frozen=True)
class TaskModel:
    """What a task declares."""

    task_id: str
    upstream: tuple[str, ...] = ()
    retries: int = 0
    retry_delay_seconds: float = 300.0
    retry_backoff: float = 1.0
    max_retry_delay_seconds: float | None = None
    traits: TaskTraits = field(default_factory=TaskTraits)


@dataclass(frozen=True)
class DagModel:
    """What a DAG declares, and which run of it is played.

    Attributes:
        past: the states of the tasks of the run before; None when there is none.
    """

    fail_fast: bool = False
    timeout_seconds: float | None = None
    logical_date: datetime | None = None
    past: Mapping[str, TaskInstanceState] | None = None
    past_logical_date: datetime | None = None


@dataclass
class Row:
    """A task instance as stored, with its counters."""

    fact: InstanceFact
    failures: int = 0
    lost: int = 0


class RunModel:
    """Rows of one run, and its projection kept up to date by what changes in them."""

    def __init__(self, tasks: Sequence[TaskModel], dag: DagModel | None = None, *, max_lost_tries: int = 3) -> None:
        self.dag = dag or DagModel()
        self.tasks: Mapping[str, TaskModel] = {task.task_id: task for task in tasks}
        seconds = self.dag.timeout_seconds
        self.graph = Graph(
            {task.task_id: task.upstream for task in tasks},
            {task.task_id: task.traits for task in tasks},
            fail_fast=self.dag.fail_fast,
            timeout=None if seconds is None else timedelta(seconds=seconds),
        )
        self.max_lost_tries = max_lost_tries
        self.now = START
        self.run = DagRunState.QUEUED
        self.facts = RunFacts(logical_date=self.dag.logical_date)
        self.may_start = False
        self.rows = {
            task_id: Row(InstanceFact(pk, task_id, -1, TaskInstanceState.NONE, 1))
            for pk, task_id in enumerate(self.tasks, start=1)
        }
        self.past = None if self.dag.past is None else dict(self.dag.past)
        self._past_rev = 1
        self._unseen: set[str] = set()
        self.projection = self.fresh_projection()

    def state(self, task_id: str) -> TaskInstanceState:
        return self.rows[task_id].fact.state

    @property
    def ended(self) -> bool:
        """Whether the run and everything in it is final."""
        instances = {row.fact.state for row in self.rows.values()}
        return self.run in DAG_RUN_FINAL and instances <= TASK_INSTANCE_FINAL

    def fresh_projection(self) -> RunProjection:
        """The projection that is built from all rows at once."""
        projection = RunProjection(self.graph, pk=1, state=self.run, rev=1, facts=self.facts)
        projection.apply([row.fact for row in self.rows.values()])
        self.prepare(projection)
        return projection

    def prepare(self, projection: RunProjection) -> None:
        """Tell a projection what a decision now depends on beside the changes of the run."""
        if projection.needs_past:
            self._tell_past(projection)
        if projection.is_ending(self.now):
            first = set(projection.first_open(len(projection)))
            projection.apply([row.fact for row in self.rows.values() if row.fact.pk in first])

    def _tell_past(self, projection: RunProjection) -> None:
        if self.past is None:
            projection.tell_past(None, ())
            return
        facts = []
        if projection.past_revision(PREVIOUS_RUN) != self._past_rev:
            facts = [
                InstanceFact(pk, task_id, -1, state, self._past_rev)
                for pk, (task_id, state) in enumerate(sorted(self.past.items()), start=100)
            ]
        run = PreviousRun(PREVIOUS_RUN, self._past_rev, self.dag.past_logical_date)
        projection.tell_past(run, facts)

    # What happens to the rows.

    def happen(
        self,
        task_id: str,
        event: TaskInstanceEvent,
        retry_at: datetime | None = None,
        *,
        skips: Iterable[str] = (),
    ) -> None:
        """Change the row of a task as somebody beside the scheduler does."""
        row = self.rows[task_id]
        state = next_state("task_instance", row.fact.state, event)
        row.fact = replace(
            row.fact, state=state, rev=row.fact.rev + 1, retry_at=retry_at, skips=tuple(skips), ended_at=self.now
        )
        if event not in UNSEEN:
            self._unseen.add(task_id)

    def fail(self, task_id: str, *, retryable: bool = True, retry_delay_seconds: float | None = None) -> None:
        error = TaskError(type="ValueError", message="no", retryable=retryable, retry_delay_seconds=retry_delay_seconds)
        row, task = self.rows[task_id], self.tasks[task_id]
        self._end(task_id, retries.verdict(error, failures=row.failures, retries=task.retries), retry_delay_seconds)

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

    def _end(self, task_id: str, event: TaskInstanceEvent, decided_seconds: float | None = None) -> None:
        row, task = self.rows[task_id], self.tasks[task_id]
        due = None
        if event is TaskInstanceEvent.RETRY:
            pause = retries.retry_delay(
                task.retry_delay_seconds,
                failures=row.failures,
                backoff=task.retry_backoff,
                most_seconds=task.max_retry_delay_seconds,
                decided_seconds=decided_seconds,
            )
            due = retries.retry_due_at(self.now, pause)
        if event is TaskInstanceEvent.LOSE:
            row.lost += 1
        else:
            row.failures += 1
        self.happen(task_id, event, due)

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def cancel(self) -> None:
        if self.facts.end is None:
            self.facts = replace(self.facts, end=RunEnded(cause=RunEndCause.CANCELLED))

    def clear(self, task_ids: Iterable[str]) -> None:
        for task_id in task_ids:
            row = self.rows[task_id]
            if row.fact.state is not TaskInstanceState.NONE:
                self.happen(task_id, TaskInstanceEvent.CLEAR)
                row.failures = row.lost = 0
        if self.run in DAG_RUN_FINAL:
            self.run = next_state("dag_run", self.run, DagRunEvent.CLEAR)
            self.facts = RunFacts(logical_date=self.facts.logical_date)

    def change_past(self, states: Mapping[str, TaskInstanceState]) -> None:
        self.past = {**(self.past or {}), **states}
        self._past_rev += 1

    # What the scheduler does.

    def observe(self) -> None:
        """Let the projection see what changed, in the order of the rows."""
        self.projection.apply([self.rows[task_id].fact for task_id in self.tasks if task_id in self._unseen])
        self._unseen.clear()
        self.projection.state = self.run
        self.projection.facts = self.facts
        self.prepare(self.projection)

    def settle(self) -> None:
        """Decide until nothing is left to decide."""
        self.observe()
        while not self.decide().complete:
            self.observe()

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
            row.fact = replace(row.fact, state=move.to_state, rev=row.fact.rev + 1, retry_at=None, ended_at=self.now)
        if decision.run_event is not None:
            assert next_state("dag_run", self.run, decision.run_event) is decision.run_state
        assert decision.facts_changed is (decision.facts != self.facts)
        self.run = decision.run_state
        self.facts = decision.facts
