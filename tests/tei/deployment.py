"""A control plane inside a test: store, API on a loopback port and dispatcher are real, every other step is asked for.

Nothing happens by itself, so that a dump of the tables before and after a call shows exactly what the call did.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import secrets
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select
from websockets.asyncio.client import ClientConnection, connect

from tradewind.server.api.app import create_app
from tradewind.server.api.execution.calls import Handler
from tradewind.server.api.execution.table import HANDLERS
from tradewind.server.api.logs import LogStore
from tradewind.server.api.server import bind, serving
from tradewind.server.api.services import Services, SessionLimits
from tradewind.server.auth.keys import load_keys
from tradewind.server.auth.tokens import KeySet, TokenSigner
from tradewind.server.contract import (
    VERSION,
    ActivityKind,
    Delivery,
    FileParsed,
    Grants,
    Hello,
    Isolation,
    OnCut,
    OutcomeReceipt,
    SerializedDag,
    SerializedTask,
    TriggerRule,
    Welcome,
    decode,
    encode,
)
from tradewind.server.dispatcher import Dispatcher
from tradewind.server.domain.versions import code_id
from tradewind.server.executors.worker_session import WorkerSessionExecutor
from tradewind.server.scheduler.run_pass import RunMemory, RunPass
from tradewind.server.secrets.cipher import Cipher
from tradewind.server.settings import ApiSettings, SecuritySettings, Settings
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
)
from tradewind.server.store.handouts import ClaimRequest, Handout
from tradewind.server.store.tables import metadata

BUNDLE = "dags"
BROKER = "broker"
"""Executor of the DAGs made here: it hands out tickets, so that a test decides who starts what."""
MAX_BODY = 64 << 10
MAX_FRAME = 32 << 10


@dataclass(frozen=True)
class Started:
    """An activity that a worker has: its dispatch and its execution token."""

    delivery: Delivery
    handout: Handout

    @property
    def dispatch_id(self) -> str:
        return self.delivery.dispatch_id

    @property
    def token(self) -> str:
        return self.delivery.token


@dataclass
class Deployment:
    """See the module."""

    services: Services
    keys: KeySet
    port: int
    http: httpx.AsyncClient
    now: list[datetime]
    tokens: dict[str, str] = field(default_factory=dict)
    file_digests: dict[str, str] = field(default_factory=dict)

    @property
    def store(self) -> Store:
        return self.services.store

    async def credential(self, name: str, role: Any) -> str:
        """A credential; the same one when it is asked for again."""
        if name not in self.tokens:
            self.tokens[name] = await self.store.write(lambda tx: credentials.create_credential(tx, name, role))
        return self.tokens[name]

    async def publish(self, dag: SerializedDag) -> str:
        """Make a DAG known, as its file's parse would; the digest of the snapshot."""
        file = f"{dag.dag_id}.py"
        content = f"# tradewind dag {dag.dag_id} {secrets.token_hex(4)}\n".encode()
        digest = hashlib.sha256(content).hexdigest()

        def put(tx: Transaction) -> str:
            snapshot = bundles.put_snapshot(tx, BUNDLE, {file: (digest, len(content))}, {digest: content})
            dags.request_parse(tx, BUNDLE, snapshot, file, 30.0, executor=BROKER)
            return snapshot

        snapshot = await self.store.write(put)
        self.file_digests[snapshot] = digest
        parse = await self.start(ActivityKind.PARSE_DAG_FILE)
        files = {file: digest}
        outcome = FileParsed(
            ended_at=datetime.now(UTC), duration_seconds=0.1, code_id=code_id(files), files_read=files, dags=[dag]
        )
        receipt = await self.store.write(lambda tx: dispatches.finish(tx, parse.dispatch_id, outcome))
        assert isinstance(receipt, OutcomeReceipt)
        return snapshot

    async def ask_for_parse(self, snapshot: str, file: str) -> None:
        """Have a file parsed again."""
        await self.store.write(lambda tx: dags.request_parse(tx, BUNDLE, snapshot, file, 30.0, executor=BROKER))

    async def trigger(self, dag_id: str, **options: Any) -> str:
        """A run whose first tasks are scheduled; its id."""
        run = await self.store.write(lambda tx: runs.create_run(tx, dag_id, **options))
        await self.schedule()
        return run.run_id

    async def schedule(self) -> None:
        """Decide everything that can be decided now."""

        def decide(tx: Transaction) -> bool:
            epoch = scheduling.take_leadership(tx, "test", 60)
            assert epoch is not None
            return RunPass(RunMemory(), tx, epoch).run().more

        while await self.store.write(decide):
            pass

    async def claim(self, kind: ActivityKind) -> tuple[Handout, str]:
        """Hand one activity to the broker; the handout and its ticket."""
        ticket = secrets.token_urlsafe(32)
        hashed = hashlib.sha256(ticket.encode()).hexdigest()

        def take(tx: Transaction) -> Handout:
            (handout,) = dispatches.claim(tx, [ClaimRequest(kind=kind, executor=BROKER, limit=1)])
            dispatches.set_tickets(tx, {handout.dispatch_id: hashed})
            return handout

        return await self.store.write(take), ticket

    async def start(self, kind: ActivityKind = ActivityKind.EXECUTE_TASK, worker: str = "starter") -> Started:
        """Have a worker start one activity over HTTP, by its ticket."""
        handout, ticket = await self.claim(kind)
        answer = await self.call(
            "POST", f"/execution/dispatches/{handout.dispatch_id}/start", await self.credential(worker, "worker"),
            start_request(ticket),
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        return Started(decode(Delivery, answer.content), handout)

    async def call(self, method: str, path: str, token: str | None = None, body: Any = None) -> httpx.Response:
        """A request; the body is sent as JSON unless it is bytes."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        return await self.http.request(method, path, headers=headers, content=content)

    async def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table but the audit trail."""

        def read(tx: Transaction) -> dict[str, list[tuple[Any, ...]]]:
            tables = [table for table in metadata.sorted_tables if table.name != "audit"]
            return {
                table.name: sorted((tuple(row) for row in tx.rows(select(table), {})), key=repr) for table in tables
            }

        return await self.store.read(read)

    @contextlib.contextmanager
    def clock_ahead(self, by: timedelta) -> Iterator[None]:
        """Let tokens be judged at a later moment."""
        before = self.now[0]
        self.now[0] = before + by
        try:
            yield
        finally:
            self.now[0] = before

    @contextlib.asynccontextmanager
    async def session(self, worker: str = "starter", **hello: Any) -> AsyncIterator[tuple[ClientConnection, Welcome]]:
        """An open worker session."""
        token = await self.credential(worker, "worker")
        async with connect(
            self.session_url, additional_headers={"Authorization": f"Bearer {token}"}, max_size=None
        ) as websocket:
            await websocket.send(encode(make_hello(**hello)).decode())
            welcome = decode(Welcome, await websocket.recv())
            yield websocket, welcome

    @property
    def session_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/execution/session"


@contextlib.asynccontextmanager
async def deployed(
    directory: Path,
    *,
    url: str | None = None,
    handlers: Mapping[str, Handler] = HANDLERS,
    grants: Any = "audit",
    session_limits: SessionLimits | None = None,
    dispatching: bool = False,
    **workers: Any,
) -> AsyncIterator[Deployment]:
    """A deployment in a directory of its own.

    Args:
        directory: its home.
        url: of the database; SQLite in the home when absent.
        handlers: operation to handler.
        grants: setting `security.grants`.
        session_limits: bounds of worker connections.
        dispatching: whether the dispatcher hands work out by itself.
        workers: settings of the section `workers`.
    """
    api = ApiSettings(port=0, max_body_bytes=MAX_BODY, max_frame_bytes=MAX_FRAME)
    settings = Settings.model_validate(
        {"home": directory, "api": api, "security": SecuritySettings(grants=grants), "workers": workers}
    )
    options = StoreOptions.from_settings(settings)
    store = await asyncio.to_thread(
        Store.open, url or settings.database_url, cipher=Cipher.open(settings.key_file), options=options, migrate=True
    )
    try:
        keys = await store.write(load_keys)
        signer = TokenSigner(keys, lifetime_seconds=settings.security.token_lifetime_seconds)
        executor = WorkerSessionExecutor()
        dispatcher = Dispatcher(store=store, executors=[executor], minter=signer, settings=settings)
        now = [datetime.now(UTC)]
        services = Services(
            store=store,
            settings=settings,
            signer=signer,
            executor=executor,
            dispatcher=dispatcher,
            logs=LogStore(settings.logs_directory),
            clock=lambda: now[0],
            session_limits=session_limits or SessionLimits(),
        )
        listener = bind(api)
        port = listener.getsockname()[1]
        async with (
            _dispatching(dispatcher) if dispatching else contextlib.nullcontext(),
            serving(create_app(services, handlers), listener, api),
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http,
        ):
            yield Deployment(services, keys, port, http, now)
    finally:
        await asyncio.to_thread(store.close)


@contextlib.asynccontextmanager
async def _dispatching(dispatcher: Dispatcher) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(dispatcher.run(stop))
    try:
        yield
    finally:
        stop.set()
        await task


def make_dag(
    dag_id: str,
    tasks: Mapping[str, Sequence[str]],
    grants: Grants | None = None,
    *,
    executor: str | None = BROKER,
    retries: int = 0,
) -> SerializedDag:
    """A DAG of the given tasks, each with those that it waits for."""
    return SerializedDag(
        dag_id=dag_id,
        tags=["test"],
        max_active_runs=16,
        grants=grants,
        tasks=[
            SerializedTask(
                task_id=task_id,
                operator="PythonOperator",
                operator_module="tradewind.sdk.standard.operators.python",
                upstream=sorted(upstream),
                trigger_rule=TriggerRule.ALL_SUCCESS,
                retries=retries,
                retry_delay_seconds=0,
                queue="default",
                executor=executor,
                isolation=Isolation.FORK,
                on_cut=OnCut.CONTINUE,
                owner="test",
            )
            for task_id, upstream in tasks.items()
        ],
    )


def make_hello(**changes: Any) -> Hello:
    """A worker's first frame, with changes."""
    return Hello(
        **{
            "api_version": VERSION,
            "sdk_version": "0.1.0",
            "language": "python",
            "instance_id": str(uuid.uuid4()),
            "hostname": "host",
            "pid": 7,
            "queues": ["default"],
            "capacity": {"execute_task": 4, "parse_dag_file": 2},
            "live": [],
            "spooled": [],
            "ended_instances": [],
            **changes,
        }
    )


def start_request(ticket: str, nonce: str = "n" * 32, **changes: Any) -> dict[str, Any]:
    """Body of `start_activity`."""
    return {
        "ticket": ticket,
        "nonce": nonce,
        "instance_id": str(uuid.uuid5(uuid.NAMESPACE_OID, nonce)),
        "hostname": "host",
        "pid": 7,
        "sdk_version": "0.1.0",
        "language": "python",
        **changes,
    }


def started_now() -> dict[str, Any]:
    """Body of `report_started`."""
    return {"hostname": "host", "unixname": "me", "pid": 8, "started_at": datetime.now(UTC).isoformat()}


def succeeded_now(**xcoms: Any) -> dict[str, Any]:
    """Body of `finish` for a task that succeeded."""
    now = datetime.now(UTC).isoformat()
    entries = [{"key": key, "value": value} for key, value in xcoms.items()]
    return {"outcome": "success", "started_at": now, "ended_at": now, "xcoms": entries}
