"""One live run in memory: what its task instances are, and what follows from it.

Applying one change and deciding about it costs the number of edges of the task that changed, not the size of the run.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from tradewind.server.contract import (
    TASK_INSTANCE_FINAL,
    DagRunEvent,
    DagRunState,
    OutsideOfDates,
    Reason,
    RunEndCause,
    RunEnded,
    SkippedByTask,
    TaskInstanceEvent,
    TaskInstanceState,
    UpstreamNotMet,
)
from tradewind.server.domain.decisions import InstanceFact, InstanceMove, Moves, RunDecision, RunFacts
from tradewind.server.domain.declared_skips import DeclaredSkips
from tradewind.server.domain.graph import Graph
from tradewind.server.domain.past import Past, PreviousRun
from tradewind.server.domain.run_instances import RunInstance, RunInstances, in_order
from tradewind.server.domain.states import next_state
from tradewind.server.domain.trigger_rules import EVENT_OF, Verdict
from tradewind.server.domain.upstream_counts import UpstreamCounts

MOST_BLAMED = 20
"""As many upstream tasks as a reason of the contract names at most."""

_NONE: Final = TaskInstanceState.NONE
_SUCCESS: Final = TaskInstanceState.SUCCESS
_CLOSING: Final = {
    RunEndCause.CANCELLED: DagRunEvent.CANCEL,
    RunEndCause.TIMED_OUT: DagRunEvent.TIME_OUT,
    RunEndCause.FAILED_FAST: DagRunEvent.FAIL,
}


class RunProjection:
    """The state of one run, kept up to date by its changes.

    A decision is assumed: after `decide` the projection is in the state that the decision leads to. Whoever does not
    commit the decision drops the projection and builds another from the rows.

    Attributes:
        pk: key of the run's row.
        state: state of the run.
        rev: revision of the run up to which changes are applied; the owner keeps it.
        facts: what the row says beside the state; the owner keeps it.
    """

    __slots__ = (
        "_counts",
        "_held",
        "_instances",
        "_looking_back",
        "_past",
        "_pending",
        "_queue",
        "_skips",
        "_unmet",
        "facts",
        "graph",
        "pk",
        "rev",
        "state",
    )

    def __init__(self, graph: Graph, *, pk: int, state: DagRunState, rev: int, facts: RunFacts | None = None) -> None:
        self.graph = graph
        self.pk = pk
        self.state = state
        self.rev = rev
        self.facts = facts or RunFacts()
        self._instances = RunInstances(graph)
        self._counts = UpstreamCounts(graph)
        self._skips = DeclaredSkips(graph)
        self._past = Past(graph)
        self._unmet = 0  # instances that decide the run and failed or were not reached
        self._looking_back = 0  # instances in `none` of tasks that depend on the run before
        self._pending: dict[int, RunInstance] = {}  # instances in `none` to be judged, by key
        self._queue: list[tuple[int, int, int]] = []  # heap of them by task; an entry is void once it is not pending
        self._held: dict[int, dict[int, RunInstance]] = {}  # task to its instances that wait for the run before

    def __len__(self) -> int:
        """How many task instances are known: the size in memory."""
        return len(self._instances.by_key)

    @property
    def needs_past(self) -> bool:
        """Whether a decision may depend on the run before, so that `tell_past` has to come first."""
        return self._looking_back > 0

    def past_revision(self, run_pk: int) -> int | None:
        """Up to which revision of a run before its instances are known; None when nothing of it is."""
        run = self._past.run
        return run.rev if run is not None and run.pk == run_pk else None

    def tell_past(self, run: PreviousRun | None, changes: Iterable[InstanceFact]) -> None:
        """Take over which run is the one before, and those of its instances that changed since `past_revision`."""
        for task in self._past.tell(run, changes):
            for instance in self._held.pop(task, {}).values():
                self._wake(instance)

    def is_ending(self, now: datetime) -> bool:
        """Whether a decision ends the run before its tasks: the rows of `first_open` have to be applied first."""
        return self._end(now) is not None

    def first_open(self, limit: int) -> list[int]:
        """Keys of the task instances that a decision with this limit ends first, when it ends the run early.

        They may have changed unseen: claims and starts do not raise the revision of the run.
        """
        return [instance.pk for instance in self._instances.open_in_order()[:limit]]

    def apply(self, changes: Iterable[InstanceFact]) -> None:
        """Take over rows as they are now; those that are known already change nothing.

        Raises:
            KeyError: a row's task is not in the graph: the run is pinned to another DAG version.
        """
        for fact in changes:
            instance = self._instances.by_key.get(fact.pk)
            if instance is None:
                self._add(fact)
            elif fact.rev != instance.rev or fact.state is not instance.state:
                instance.rev = fact.rev
                self._take_over(instance, fact)

    def decide(self, now: datetime, *, may_start: bool = False, limit: int | None = None) -> RunDecision:
        """What follows from everything applied so far.

        Args:
            now: on the clock that wrote the due times of retries.
            may_start: whether a queued run is due and has a run slot of a DAG that is not paused.
            limit: most moves in one decision, so that no transaction grows without bound; None for no limit.

        Raises:
            ValueError: some task has no known instance: the rows were not all applied.
        """
        if self._instances.missing:
            raise ValueError(
                f"run {self.pk}: {self._instances.missing} tasks have no known instance; apply all rows first"
            )
        before, state_before = self.facts, self.state
        moves = Moves(now, len(self) if limit is None else limit)
        event: DagRunEvent | None = None
        if self.state is DagRunState.QUEUED and may_start:
            event = self._start(now)
        if self.state is DagRunState.RUNNING:
            self._move_all(moves)
            if event is None and not self._instances.any_open and not self._pending:
                event = self._closing_event()
                self.state = next_state("dag_run", self.state, event)
        elif self.state is DagRunState.QUEUED and self.facts.end is not None:
            event = self._end_queued(moves, self.facts.end)
        decision = self._decision(now, event, tuple(moves.made), before)
        return replace(decision, state_before=state_before)

    def _decision(
        self, now: datetime, event: DagRunEvent | None, moves: tuple[InstanceMove, ...], before: RunFacts
    ) -> RunDecision:
        held_by = self._past.run.pk if self._held and self._past.run is not None else None
        if held_by != self.facts.held_by:
            self.facts = replace(self.facts, held_by=held_by)
        next_wake = self._next_wake()
        return RunDecision(
            run_pk=self.pk,
            run_rev=self.rev,
            run_event=event,
            run_state=self.state,
            moves=moves,
            next_wake=next_wake,
            complete=self._nothing_left(now, next_wake, len(moves)),
            facts=self.facts,
            facts_changed=self.facts != before,
        )

    def _nothing_left(self, now: datetime, next_wake: datetime | None, moved: int) -> bool:
        if self.state is DagRunState.QUEUED and self.facts.end is not None:
            return not moved
        if self.state is not DagRunState.RUNNING:
            return True
        if self.facts.end is not None and self._instances.open_work:
            return False
        return self._instances.any_open and not self._pending and (next_wake is None or next_wake > now)

    def _next_wake(self) -> datetime | None:
        """When there is something to do though nothing changes: the next retry, or the end of the run's time."""
        if self.state is not DagRunState.RUNNING:
            return None
        due = self._instances.next_due()
        moments = [self.facts.timeout_at, due.retry_at if due is not None else None]
        return min((moment for moment in moments if moment is not None), default=None)

    # The run itself.

    def _start(self, now: datetime) -> DagRunEvent:
        """It begins, or begins once more; only a cancelled one still has to end."""
        end = self.facts.end
        cancelled = end is not None and end.cause is RunEndCause.CANCELLED
        timeout = self.graph.timeout
        self.state = next_state("dag_run", self.state, DagRunEvent.START)
        self.facts = replace(
            self.facts,
            started_at=now,
            timeout_at=None if timeout is None else now + timeout,
            end=end if cancelled else None,
        )
        return DagRunEvent.START

    def _end(self, now: datetime) -> RunEnded | None:
        """Why the run has to end before its tasks do; the first cause stays."""
        if self.facts.end is not None or self.state is not DagRunState.RUNNING:
            return self.facts.end
        if self.facts.timeout_at is not None and self.facts.timeout_at <= now and self._instances.any_open:
            return RunEnded(cause=RunEndCause.TIMED_OUT)
        failed = min(self._instances.failed_since(self.facts.started_at), key=in_order, default=None)
        if failed is None:
            return None
        return RunEnded(cause=RunEndCause.FAILED_FAST, task_id=self.graph.task_ids[failed.task])

    def _closing_event(self) -> DagRunEvent:
        if self.facts.end is not None:
            return _CLOSING[self.facts.end.cause]
        return DagRunEvent.FAIL if self._unmet else DagRunEvent.SUCCEED

    def _end_queued(self, moves: Moves, end: RunEnded) -> DagRunEvent | None:
        """A run that was cancelled before its start needs it only for teardown tasks whose setup tasks ran before."""
        needless = [*self._instances.open_work.values()]
        needless += [one for one in self._instances.open_teardowns.values() if not self._has_set_up(one.task)]
        for instance in needless[: moves.room]:
            self._move(instance, TaskInstanceEvent.ABANDON, end, moves)
        if self._instances.any_open:
            return None
        event = _CLOSING[end.cause]
        self.state = next_state("dag_run", self.state, event)
        return event

    def _has_set_up(self, teardown: int) -> bool:
        return any(
            member.state is _SUCCESS
            for source in self.graph.upstream[teardown]
            if self.graph.traits[source].is_setup
            for member in self._instances.members[source]
        )

    # Task instances.

    def _add(self, fact: InstanceFact) -> None:
        instance = self._instances.add(fact)
        self._counts.add(instance.task)
        self._looking_back += self.graph.traits[instance.task].looks_back
        self._wake(instance)
        if fact.state is not _NONE:
            self._take_over(instance, fact)

    def _take_over(self, instance: RunInstance, fact: InstanceFact) -> None:
        before = instance.state
        self._set_state(instance, fact.state, retry_at=fact.retry_at, ended_at=fact.ended_at)
        if fact.state is _SUCCESS or before is _SUCCESS:
            declared = fact.skips if fact.state is _SUCCESS else ()
            for target in self._skips.set(instance.pk, instance.task, declared):
                self._wake_waiting(target)

    def _set_state(
        self,
        instance: RunInstance,
        state: TaskInstanceState,
        *,
        retry_at: datetime | None = None,
        ended_at: datetime | None = None,
    ) -> None:
        before = instance.state
        self._instances.change(instance, state, retry_at=retry_at, ended_at=ended_at)
        if state is _NONE:
            self._wake(instance)
        elif before is _NONE:
            self._pending.pop(instance.pk, None)
            self._release(instance)
        self._looking_back += self.graph.traits[instance.task].looks_back * ((state is _NONE) - (before is _NONE))
        if state is not before:
            self._count(instance.task, before, -1)
            self._count(instance.task, state, +1)

    def _count(self, task: int, state: TaskInstanceState, step: int) -> None:
        """Add an instance in a final state to what other tasks and the run see, or take it away."""
        if state not in TASK_INSTANCE_FINAL:
            return
        if state in {TaskInstanceState.FAILED, TaskInstanceState.UPSTREAM_FAILED} and task in self.graph.deciding:
            self._unmet += step
        self._counts.count(task, state, step)
        for target in self._counts.interested(task):
            self._wake_waiting(target)

    def _wake_waiting(self, task: int) -> None:
        for member in self._instances.members[task]:
            if member.state is _NONE:
                self._wake(member)

    def _wake(self, instance: RunInstance) -> None:
        if instance.pk not in self._pending:
            self._release(instance)
            self._pending[instance.pk] = instance
            heapq.heappush(self._queue, (instance.task, instance.map_index, instance.pk))

    def _release(self, instance: RunInstance) -> None:
        """It is to be judged anew, or for the last time: it does not wait for the run before any more."""
        held = self._held.get(instance.task)
        if held is not None and held.pop(instance.pk, None) is not None and not held:
            del self._held[instance.task]

    # Moves.

    def _move_all(self, moves: Moves) -> None:
        end = self._end(moves.now)
        if end is not None:
            if end != self.facts.end or self.facts.timeout_at is not None:
                self.facts = replace(self.facts, end=end, timeout_at=None)
            self._abandon(end, moves)
        self._judge_pending(moves)
        while moves.room and (due := self._instances.next_due()) is not None:
            if due.retry_at is None or due.retry_at > moves.now:
                return
            self._move(due, TaskInstanceEvent.RETRY_DUE, None, moves)

    def _abandon(self, end: RunEnded, moves: Moves) -> None:
        """End everything but teardown tasks, which clean up what setup tasks left."""
        timed_out = end.cause is RunEndCause.TIMED_OUT
        event = TaskInstanceEvent.TIME_OUT if timed_out else TaskInstanceEvent.ABANDON
        for instance in self._instances.open_in_order()[: moves.room]:
            self._move(instance, event, end, moves)

    def _judge_pending(self, moves: Moves) -> None:
        """Judge instances in `none`, upstream ones first, so that a task sees all that this decision does above it."""
        while self._queue and moves.room:
            _, _, pk = heapq.heappop(self._queue)
            instance = self._pending.pop(pk, None)
            if instance is not None:
                self._judge(instance, moves)

    def _judge(self, instance: RunInstance, moves: Moves) -> None:
        event, reason = self._verdict(instance.task)
        if event is None:
            return
        traits = self.graph.traits[instance.task]
        needs_past = event is TaskInstanceEvent.READY or (
            traits.wait_for_past_depends_before_skipping and event is not TaskInstanceEvent.UPSTREAM_FAILED
        )
        if needs_past and self._past.blocker(instance.task) is not None:
            self._held.setdefault(instance.task, {})[instance.pk] = instance
            return
        self._move(instance, event, reason, moves)

    def _verdict(self, task: int) -> tuple[TaskInstanceEvent | None, Reason | None]:
        """What is to happen to an instance of a task in `none` as far as this run is concerned, and why."""
        skipper = self._skips.skipper(task)
        if skipper is not None:
            return TaskInstanceEvent.SKIPPED_BY_TASK, SkippedByTask(task_id=self.graph.task_ids[skipper])
        date = self.facts.logical_date
        if date is not None and self.graph.traits[task].excludes(date):
            return TaskInstanceEvent.SKIPPED_BY_TASK, OutsideOfDates(logical_date=date)
        verdict = self._counts.verdict(task)
        if verdict in {Verdict.WAIT, Verdict.READY}:
            return EVENT_OF.get(verdict), None
        return EVENT_OF[verdict], self._blame(task, verdict)

    def _move(self, instance: RunInstance, event: TaskInstanceEvent, reason: Reason | None, moves: Moves) -> None:
        before = instance.state
        state = next_state("task_instance", before, event)
        moves.made.append(InstanceMove(instance.pk, instance.rev, event, before, state, reason))
        instance.rev += 1
        self._set_state(instance, state, ended_at=moves.now)

    def _blame(self, task: int, verdict: Verdict) -> UpstreamNotMet:
        """The upstream tasks because of which a task does not run."""
        suspects, states = self._counts.blamed(task, verdict)
        culprits = sorted(
            self.graph.task_ids[source]
            for source in suspects
            if any(member.state in states for member in self._instances.members[source])
        )
        return UpstreamNotMet(upstream=culprits[:MOST_BLAMED], trigger_rule=self.graph.traits[task].trigger_rule)
