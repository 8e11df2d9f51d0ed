"""One live run in memory: what its task instances are, and what follows from it.

Applying one change and deciding about it costs the number of edges of the task that changed, not the size of the run.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from tradewind.server.contract import (
    TASK_INSTANCE_FINAL,
    DagRunEvent,
    DagRunState,
    TaskInstanceEvent,
    TaskInstanceState,
    UpstreamNotMet,
)
from tradewind.server.domain.decisions import InstanceFact, InstanceMove, RunDecision
from tradewind.server.domain.graph import Graph
from tradewind.server.domain.states import next_state
from tradewind.server.domain.trigger_rules import EVENT_OF, RULES, Verdict

MOST_BLAMED = 20
"""As many upstream tasks as a reason of the contract names at most."""

_NONE: Final = TaskInstanceState.NONE
_UP_FOR_RETRY: Final = TaskInstanceState.UP_FOR_RETRY
_NOT_MET: Final = frozenset({TaskInstanceState.FAILED, TaskInstanceState.UPSTREAM_FAILED})


class _Instance:
    __slots__ = ("map_index", "pk", "retry_at", "rev", "state", "task")

    def __init__(self, fact: InstanceFact, task: int) -> None:
        self.pk = fact.pk
        self.task = task
        self.map_index = fact.map_index
        self.state = fact.state
        self.rev = fact.rev
        self.retry_at = fact.retry_at


class RunProjection:
    """The state of one run, kept up to date by its changes.

    A decision is assumed: after `decide` the projection is in the state that the decision leads to. Whoever does not
    commit the decision drops the projection and builds another from the rows.

    Attributes:
        pk: key of the run's row.
        state: state of the run.
        rev: revision of the run up to which changes are applied; the owner keeps it.
    """

    __slots__ = (
        "_failed",
        "_instances",
        "_members",
        "_missing",
        "_pending",
        "_retries",
        "_skipped",
        "_succeeded",
        "_total",
        "_unfinished",
        "_unmet_leaves",
        "graph",
        "pk",
        "rev",
        "state",
    )

    def __init__(self, graph: Graph, *, pk: int, state: DagRunState, rev: int) -> None:
        self.graph = graph
        self.pk = pk
        self.state = state
        self.rev = rev
        size = len(graph)
        self._instances: dict[int, _Instance] = {}
        self._members: list[list[_Instance]] = [[] for _ in range(size)]
        # Per task, over the instances of all its upstream tasks.
        self._total = [0] * size
        self._succeeded = [0] * size
        self._failed = [0] * size
        self._skipped = [0] * size
        self._missing = size  # tasks of which no instance is known yet
        self._unfinished = 0
        self._unmet_leaves = 0
        self._pending: dict[int, _Instance] = {}  # instances in `none` whose upstream changed, by key
        self._retries: list[tuple[datetime, int]] = []  # heap; an entry is void once the instance says otherwise

    def __len__(self) -> int:
        """How many task instances are known: the size in memory."""
        return len(self._instances)

    def apply(self, changes: Iterable[InstanceFact]) -> None:
        """Take over rows as they are now; those that are known already change nothing.

        Raises:
            KeyError: a row's task is not in the graph: the run is pinned to another DAG version.
        """
        for fact in changes:
            instance = self._instances.get(fact.pk)
            if instance is None:
                self._add(fact)
            elif fact.rev != instance.rev or fact.state is not instance.state:
                instance.rev = fact.rev
                self._set_state(instance, fact.state, fact.retry_at)

    def decide(self, now: datetime, *, may_start: bool = False, limit: int | None = None) -> RunDecision:
        """What follows from everything applied so far.

        Args:
            now: on the clock that wrote the due times of retries.
            may_start: whether a queued run has a run slot of a DAG that is not paused.
            limit: most moves in one decision, so that no transaction grows without bound; None for no limit.

        Raises:
            ValueError: some task has no known instance: the rows were not all applied.
        """
        if self._missing:
            raise ValueError(f"run {self.pk}: {self._missing} tasks have no known instance; apply all rows first")
        event: DagRunEvent | None = None
        moves: list[InstanceMove] = []
        if self.state is DagRunState.QUEUED and may_start:
            event = DagRunEvent.START
        started = event is not None
        if self.state is DagRunState.RUNNING or started:
            most = len(self._instances) if limit is None else limit
            self._move_pending(moves, most)
            self._move_due(now, moves, most)
            ended = not self._unfinished and not self._pending
            if ended and not started:
                event = DagRunEvent.FAIL if self._unmet_leaves else DagRunEvent.SUCCEED
        if event is not None:
            self.state = next_state("dag_run", self.state, event)
        next_wake = self._next_due()
        return RunDecision(
            run_pk=self.pk,
            run_rev=self.rev,
            run_event=event,
            run_state=self.state,
            moves=tuple(moves),
            next_wake=next_wake,
            complete=self._nothing_left(now, next_wake),
        )

    def _nothing_left(self, now: datetime, next_wake: datetime | None) -> bool:
        if self.state is not DagRunState.RUNNING:
            return True
        return bool(self._unfinished) and not self._pending and (next_wake is None or next_wake > now)

    def _add(self, fact: InstanceFact) -> None:
        task = self.graph.number(fact.task_id)
        instance = _Instance(fact, task)
        self._instances[fact.pk] = instance
        members = self._members[task]
        if not members:
            self._missing -= 1
        members.append(instance)
        self._unfinished += 1
        for target in self.graph.downstream[task]:
            self._total[target] += 1
        instance.state = _NONE
        self._pending[instance.pk] = instance
        if fact.state is not _NONE:
            self._set_state(instance, fact.state, fact.retry_at)

    def _set_state(self, instance: _Instance, state: TaskInstanceState, retry_at: datetime | None) -> None:
        before = instance.state
        instance.state = state
        instance.retry_at = retry_at
        if state is _NONE:
            self._pending[instance.pk] = instance
        elif before is _NONE:
            self._pending.pop(instance.pk, None)
        if state is _UP_FOR_RETRY and retry_at is not None:
            heapq.heappush(self._retries, (retry_at, instance.pk))
        if state is not before:
            self._count(instance.task, before, -1)
            self._count(instance.task, state, +1)

    def _count(self, task: int, state: TaskInstanceState, step: int) -> None:
        """Add an instance in a final state to what its downstream tasks see, or take it away."""
        if state not in TASK_INSTANCE_FINAL:
            return
        self._unfinished -= step
        if state is TaskInstanceState.SUCCESS:
            counts = self._succeeded
        elif state is TaskInstanceState.SKIPPED:
            counts = self._skipped
        else:
            counts = self._failed
            if task in self.graph.leaves:
                self._unmet_leaves += step
        for target in self.graph.downstream[task]:
            counts[target] += step
            for member in self._members[target]:
                if member.state is _NONE:
                    self._pending[member.pk] = member

    def _verdict(self, task: int) -> Verdict:
        rule = RULES[self.graph.rules[task]]
        return rule(self._total[task], self._succeeded[task], self._failed[task], self._skipped[task])

    def _move_pending(self, moves: list[InstanceMove], most: int) -> None:
        """Judge instances in `none`, upstream ones first, so that a task sees all that this decision does above it."""
        heap = [(instance.task, instance.map_index, pk) for pk, instance in self._pending.items()]
        heapq.heapify(heap)
        while heap and len(moves) < most:
            _, _, pk = heapq.heappop(heap)
            instance = self._pending.pop(pk, None)
            if instance is None:
                continue
            verdict = self._verdict(instance.task)
            if verdict is Verdict.WAIT:
                continue
            known = len(self._pending)
            self._move(instance, EVENT_OF[verdict], moves)
            if len(self._pending) > known:
                for target in self.graph.downstream[instance.task]:
                    for member in self._members[target]:
                        if member.pk in self._pending:
                            heapq.heappush(heap, (target, member.map_index, member.pk))

    def _move_due(self, now: datetime, moves: list[InstanceMove], most: int) -> None:
        while len(moves) < most:
            due = self._next_due()
            if due is None or due > now:
                return
            _, pk = heapq.heappop(self._retries)
            self._move(self._instances[pk], TaskInstanceEvent.RETRY_DUE, moves)

    def _next_due(self) -> datetime | None:
        """When the next retry is due, void entries dropped."""
        while self._retries:
            due, pk = self._retries[0]
            instance = self._instances[pk]
            if instance.state is _UP_FOR_RETRY and instance.retry_at == due:
                return due
            heapq.heappop(self._retries)
        return None

    def _move(self, instance: _Instance, event: TaskInstanceEvent, moves: list[InstanceMove]) -> None:
        before = instance.state
        state = next_state("task_instance", before, event)
        reason = self._blame(instance.task) if state in TASK_INSTANCE_FINAL else None
        moves.append(InstanceMove(instance.pk, instance.rev, event, before, state, reason))
        instance.rev += 1
        self._set_state(instance, state, None)

    def _blame(self, task: int) -> UpstreamNotMet:
        """The upstream tasks because of which a task does not run: failed ones, or else skipped ones."""
        states = _NOT_MET if self._failed[task] else frozenset({TaskInstanceState.SKIPPED})
        culprits = sorted(
            self.graph.task_ids[source]
            for source in self.graph.upstream[task]
            if any(member.state in states for member in self._members[source])
        )
        return UpstreamNotMet(upstream=culprits[:MOST_BLAMED], trigger_rule=self.graph.rules[task])
