"""What must hold after every step, and of everything that was recorded."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import text

from tests.journal.checker import faults
from tests.journal.records import HELD, read_journal
from tests.journal.samples import Sample
from tests.journal.states import final_states
from tests.journal.waiting import unexplained
from tests.properties.deployment.machine import Machine
from tests.properties.deployment.processes import ControlProcess, Refusal
from tradewind.server.contract import TASK_INSTANCE_FINAL, ProblemReason, to_plain
from tradewind.server.domain.reasons import explain
from tradewind.server.domain.refusals import Refused
from tradewind.server.scheduler.run_pass import RunMemory, RunPass
from tradewind.server.store import Transaction, runs
from tradewind.server.store.views import instance_views

Rows = list[Any]
STEPS_BETWEEN_JOURNALS = 25
STEPS_BETWEEN_PASSES = 12
QUERIES = {
    "leader": "SELECT holder, epoch FROM leader",
    "runs": "SELECT pk, rev, state, dirty_at FROM dag_run",
    "instances": "SELECT pk, rev, run_pk, dag_id, task_id, state, dispatch_id, stopping_dispatch_id, try_number,"
    " failures, lost, retry_at FROM task_instance",
    "sessions": "SELECT session_id, connection_epoch FROM worker_session",
    "active": "SELECT d.dispatch_id, d.instance_pk, d.ended_at, t.pool, t.pool_slots, t.dag_id, t.run_pk, t.task_id,"
    " t.max_active_tis_per_dag, t.max_active_tis_per_dagrun FROM dispatch d JOIN task_instance t"
    " ON t.pk = d.instance_pk WHERE d.gone_at IS NULL",
    "pools": "SELECT name, slots FROM pool",
    "dags": "SELECT dag_id, max_active_runs, max_active_tasks FROM dag",
}


class RolledBack(Refused):
    """Ends a transaction that must leave nothing behind."""

    def __init__(self) -> None:
        super().__init__(ProblemReason.CONFLICT, "it was only a question")


class Watch:
    """Looks at a machine after each of its steps.

    Attributes:
        samples: looks at what is counted up, for the checker of journals.
        nothing_left: whether all runs have ended, and every process of theirs is known to be gone.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.samples: list[Sample] = []
        self.nothing_left = False
        self._use: Counter[Any] = Counter()
        self._ended: dict[int, tuple[int, str]] = {}
        self._steps = 0

    async def look(self, *, closely: bool = False) -> None:
        """Raise an AssertionError for whatever is wrong."""
        rows = self.machine.bench.read(QUERIES)
        self._sample(rows)
        problems = [*self._gone_back(), *_wrong_live(rows), *self._beyond_limits(rows), *self._changed_ends(rows)]
        problems += [problem for process in self.machine.processes for problem in process.problems]
        assert not problems, problems
        left = [*rows["active"], *(run for run in rows["runs"] if run.state not in final_states("dag_run"))]
        self.nothing_left = not left
        self._steps += 1
        if closely or self._steps % STEPS_BETWEEN_PASSES == 0:
            await self._compare_memories(rows)
        if closely or self._steps % STEPS_BETWEEN_JOURNALS == 0:
            await self.look_back()

    async def look_back(self) -> None:
        """Check all that was recorded, and that everything that is not final says why."""
        machine = self.machine
        journal = read_journal(
            machine.bench.url,
            executions=machine.user_code.seen(),
            receipts=[one for worker in machine.workers for one in worker.receipts],
            samples=self.samples,
            witnessed=tuple(machine.shapes),
        )
        # The DAGs were parsed before anything else: no task instance has these dispatches.
        parses = {row["dispatch_id"] for row in journal.dispatches if row["kind"] != "execute_task"}
        journal.dispatches[:] = [row for row in journal.dispatches if row["dispatch_id"] not in parses]
        problems = [*faults(journal), *unexplained(await self.explained())]
        assert not problems, problems

    async def explained(self) -> list[dict[str, Any]]:
        """Task instances that are not final, with their reasons, as the public API tells them."""

        def query(tx: Transaction) -> list[dict[str, Any]]:
            pks = [row.pk for row in tx.rows(text("SELECT pk FROM task_instance ORDER BY pk"))]
            rows = [row for row in runs.instances_by_pk(tx, pks) if row.state not in TASK_INSTANCE_FINAL]
            views = instance_views(tx, rows)
            return [
                {
                    "task_id": f"{row.dag_id}.{row.run_id}.{row.task_id}",
                    "run": (row.dag_id, row.run_id),
                    "state": row.state.value,
                    "reason": to_plain(explain(views[row.pk])),
                }
                for row in rows
            ]

        return await self.machine.processes[0].store.read(query)

    def _sample(self, rows: Mapping[str, Rows]) -> None:
        counters = {("runs", str(row.pk)): row.rev for row in rows["runs"]}
        counters |= {("instances", str(row.pk)): row.rev for row in rows["instances"]}
        counters |= {("sessions", row.session_id): row.connection_epoch for row in rows["sessions"]}
        leader = next(((row.holder, row.epoch) for row in rows["leader"]), None)
        self.samples.append(Sample(leader=leader, counters=counters))

    def _gone_back(self) -> Iterator[str]:
        """What is counted up must not go back: the last two looks, since all before were compared already."""
        if len(self.samples) < 2:
            return
        before, now = self.samples[-2:]
        yield from (f"{key} is gone" for key in before.counters.keys() - now.counters.keys())
        yield from (
            f"{key} went back from {before.counters[key]} to {count}"
            for key, count in now.counters.items()
            if count < before.counters.get(key, count)
        )
        if before.leader is not None and now.leader is not None and now.leader[1] < before.leader[1]:
            yield f"the epoch of the leader went back from {before.leader} to {now.leader}"

    def _beyond_limits(self, rows: Mapping[str, Rows]) -> Iterator[str]:
        """Nothing is used more than before where its limit is exceeded; a limit itself may become lower."""
        use, limits = _in_use(rows)
        for key, number in use.items():
            limit = limits.get(key)
            if limit is not None and number > max(limit, self._use[key]):
                yield f"{key}: {number} in use, {self._use[key]} before, the limit is {limit}"
        self._use = use

    def _changed_ends(self, rows: Mapping[str, Rows]) -> Iterator[str]:
        """What is final stays as it is but for people, whose changes begin with a clear or a mark."""
        final = final_states("task_instance")
        changed = self.machine.people.changed
        for row in rows["instances"]:
            known = self._ended.get(row.pk)
            if known is not None and known != (row.rev, row.state) and not changed:
                yield f"{row.dag_id} {row.task_id} was final as {known} and is {row.state}"
            if row.state in final:
                self._ended[row.pk] = (row.rev, row.state)
            else:
                self._ended.pop(row.pk, None)

    async def _compare_memories(self, rows: Mapping[str, Rows]) -> None:
        """What a leader decides from its memory is what it would decide from the rows alone."""
        epochs = {row.epoch for row in rows["leader"]}
        for process in self.machine.processes:
            if process.scheduler._epoch in epochs and process.scheduler._epoch == process.scheduler._decider._epoch:
                remembered = copy_of(process.scheduler._decider._memory)
                fresh = RunMemory()
                fresh.seen_until = remembered.seen_until
                by_memory, by_rows = await _outlook(process, remembered), await _outlook(process, fresh)
                differ = [pair for pair in zip(by_memory, by_rows, strict=True) if pair[0] != pair[1]]
                assert not differ, f"{process.name} remembers something else than the rows say: {differ}"


