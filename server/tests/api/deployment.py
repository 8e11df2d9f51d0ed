"""The API on a store of its own, called in process. Nothing happens by itself: a test takes each step."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI

from tradewind.server.api.app import create_app
from tradewind.server.api.logs import LogStore
from tradewind.server.api.services import Services
from tradewind.server.auth.keys import load_keys
from tradewind.server.auth.tokens import TokenSigner
from tradewind.server.contract import (
    ActivityKind,
    DagImportError,
    ExecuteTask,
    FileParsed,
    Grants,
    Isolation,
    OnCut,
    Outcome,
    SerializedDag,
    SerializedTask,
    TaskSucceeded,
    TriggerRule,
)
from tradewind.server.dispatcher import Dispatcher
from tradewind.server.domain.versions import code_id
from tradewind.server.executors.worker_session import WorkerSessionExecutor
from tradewind.server.scheduler.run_pass import RunMemory, RunPass
from tradewind.server.secrets.cipher import Cipher
from tradewind.server.settings import Settings
from tradewind.server.store import Store, StoreOptions, Transaction, bundles, credentials, dags, dispatches, scheduling
from tradewind.server.store.handouts import ClaimRequest, Handout

BUNDLE = "dags"
EXECUTOR = "by_hand"


FILLING = "# words\n" * 40
"""Makes a DAG file larger than the names by which several are asked for."""


@dataclass(frozen=True)
class Reply:
    """An answer of the app."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


@dataclass
class Deployment:
    """See the module."""

    services: Services
    app: FastAPI
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def store(self) -> Store:
        return self.services.store

    async def credential(self, role: Any) -> str:
        """The credential of a role."""
        if role not in self.tokens:
            self.tokens[role] = await self.store.write(lambda tx: credentials.create_credential(tx, f"a-{role}", role))
        return self.tokens[role]

    async def call(self, method: str, path: str, body: Any = None, *, token: str | None = "", **headers: str) -> Reply:
        """A request, by an admin unless another token, or None for no token, is given."""
        if token == "":
            token = await self.credential("admin")
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        return await ask(self.app, method, path, content, sent)

    async def get(self, path: str, **options: Any) -> Any:
        """The JSON of an answer that must be 200."""
        reply = await self.call("GET", path, **options)
        assert reply.status == 200, reply.content
        return reply.json

    async def publish(
        self, dag_id: str, tasks: Mapping[str, Sequence[str]], *, grants: Grants | None = None, retries: int = 0
    ) -> None:
        """Make a DAG known, as the parse of its file does."""
        dag = SerializedDag(
            dag_id=dag_id,
            description=f"The DAG {dag_id}.",
            doc_md="# Words",
            tags=["test"],
            max_active_runs=1,
            grants=grants,
            tasks=[_task(task_id, upstream, retries) for task_id, upstream in tasks.items()],
        )
        await self.parsed(f"{dag_id}.py", [dag])

    async def parsed(self, file: str, found: list[SerializedDag], error: DagImportError | None = None) -> None:
        """Record what a parse found in a file."""
        content = f"# {file} {datetime.now(UTC)}\n{FILLING}".encode()
        digest = hashlib.sha256(content).hexdigest()

        def put(tx: Transaction) -> None:
            snapshot = bundles.put_snapshot(tx, BUNDLE, {file: (digest, len(content))}, {digest: content})
            dags.request_parse(tx, BUNDLE, snapshot, file, 30.0, executor=EXECUTOR)

        await self.store.write(put)
        handout = await self.claim(ActivityKind.PARSE_DAG_FILE)
        outcome = FileParsed(
            ended_at=datetime.now(UTC),
            duration_seconds=0.1,
            code_id=code_id({file: digest}),
            files_read={file: digest},
            dags=found,
            error=error,
        )
        await self.finish(handout, outcome)

    async def schedule(self) -> None:
        """Decide everything that can be decided now."""

        def decide(tx: Transaction) -> bool:
            epoch = scheduling.take_leadership(tx, "test", 60)
            assert epoch is not None
            return RunPass(RunMemory(), tx, epoch).run().more

        while await self.store.write(decide):
            pass

    async def claim(self, kind: ActivityKind = ActivityKind.EXECUTE_TASK) -> Handout:
        """Hand one activity out."""
        request = ClaimRequest(kind=kind, executor=EXECUTOR, limit=1)
        (handout,) = await self.store.write(lambda tx: dispatches.claim(tx, [request]))
        return handout

    async def finish(self, handout: Handout, outcome: Outcome | None = None) -> None:
        """Record an outcome, success when none is given, and decide what follows."""
        now = datetime.now(UTC)
        ended = outcome or TaskSucceeded(started_at=now, ended_at=now, xcoms=[])
        await self.store.write(lambda tx: dispatches.finish(tx, handout.dispatch_id, ended))
        await self.schedule()

    def token_of(self, handout: Handout) -> str:
        """An execution token for a dispatch."""
        activity = handout.activity
        activity_id = activity.task_try.try_id if isinstance(activity, ExecuteTask) else activity.parse_id
        kind = ActivityKind(activity.kind)
        return self.services.signer.mint(kind, activity_id, handout.dispatch_id, datetime.now(UTC)).token


