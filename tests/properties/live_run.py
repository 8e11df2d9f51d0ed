"""One run in a real store, driven step by step: the scheduler's passes, and what workers do to it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from tests.properties.run_model import TaskModel
from tradewind.server.contract import (
    DAG_RUN_FINAL,
    ActivityKind,
    FileParsed,
    Isolation,
    OnCut,
    Outcome,
    ProblemReason,
    SerializedDag,
    SerializedTask,
    Started,
    TaskError,
    TaskFailed,
    TaskSkipped,
    TaskSucceeded,
)
from tradewind.server.domain.refusals import Refused
from tradewind.server.domain.versions import code_id
from tradewind.server.scheduler.run_pass import RunMemory, RunPass
from tradewind.server.store import Store, Transaction, bundles, dags, dispatches, runs, scheduling
from tradewind.server.store.handouts import ClaimRequest, LossCause
from tradewind.server.store.rows import EventRow, InstanceRow

T = TypeVar("T")
BROKER = "broker"
CONTENT = b"from tradewind.sdk import DAG\n"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class RolledBack(Exception):
    """Raised inside a job, so that its transaction is undone."""


class LiveRun:
    """A run of a DAG that was declared for it alone."""

    def __init__(self, store: Store, dag_id: str, tasks: Sequence[TaskModel], *, fail_fast: bool = False) -> None:
        self.store = store
        self.dag_id = dag_id
        self.memory = RunMemory()
        self.dispatches: dict[str, str] = {}  # task to live dispatch
        self._declare(tasks, fail_fast=fail_fast)
        self.pk = self.write(lambda tx: runs.create_run(tx, dag_id, run_id="r")).pk
        epoch = self.write(lambda tx: scheduling.take_leadership(tx, "test", 3600))
        assert epoch is not None
        self.epoch = epoch

    def write(self, job: Callable[[Transaction], T]) -> T:
        return asyncio.run(self.store.write(job))

    def read(self, query: Callable[[Transaction], T]) -> T:
        return asyncio.run(self.store.read(query))

    @property
    def ended(self) -> bool:
        return self.read(lambda tx: runs.get_run(tx, self.dag_id, "r")).state in DAG_RUN_FINAL

    def instances(self) -> dict[str, InstanceRow]:
        page = self.read(lambda tx: runs.list_instances(tx, self.pk, limit=1000))
        return {row.task_id: row for row in page.items}

    def events(self) -> list[EventRow]:
        return self.read(lambda tx: runs.list_events(tx, self.pk, limit=10_000))

    def decide(self) -> None:
        """One pass of a leader."""
        result = self.write(lambda tx: RunPass(self.memory, tx, self.epoch).run())
        assert not result.faulty
        assert not result.refused
        self.memory.keep(result)
        self._drop_stopped()

    def decide_in_vain(self) -> None:
        """A pass whose transaction is lost."""

        def job(tx: Transaction) -> None:
            RunPass(self.memory, tx, self.epoch).run()
            raise RolledBack

        try:
            self.write(job)
        except RolledBack:
            return

    def change_leader(self) -> None:
        """Another scheduler, which knows nothing, takes over."""
        self.memory = RunMemory()

    def claim(self) -> None:
        request = ClaimRequest(kind=ActivityKind.EXECUTE_TASK, executor=BROKER, limit=1)
        for handout in self.write(lambda tx: dispatches.claim(tx, [request])):
            assert handout.activity.kind == "execute_task"
            task_id = handout.activity.task_try.task_id
            assert task_id not in self.dispatches, "a task instance has one live dispatch"
            self.dispatches[task_id] = handout.dispatch_id

    def start(self, task_id: str) -> None:
        dispatch_id = self.dispatches[task_id]
        started = Started(hostname="host", pid=1, started_at=NOW)
        self.write(lambda tx: dispatches.report_started(tx, dispatch_id, started))

    def finish(self, task_id: str, outcome: Outcome) -> None:
        dispatch_id = self.dispatches.pop(task_id)
        self.write(lambda tx: dispatches.finish(tx, dispatch_id, outcome))

    def lose(self, task_id: str) -> None:
        dispatch_id = self.dispatches.pop(task_id)
        assert self.write(lambda tx: dispatches.lose(tx, [dispatch_id], LossCause.WORKER_SILENT)) == [dispatch_id]

    def clear(self, task_ids: Sequence[str]) -> None:
        """Somebody clears tasks; refused while the run is ending."""
        clearing = runs.Clearing(dag_id=self.dag_id, run_id="r", tasks=dict.fromkeys(task_ids))
        try:
            self.write(lambda tx: runs.clear(tx, clearing, user="u"))
        except Refused as refusal:
            if refusal.reason is not ProblemReason.CONFLICT:
                raise
        self._drop_stopped()

    def cancel(self) -> None:
        self.write(lambda tx: runs.cancel_run(tx, self.dag_id, "r", user="u"))

    def _drop_stopped(self) -> None:
        """Forget the dispatches that were stopped: they may not report any more."""
        live = {row.dispatch_id for row in self.instances().values()}
        self.dispatches = {task: dispatch for task, dispatch in self.dispatches.items() if dispatch in live}

    def _declare(self, tasks: Sequence[TaskModel], *, fail_fast: bool) -> None:
        file = f"{self.dag_id}.py"
        read = {file: hashlib.sha256(CONTENT).hexdigest()}
        dag = SerializedDag(
            dag_id=self.dag_id,
            tags=[],
            max_active_runs=16,
            tasks=[_serialized(task) for task in tasks],
            fail_fast=fail_fast,
        )
        parsed = FileParsed(ended_at=NOW, duration_seconds=0.0, code_id=code_id(read), files_read=read, dags=[dag])

        def ask(tx: Transaction) -> None:
            snapshot = bundles.put_snapshot(tx, "dags", {file: (read[file], len(CONTENT))}, {read[file]: CONTENT})
            dags.request_parse(tx, "dags", snapshot, file, 30.0, executor=BROKER)

        def report(tx: Transaction) -> None:
            request = ClaimRequest(kind=ActivityKind.PARSE_DAG_FILE, executor=BROKER, limit=1)
            (handout,) = dispatches.claim(tx, [request])
            dispatches.finish(tx, handout.dispatch_id, parsed)

        self.write(ask)
        self.write(report)


def outcome_of(event: str, skips: Sequence[str] = ()) -> Outcome:
    """The outcome that a worker reports."""
    if event == "succeed":
        return TaskSucceeded(started_at=NOW, ended_at=NOW, xcoms=[], skips=list(skips) or None)
    if event == "skip":
        return TaskSkipped(started_at=NOW, ended_at=NOW)
    error = TaskError(type="ValueError", message="no", retryable=event == "fail")
    return TaskFailed(ended_at=NOW, error=error)


def _serialized(task: TaskModel) -> SerializedTask:
    return SerializedTask(
        task_id=task.task_id,
        operator="EmptyOperator",
        operator_module="tradewind.sdk.standard.operators.empty",
        upstream=sorted(task.upstream),
        trigger_rule=task.traits.trigger_rule,
        is_setup=task.traits.is_setup,
        is_teardown=task.traits.is_teardown,
        on_failure_fail_dagrun=task.traits.on_failure_fail_dagrun,
        depends_on_past=task.traits.depends_on_past,
        wait_for_downstream=task.traits.wait_for_downstream,
        retries=task.retries,
        retry_delay_seconds=0.0,
        queue="default",
        executor=BROKER,
        isolation=Isolation.FORK,
        on_cut=OnCut.CONTINUE,
        owner="tradewind",
    )
