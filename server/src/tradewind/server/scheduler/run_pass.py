"""One look at the runs that changed: everything to be decided about them, in one transaction."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from tradewind.server.contract import DAG_RUN_FINAL, DagRunEvent, DagRunState
from tradewind.server.domain.decisions import RunDecision
from tradewind.server.domain.graph import Graph
from tradewind.server.domain.past import PreviousRun
from tradewind.server.domain.projection import RunProjection
from tradewind.server.scheduler.faults import FAULTS, RunFaultError
from tradewind.server.scheduler.sized_cache import SizedCache
from tradewind.server.store import Transaction, dags, runs, scheduling
from tradewind.server.store.scheduling import DirtyRun

RUNS_PER_PASS = 50
"""Runs in one transaction; the others wait for the next one, those that have waited longest first."""

MOVES_PER_RUN = 500
MOVES_PER_PASS = 2000
"""Bounds on what one transaction writes, so that other writes wait tens of milliseconds at most."""

INSTANCES_IN_MEMORY = 100_000
TASKS_IN_MEMORY = 100_000
"""Budgets of the caches: about 30 MB each when full, at 300 bytes an entry."""

BEFORE_THE_FIRST_REVISION = -1


@dataclass(slots=True)
class PassResult:
    """What a pass did.

    Attributes:
        decided: projections as they are once the transaction is committed.
        refused: runs whose rows were not as the projection said, or whose leader is another by now.
        faulty: runs that can not be decided, with the reason: their rows contradict their DAG version.
        more: whether there is more to do at once.
        due_in: seconds until something is due by itself, on the store's clock: a retry, a queued run, the end of a
            run's time; None for nothing.
        seen_until: moment up to which queued runs that came due were seen.
        rows_read: rows of task instances that were read.
        moves: changes of task instances.
    """

    decided: list[RunProjection] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    faulty: dict[int, Exception] = field(default_factory=dict)
    more: bool = False
    due_in: float | None = None
    seen_until: datetime = scheduling.EVER
    rows_read: int = 0
    moves: int = 0


class RunMemory:
    """Projections and graphs that outlive a pass.

    A projection leaves the memory when a job takes it and comes back by `keep`, after the commit. So a job that is
    rolled back or runs twice finds nothing of its own half-done work: it builds the projection from rows again.

    Attributes:
        seen_until: moment up to which queued runs that came due were seen by a pass that is committed.
    """

    def __init__(self) -> None:
        self._projections: SizedCache[int, RunProjection] = SizedCache(INSTANCES_IN_MEMORY)
        self._graphs: SizedCache[int, Graph] = SizedCache(TASKS_IN_MEMORY)
        self.seen_until = scheduling.EVER

    def keep(self, result: PassResult) -> None:
        """Take back the projections of a pass that is committed."""
        self.seen_until = result.seen_until
        for projection in result.decided:
            if projection.state not in DAG_RUN_FINAL:
                self._projections.put(projection.pk, projection)

    def forget(self) -> None:
        """Drop all projections: somebody else may have led since they were made."""
        self._projections.clear()
        self.seen_until = scheduling.EVER

    def take(self, tx: Transaction, run: DirtyRun) -> tuple[RunProjection, int]:
        """The projection of a run with everything applied that has happened to it, and how many rows that took."""
        graph = self._graph(tx, run.dag_version_pk)
        projection = self._projections.take(run.pk)
        since = BEFORE_THE_FIRST_REVISION
        # A run may have been pinned to another version of its DAG.
        if projection is not None and projection.rev <= run.rev and projection.graph is graph:
            since = projection.rev
        else:
            projection = RunProjection(graph, pk=run.pk, state=run.state, rev=run.rev)
        facts = scheduling.run_instances(tx, run.pk, since)
        projection.apply(facts)
        projection.state = run.state
        projection.rev = run.rev
        projection.facts = run.facts
        return projection, len(facts)

    def _graph(self, tx: Transaction, dag_version_pk: int) -> Graph:
        graph = self._graphs.get(dag_version_pk)
        if graph is None:
            graph = Graph.from_dag(dags.dag_version(tx, dag_version_pk))
            self._graphs.put(dag_version_pk, graph)
        return graph


class RunPass:
    """One execution of the write job.

    Args:
        memory: what earlier passes left.
        tx: the transaction.
        epoch: epoch of the leadership that decides.
        ignored: runs to leave alone for now.
    """

    def __init__(self, memory: RunMemory, tx: Transaction, epoch: int, ignored: Collection[int] = ()) -> None:
        self._memory = memory
        self._tx = tx
        self._epoch = epoch
        self._ignored = ignored
        self._result = PassResult(seen_until=tx.now)
        self._touched: dict[str, None] = {}  # DAGs that may have a run slot for somebody, in order
        self._news: set[int] = set()  # runs of which some task instance changed

    def run(self) -> PassResult:
        """Look at dirty runs, at what is due by itself, and at the queues of the DAGs that this touches."""
        waiting: dict[int, DirtyRun] = {}
        for run in self._candidates():
            if run.state is DagRunState.QUEUED and run.facts.end is not None:
                state = self._decide(run)  # it was cancelled before its start
            elif run.state is DagRunState.RUNNING:
                state = self._decide(run)
            else:
                waiting[run.pk] = run
                state = run.state
            if state is not DagRunState.RUNNING:
                self._touched[run.dag_id] = None
        for dag_id in self._touched:
            self._start_runs(dag_id, waiting)
        for run in waiting.values():
            # It has ended, or may not start now: whatever lets it start marks it again.
            self._write(RunDecision(run.pk, run.rev, None, run.state, (), None, complete=True))
            if run.state in DAG_RUN_FINAL:
                self._news.add(run.pk)
        if scheduling.wake_held(self._tx, self._news):
            self._result.more = True
        return self._result

    def _candidates(self) -> list[DirtyRun]:
        limit = RUNS_PER_PASS + len(self._ignored)
        dirty = scheduling.dirty_runs(self._tx, limit)
        upcoming = scheduling.upcoming(self._tx, self._memory.seen_until)
        due = scheduling.due_runs(self._tx, limit) if upcoming.overdue else []
        if upcoming.runs_due:
            self._touched.update(dict.fromkeys(scheduling.due_dags(self._tx, self._memory.seen_until)))
        if upcoming.next is not None:
            self._result.due_in = max(0.0, (upcoming.next - self._tx.now).total_seconds())
        candidates = {run.pk: run for run in (*dirty, *due) if run.pk not in self._ignored}
        self._result.more = bool(candidates) and max(len(dirty), len(due)) >= limit
        return list(candidates.values())

    def _start_runs(self, dag_id: str, waiting: dict[int, DirtyRun]) -> None:
        """Give the free run slots of a DAG to its queued runs, the first in line first."""
        startable = scheduling.startable_runs(self._tx, dag_id)
        slots = startable.max_active_runs - startable.active_runs
        if startable.paused or slots <= 0:
            return
        chosen = [pk for pk in startable.queued if pk not in self._ignored][:slots]
        unread = [pk for pk in chosen if pk not in waiting]
        rows = {**waiting, **{run.pk: run for run in scheduling.runs_by_pk(self._tx, unread)}} if unread else waiting
        for run in [rows[pk] for pk in chosen if pk in rows]:
            self._decide(run, may_start=True)
            waiting.pop(run.pk, None)

    def _decide(self, run: DirtyRun, *, may_start: bool = False) -> DagRunState:
        """Decide about one run and write it down; return its state afterwards.

        Raises:
            RunFaultError: it failed half-way.
        """
        left = min(MOVES_PER_RUN, MOVES_PER_PASS - self._result.moves)
        if left <= 0:
            self._result.more = True
            return self._put_off(run)
        before = self._tx.changes
        try:
            return self._decide_within(run, left, may_start=may_start)
        except FAULTS as error:
            if self._tx.changes != before:
                raise RunFaultError(run.pk) from error
            self._result.faulty[run.pk] = error
            return self._put_off(run)

    def _decide_within(self, run: DirtyRun, left: int, *, may_start: bool) -> DagRunState:
        result = self._result
        projection, rows_read = self._projection(run, left)
        decision = projection.decide(self._tx.now, may_start=may_start, limit=left)
        result.rows_read += rows_read
        rev = self._write(decision)
        if rev is None:
            return run.state
        projection.rev = rev
        result.decided.append(projection)
        result.moves += len(decision.moves)
        result.more = result.more or not decision.complete
        if rows_read or decision.moves:
            self._news.add(run.pk)
        if decision.run_event in {DagRunEvent.FAIL, DagRunEvent.TIME_OUT}:
            scheduling.pause_after_failures(self._tx, run.dag_id)
        return decision.run_state

    def _put_off(self, run: DirtyRun) -> DagRunState:
        """It stays dirty and has its turn later; one that was only next in its queue has to be marked for that."""
        if run.state is DagRunState.QUEUED:
            scheduling.mark(self._tx, [run.pk])
        return run.state

    def _projection(self, run: DirtyRun, limit: int) -> tuple[RunProjection, int]:
        """The projection of a run with everything told that a decision now depends on, and how many rows that took."""
        projection, rows_read = self._memory.take(self._tx, run)
        if projection.needs_past:
            rows_read += self._tell_past(projection)
        if projection.is_ending(self._tx.now):
            projection.apply(scheduling.instances_by_pk(self._tx, projection.first_open(limit)))
        return projection, rows_read

    def _tell_past(self, projection: RunProjection) -> int:
        previous = runs.previous_run(self._tx, projection.pk, but_manual=projection.graph.catchup)
        if previous is None:
            projection.tell_past(None, ())
            return 0
        known = projection.past_revision(previous.pk)
        facts = []
        if known != previous.rev:
            since = BEFORE_THE_FIRST_REVISION if known is None else known
            facts = scheduling.run_instances(self._tx, previous.pk, since)
        projection.tell_past(PreviousRun(previous.pk, previous.rev, previous.logical_date), facts)
        return len(facts)

    def _write(self, decision: RunDecision) -> int | None:
        rev = scheduling.apply_decision(self._tx, self._epoch, decision)
        if rev is None:
            self._result.refused.append(decision.run_pk)
        return rev
