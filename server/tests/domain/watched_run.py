"""A run whose rows a test changes by hand, and whose decisions it looks at."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from tradewind.server.contract import DagRunState, Reason, TaskInstanceState
from tradewind.server.domain.decisions import InstanceFact, RunDecision, RunFacts
from tradewind.server.domain.graph import Graph
from tradewind.server.domain.projection import RunProjection
from tradewind.server.domain.task_traits import TaskTraits

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class WatchedRun:
    """Rows of the task instances of one run, and its projection."""

    decision: RunDecision

    def __init__(
        self,
        upstream: Mapping[str, list[str]],
        traits: Mapping[str, TaskTraits] | None = None,
        *,
        state: DagRunState = DagRunState.RUNNING,
        fail_fast: bool = False,
        timeout: timedelta | None = None,
        facts: RunFacts | None = None,
    ) -> None:
        self.graph = Graph(upstream, traits, fail_fast=fail_fast, timeout=timeout)
        self.projection = RunProjection(self.graph, pk=1, state=state, rev=1, facts=facts or RunFacts(started_at=NOW))
        self.revs = dict.fromkeys(upstream, 1)
        self.keys = {task_id: number for number, task_id in enumerate(upstream, start=1)}
        self.projection.apply([self.fact(task_id, TaskInstanceState.NONE) for task_id in upstream])

    def fact(
        self,
        task_id: str,
        state: TaskInstanceState,
        retry_at: datetime | None = None,
        *,
        skips: Sequence[str] = (),
        ended_at: datetime | None = None,
    ) -> InstanceFact:
        return InstanceFact(
            self.keys[task_id], task_id, -1, state, self.revs[task_id], retry_at, tuple(skips), ended_at or NOW
        )

    def report(
        self,
        task_id: str,
        state: TaskInstanceState,
        retry_at: datetime | None = None,
        *,
        skips: Sequence[str] = (),
        ended_at: datetime | None = None,
    ) -> None:
        """The row of a task changed by somebody else."""
        self.revs[task_id] += 1
        self.projection.apply([self.fact(task_id, state, retry_at, skips=skips, ended_at=ended_at)])

    def decide(
        self, now: datetime = NOW, *, may_start: bool = False, limit: int | None = None
    ) -> dict[str, TaskInstanceState]:
        """Decide once; the tasks that move and where to."""
        self.decision = self.projection.decide(now, may_start=may_start, limit=limit)
        names = {pk: task_id for task_id, pk in self.keys.items()}
        for move in self.decision.moves:
            assert move.rev == self.revs[names[move.pk]]
            self.revs[names[move.pk]] += 1
        return {names[move.pk]: move.to_state for move in self.decision.moves}

    def reason(self, task_id: str) -> Reason | None:
        """The reason of a task's move in the last decision."""
        return next(move.reason for move in self.decision.moves if move.pk == self.keys[task_id])