async def running_task(
    d: Deployment, *, grants: Grants | None = None, logical_date: str | None = None
) -> tuple[Handout, str]:
    """A live dispatch of the task `extract` of the DAG `etl`, and its execution token."""
    await d.publish("etl", {"extract": []}, grants=grants)
    await d.call("POST", "/api/v2/dags/etl/dagRuns", {} if logical_date is None else {"logical_date": logical_date})
    await d.schedule()
    handout = await d.claim()
    return handout, d.token_of(handout)


@contextlib.asynccontextmanager
async def deployed(directory: Path, **sections: Any) -> AsyncIterator[Deployment]:
    """A deployment with the given sections of settings."""
    settings = Settings.model_validate({"home": directory, **sections})
    store = await asyncio.to_thread(
        Store.open,
        settings.database_url,
        cipher=Cipher.open(settings.key_file),
        options=StoreOptions.from_settings(settings),
        migrate=True,
    )
    try:
        signer = TokenSigner(await store.write(load_keys), lifetime_seconds=600)
        executor = WorkerSessionExecutor()
        services = Services(
            store=store,
            settings=settings,
            signer=signer,
            executor=executor,
            dispatcher=Dispatcher(store=store, executors=[executor], minter=signer, settings=settings),
            logs=LogStore(settings.logs_directory),
        )
        yield Deployment(services, create_app(services))
    finally:
        await asyncio.to_thread(store.close)


async def ask(app: FastAPI, method: str, path: str, content: bytes = b"", headers: Mapping[str, str] = {}) -> Reply:
    """One request to an ASGI app and its whole answer."""
    raw, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": raw,
        "raw_path": quote(raw).encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "server": ("test", 80),
        "client": ("test", 1),
    }
    asked = False
    started: dict[str, Any] = {}
    chunks: list[bytes] = []

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if asked:
            await asyncio.Event().wait()  # a client that stays
        asked = True
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            started.update(message)
        else:
            chunks.append(message.get("body", b""))

    await app(scope, receive, send)
    sent = {name.decode().lower(): value.decode() for name, value in started["headers"]}
    return Reply(started["status"], sent, b"".join(chunks))


def _task(task_id: str, upstream: Sequence[str], retries: int) -> SerializedTask:
    return SerializedTask(
        task_id=task_id,
        operator="EmptyOperator",
        operator_module="tradewind.sdk.standard.operators.empty",
        upstream=sorted(upstream),
        trigger_rule=TriggerRule.ALL_SUCCESS,
        retries=retries,
        retry_delay_seconds=3661.5,
        queue="default",
        executor=EXECUTOR,
        isolation=Isolation.FORK,
        on_cut=OnCut.CONTINUE,
        owner="me",
    )
