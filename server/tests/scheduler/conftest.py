"""A control plane of a store and schedulers, with workers played by the test."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import text

from tradewind.server.contract import (
    ActivityKind,
    DagRunState,
    FileParsed,
    Isolation,
    OnCut,
    Outcome,
    SerializedDag,
    SerializedTask,
    TaskError,
    TaskFailed,
    TaskInstanceState,
    TaskSucceeded,
    TriggerRule,
)
from tradewind.server.domain.versions import code_id
from tradewind.server.scheduler import Scheduler
from tradewind.server.scheduler.run_pass import PassResult, RunMemory, RunPass
from tradewind.server.settings import Settings, load_settings
from tradewind.server.store import Store, StoreOptions, Transaction, bundles, dags, dispatches, runs
from tradewind.server.store.handouts import ClaimRequest, Handout

T = TypeVar("T")
BROKER = "shell"
"""Tasks of the tests are claimed as a broker does it: that needs no session."""

CONTENT = b"from tradewind.sdk import DAG\n"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def serialized(task_id: str, *upstream: str, retries: int = 0, retry_delay_seconds: float = 0.0) -> SerializedTask:
    return SerializedTask(
        task_id=task_id,
        operator="EmptyOperator",
        operator_module="tradewind.sdk.standard.operators.empty",
        upstream=sorted(upstream),
        trigger_rule=TriggerRule.ALL_SUCCESS,
        retries=retries,
        retry_delay_seconds=retry_delay_seconds,
        queue="default",
        executor=BROKER,
        isolation=Isolation.FORK,
        on_cut=OnCut.CONTINUE,
        owner="tradewind",
    )


def succeeded() -> Outcome:
    return TaskSucceeded(started_at=NOW, ended_at=NOW, xcoms=[])


def failed() -> Outcome:
    return TaskFailed(ended_at=NOW, error=TaskError(type="ValueError", message="no", retryable=True))


@dataclass
class World:
    """A store with one bundle, and what tests do to it."""

    store: Store
    settings: Settings
    handouts: dict[str, Handout] = field(default_factory=dict)

    async def declare(
        self, dag_id: str, tasks: Sequence[SerializedTask], *, max_active_runs: int = 16, **options: Any
    ) -> None:
        """Make a DAG known as a parse of its file does; options are further fields of the DAG."""
        dag = SerializedDag(dag_id=dag_id, tags=[], max_active_runs=max_active_runs, tasks=list(tasks), **options)
        file, digest = f"{dag_id}.py", hashlib.sha256(CONTENT).hexdigest()
        read = {file: digest}

        def ask(tx: Transaction) -> None:
            snapshot = bundles.put_snapshot(tx, "dags", {file: (digest, len(CONTENT))}, {digest: CONTENT})
            dags.request_parse(tx, "dags", snapshot, file, 30.0, executor=BROKER)

        def report(tx: Transaction) -> None:
            (handout,) = dispatches.claim(
                tx, [ClaimRequest(kind=ActivityKind.PARSE_DAG_FILE, executor=BROKER, limit=1)]
            )
            parsed = FileParsed(ended_at=NOW, duration_seconds=0.0, code_id=code_id(read), files_read=read, dags=[dag])
            dispatches.finish(tx, handout.dispatch_id, parsed)

        await self.store.write(ask)
        await self.store.write(report)

    async def trigger(self, dag_id: str, run_id: str = "r") -> int:
        return (await self.store.write(lambda tx: runs.create_run(tx, dag_id, run_id=run_id))).pk

    async def claim(self, limit: int = 100) -> list[str]:
        """Claim what is scheduled, as an executor does; returns the task ids."""
        request = ClaimRequest(kind=ActivityKind.EXECUTE_TASK, executor=BROKER, limit=limit)
        claimed = await self.store.write(lambda tx: dispatches.claim(tx, [request]))
        names = [handout.activity.task_try.task_id for handout in claimed if handout.activity.kind == "execute_task"]
        self.handouts.update(zip(names, claimed, strict=True))
        return names

    async def finish(self, task_id: str, outcome: Outcome | None = None) -> None:
        dispatch_id = self.handouts[task_id].dispatch_id
        await self.store.write(lambda tx: dispatches.finish(tx, dispatch_id, outcome or succeeded()))

    async def run_state(self, dag_id: str, run_id: str = "r") -> DagRunState:
        return (await self.store.read(lambda tx: runs.get_run(tx, dag_id, run_id))).state

    async def states(self, run_pk: int) -> dict[str, TaskInstanceState]:
        page = await self.store.read(lambda tx: runs.list_instances(tx, run_pk, limit=10_000))
        return {instance.task_id: instance.state for instance in page.items}

    async def until(self, question: Callable[[Transaction], bool]) -> None:
        """Wait until the answer is yes, asked after every hint that something changed."""
        subscriptions = [self.store.hints.subscribe(topic) for topic in ("runs", "run_states", "ready", "ended")]
        changed = asyncio.Event()

        async def listen(number: int) -> None:
            while True:
                await subscriptions[number].wait()
                changed.set()

        listeners = [asyncio.create_task(listen(number)) for number in range(len(subscriptions))]
        try:
            async with asyncio.timeout(30):
                while not await self.store.read(question):
                    await changed.wait()
                    changed.clear()
        finally:
            for listener in listeners:
                listener.cancel()
            for subscription in subscriptions:
                subscription.close()

    async def until_ready(self, *task_ids: str) -> None:
        """Wait until exactly these tasks of all runs are scheduled."""

        def question(tx: Transaction) -> bool:
            return set(task_ids) == {
                instance.task_id
                for run in runs.list_runs(tx, None).items
                for instance in runs.list_instances(
                    tx, run.pk, states=[TaskInstanceState.SCHEDULED], limit=10_000
                ).items
            }

        await self.until(question)

    async def until_run(self, state: DagRunState, dag_id: str, run_id: str = "r") -> None:
        await self.until(lambda tx: runs.get_run(tx, dag_id, run_id).state is state)

    @asynccontextmanager
    async def scheduler(self, name: str = "one", **options: Any) -> AsyncIterator[Scheduler]:
        """A scheduler that works until the block ends."""
        stop = asyncio.Event()
        scheduler = Scheduler(self.store, options.pop("settings", self.settings), name=name, **options)
        running = asyncio.create_task(scheduler.run(stop))
        try:
            yield scheduler
        finally:
            stop.set()
            await running


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    # The safety net is out of reach: everything has to work by hints and due times alone.
    return load_settings(tmp_path, {"TRADEWIND__SCHEDULER__POLL_SECONDS": "86400"})


@pytest.fixture
def store(database_url: str, open_store: Callable[..., Store], settings: Settings) -> Store:
    """A store on each kind of database, with the options of the settings."""
    return open_store(database_url, **asdict(StoreOptions.from_settings(settings)))


@pytest.fixture
def world(store: Store, settings: Settings) -> World:
    return World(store, settings)


@pytest.fixture
def sqlite_world(sqlite_url: str, open_store: Callable[..., Store], settings: Settings) -> World:
    """A world whose database counts its own instructions."""
    return World(open_store(sqlite_url), settings)


def play(scene: Coroutine[Any, Any, T]) -> T:
    """Run a test's coroutine with a limit on its time."""

    async def limited() -> T:
        async with asyncio.timeout(60):
            return await scene

    return asyncio.run(limited())


def one_pass(tx: Transaction, epoch: int, memory: RunMemory | None = None) -> PassResult:
    """One look at the dirty runs, by a leader that remembers nothing unless told."""
    return RunPass(memory or RunMemory(), tx, epoch).run()


def lose_instances(tx: Transaction, run_pk: int) -> None:
    """Damage a run as no code of ours does."""
    tx.change(text("DELETE FROM task_instance WHERE run_pk = :run"), {"run": run_pk})
