"""A store with ready tasks, a dispatcher, and workers played by the test."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tradewind.server.auth.tokens import KeySet, TokenSigner
from tradewind.server.contract import (
    VERSION,
    ActivityKind,
    Cancel,
    DagRunEvent,
    DagRunState,
    Deliver,
    Delivery,
    FileParsed,
    Grants,
    Hello,
    Isolation,
    OnCut,
    SerializedDag,
    SerializedTask,
    ServerFrame,
    TaskInstanceEvent,
    TaskInstanceState,
    TriggerRule,
    encode,
)
from tradewind.server.dispatcher import Dispatcher
from tradewind.server.domain.decisions import InstanceMove, RunDecision
from tradewind.server.domain.states import next_state
from tradewind.server.domain.versions import code_id
from tradewind.server.executors.protocol import Executor
from tradewind.server.executors.worker_session import SessionClosed, WorkerSessionExecutor
from tradewind.server.settings import Settings, load_settings
from tradewind.server.store import (
    Store,
    StoreOptions,
    Transaction,
    bundles,
    credentials,
    dags,
    dispatches,
    runs,
    scheduling,
    sessions,
)
from tradewind.server.store.handouts import ClaimRequest, Handout, WorkerBinding
from tradewind.server.store.rows import InstanceRow

T = TypeVar("T")
CONTENT = b"from tradewind.sdk import DAG\n"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
CAPACITY = {"execute_task": 2, "parse_dag_file": 1}


def serialized(
    task_id: str, *, executor: str | None = None, queue: str = "default", grants: Grants | None = None
) -> SerializedTask:
    return SerializedTask(
        task_id=task_id,
        operator="EmptyOperator",
        operator_module="tradewind.sdk.standard.operators.empty",
        upstream=[],
        trigger_rule=TriggerRule.ALL_SUCCESS,
        retries=0,
        retry_delay_seconds=0.0,
        queue=queue,
        executor=executor,
        isolation=Isolation.FORK,
        on_cut=OnCut.CONTINUE,
        owner="tradewind",
        grants=grants,
    )


def _signer() -> TokenSigner:
    key = Ed25519PrivateKey.generate()
    return TokenSigner(KeySet("k", key, {"k": key.public_key()}), lifetime_seconds=600)


@dataclass(eq=False)
class Worker:
    """A connected worker: keeps what it is sent, and wakes who waits for that."""

    identity: WorkerBinding
    queues: frozenset[str]
    redeliver: list[Handout]
    frames: list[ServerFrame] = field(default_factory=list)
    closed: bool = False
    refused: int = 0
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def send(self, frame: ServerFrame) -> None:
        self._arrived.set()
        if self.closed:
            self.refused += 1
            raise SessionClosed("connection lost")
        # A connection writes what it sends; what cannot be written is not sent.
        encode(frame)
        self.frames.append(frame)

    @property
    def deliveries(self) -> list[Delivery]:
        return [frame.delivery for frame in self.frames if isinstance(frame, Deliver)]

    @property
    def cancelled(self) -> list[str]:
        return [frame.dispatch_id for frame in self.frames if isinstance(frame, Cancel)]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                self._arrived.clear()
                await self._arrived.wait()

    async def delivered(self, count: int = 1) -> list[Delivery]:
        await self.until(lambda: len(self.deliveries) >= count)
        return self.deliveries


@dataclass
class World:
    """A store with one bundle, a session executor, and what tests do to them."""

    store: Store
    settings: Settings
    executor: WorkerSessionExecutor = field(default_factory=WorkerSessionExecutor)
    signer: TokenSigner = field(default_factory=_signer)
    instance_id: str = field(default_factory=lambda: str(uuid4()))

    async def connect(
        self,
        *,
        queues: Sequence[str] = ("default",),
        capacity: dict[str, int] | None = None,
        live: Sequence[str] = (),
        instance_id: str | None = None,
    ) -> Worker:
        """Say hello as a worker and join the executor, as the API does it."""
        hello = Hello(
            api_version=VERSION,
            sdk_version="1",
            language="python",
            instance_id=instance_id or self.instance_id,
            hostname="host",
            pid=1,
            queues=list(queues),
            capacity=CAPACITY if capacity is None else capacity,
            live=list(live),
            spooled=[],
            ended_instances=[],
        )

        def job(tx: Transaction) -> Worker:
            credential = credentials.ensure_credential(tx, "w", "worker", credentials.hash_token("tw_test"))
            opened = sessions.open_session(tx, credential, hello)
            return Worker(opened.binding, frozenset(queues), list(opened.redeliver))

        worker = await self.store.write(job)
        self.executor.connect(worker, hello.capacity, dict.fromkeys(live, ActivityKind.EXECUTE_TASK))
        return worker

    async def declare(self, dag_id: str, tasks: Sequence[SerializedTask]) -> None:
        """Make a DAG known as a parse of its file does."""
        dag = SerializedDag(dag_id=dag_id, tags=[], max_active_runs=16, tasks=list(tasks))
        read = {f"{dag_id}.py": hashlib.sha256(CONTENT).hexdigest()}
        parsed = FileParsed(ended_at=NOW, duration_seconds=0.0, code_id=code_id(read), files_read=read, dags=[dag])
        await self.ask_for_parse(f"{dag_id}.py", executor="declaring")

        def job(tx: Transaction) -> None:
            request = ClaimRequest(kind=ActivityKind.PARSE_DAG_FILE, executor="declaring", limit=1)
            (handout,) = dispatches.claim(tx, [request])
            dispatches.finish(tx, handout.dispatch_id, parsed)

        await self.store.write(job)

    async def ask_for_parse(self, file: str, *, executor: str = "worker_session") -> str:
        digest = hashlib.sha256(CONTENT).hexdigest()

        def job(tx: Transaction) -> str:
            snapshot = bundles.put_snapshot(tx, "dags", {file: (digest, len(CONTENT))}, {digest: CONTENT})
            return dags.request_parse(tx, "dags", snapshot, file, 30.0, executor=executor)

        return await self.store.write(job)

    async def make_ready(self, dag_id: str, run_id: str = "r", *, silently: bool = False) -> int:
        """Start a run and schedule all of its tasks, as a scheduler does; silently when the hints get lost."""

        def job(tx: Transaction) -> int:
            run = runs.create_run(tx, dag_id, run_id=run_id)
            epoch = scheduling.take_leadership(tx, "test", 60)
            assert epoch is not None
            ready = TaskInstanceEvent.READY
            moves = tuple(
                InstanceMove(fact.pk, fact.rev, ready, fact.state, next_state("task_instance", fact.state, ready))
                for fact in scheduling.run_instances(tx, run.pk, 0)
            )
            start = _start(run.pk, run.rev, moves)
            assert scheduling.apply_decision(tx, epoch, start) is not None
            if silently:
                tx.topics.clear()
            return run.pk

        return await self.store.write(job)

    async def instance(self, dag_id: str, task_id: str, run_id: str = "r") -> InstanceRow:
        return await self.store.read(lambda tx: runs.get_instance(tx, dag_id, run_id, task_id))

    async def until_instance(self, dag_id: str, task_id: str, condition: Callable[[InstanceRow], bool]) -> InstanceRow:
        """Wait until a task instance is so, asked after every loss and every new work."""
        changed = asyncio.Event()
        subscriptions = [self.store.hints.subscribe(topic) for topic in ("ready", "ended", "runs")]

        async def listen(number: int) -> None:
            while True:
                await subscriptions[number].wait()
                changed.set()

        listeners = [asyncio.create_task(listen(number)) for number in range(len(subscriptions))]
        try:
            async with asyncio.timeout(30):
                while not condition(instance := await self.instance(dag_id, task_id)):
                    await changed.wait()
                    changed.clear()
                return instance
        finally:
            for listener in listeners:
                listener.cancel()
            for subscription in subscriptions:
                subscription.close()

    @asynccontextmanager
    async def dispatcher(self, *executors: Executor) -> AsyncIterator[Dispatcher]:
        """A dispatcher that works until the block ends, for the given executors or that of the worker sessions."""
        stop = asyncio.Event()
        dispatcher = Dispatcher(self.store, executors or [self.executor], self.signer, self.settings)
        running = asyncio.create_task(dispatcher.run(stop))
        try:
            yield dispatcher
        finally:
            stop.set()
            await running


def _start(run_pk: int, run_rev: int, moves: tuple[InstanceMove, ...]) -> RunDecision:
    return RunDecision(run_pk, run_rev, DagRunEvent.START, DagRunState.RUNNING, moves, None, complete=True)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    # The safety net is out of reach: everything has to work by hints alone.
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
    """A world whose database is a file beside the settings."""
    return World(open_store(sqlite_url), settings)


def play(scene: Coroutine[Any, Any, T]) -> T:
    """Run a test's coroutine with a limit on its time."""

    async def limited() -> T:
        async with asyncio.timeout(60):
            return await scene

    return asyncio.run(limited())


QUEUED, SCHEDULED = TaskInstanceState.QUEUED, TaskInstanceState.SCHEDULED