def copy_of(memory: RunMemory) -> RunMemory:
    """A memory of its own; graphs are shared, since nothing changes them."""
    copied = RunMemory()
    copied.seen_until = memory.seen_until
    copied._graphs = memory._graphs
    shared = {id(graph): graph for graph, _ in memory._graphs._entries.values()}
    for pk, (projection, _) in memory._projections._entries.items():
        shared |= {id(projection.graph): projection.graph}
        copied._projections.put(pk, copy.deepcopy(projection, dict(shared)))
    return copied


async def _outlook(process: ControlProcess, memory: RunMemory) -> list[tuple[Any, ...]]:
    """What would become of all runs and task instances, without that it happens."""
    found: list[tuple[Any, ...]] = []
    epoch = process.scheduler._epoch
    assert epoch is not None

    def job(tx: Transaction) -> None:
        found.clear()
        result = RunPass(memory, tx, epoch).run()
        found.append((sorted(result.refused), sorted(result.faulty), result.due_in))
        for outlook in _OUTLOOKS:
            found.extend(tuple(row) for row in tx.rows(text(outlook)))
        raise RolledBack

    fault, process.database.fault = process.database.fault, None
    assert isinstance(await process.write(job), Refusal)
    process.database.fault = fault
    return found


_OUTLOOKS = (
    # Who reads all rows of a run wakes those that wait for it, which raises their revisions and nothing else.
    "SELECT pk, state FROM dag_run ORDER BY pk",
    "SELECT pk, rev, state FROM task_instance ORDER BY pk",
)


def _wrong_live(rows: Mapping[str, Rows]) -> Iterator[str]:
    """A task instance that is handed out has one dispatch that may act, no other has one, and no run is left alone."""
    live = {row.instance_pk: row.dispatch_id for row in rows["active"] if row.ended_at is None}
    stopping = {row.instance_pk: row.dispatch_id for row in rows["active"] if row.ended_at is not None}
    left: Counter[int] = Counter()
    for row in rows["instances"]:
        name = f"{row.dag_id} run {row.run_pk} {row.task_id}"
        if row.state in HELD and row.dispatch_id != live.get(row.pk):
            yield f"{name} is {row.state} by {row.dispatch_id}, its live dispatch is {live.get(row.pk)}"
        if row.state not in HELD and row.pk in live:
            yield f"{name} is {row.state}, its dispatch {live[row.pk]} is live"
        if row.stopping_dispatch_id != stopping.get(row.pk):
            yield f"{name} waits for {row.stopping_dispatch_id}, {stopping.get(row.pk)} may have a process"
        if row.state == "up_for_retry" and row.retry_at is None:
            yield f"{name} waits for a retry that is never due"
        left[row.run_pk] += row.state not in final_states("task_instance")
    for run in rows["runs"]:
        if run.state == "running" and run.dirty_at is None and not left[run.pk]:
            yield f"run {run.pk} is running, nothing of it is left, and nobody looks at it"
        if run.state in final_states("dag_run") and left[run.pk]:
            yield f"run {run.pk} is {run.state}, and {left[run.pk]} of its task instances are not final"


def _in_use(rows: Mapping[str, Rows]) -> tuple[Counter[Any], dict[Any, int]]:
    """What is in use, and how much of it may be."""
    use: Counter[Any] = Counter()
    limits: dict[Any, int] = {("pool", row.name): row.slots for row in rows["pools"] if row.slots >= 0}
    tasks = {row.dag_id: row.max_active_tasks for row in rows["dags"]}
    for row in rows["active"]:
        use["pool", row.pool] += row.pool_slots
        for key, limit in _limits_of(row, tasks):
            use[key] += 1
            if limit is not None:
                limits[key] = limit
    return use, limits


def _limits_of(row: Any, tasks: Mapping[str, int | None]) -> Iterable[tuple[Any, int | None]]:
    return (
        (("run", row.run_pk), tasks[row.dag_id]),
        (("task of DAG", row.dag_id, row.task_id), row.max_active_tis_per_dag),
        (("task of run", row.run_pk, row.task_id), row.max_active_tis_per_dagrun),
    )
