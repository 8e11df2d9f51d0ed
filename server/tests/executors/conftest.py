"""Executors ready to take activities, each with a listener that records what it is told."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import pytest

from tradewind.server.contract import (
    VERSION,
    ActivityKind,
    CodeReference,
    Delivery,
    Envelope,
    ParseDagFile,
    Secrets,
    ServerFrame,
)
from tradewind.server.executors.command import CommandExecutor
from tradewind.server.executors.protocol import Context, Executor, Observation, SessionDelivery
from tradewind.server.executors.worker_session import SessionClosed, WorkerSessionExecutor

PLACES = 2


class RecordingHost:
    """A listener whose waiters are woken by each call."""

    def __init__(self) -> None:
        self.observations: dict[str, Observation] = {}
        self.changes = 0
        self._called = asyncio.Event()

    def capacity_changed(self) -> None:
        self.changes += 1
        self._called.set()

    def observed(self, dispatch_id: str, observation: Observation) -> None:
        self.observations[dispatch_id] = observation
        self._called.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                self._called.clear()
                await self._called.wait()


@dataclass(frozen=True)
class Identity:
    session_id: str = field(default_factory=lambda: str(uuid4()))
    credential_id: str = "c"
    instance_id: str = "i"
    connection_epoch: int = 1
    worker: str = "w"


@dataclass(eq=False)
class RecordingSession:
    """A connection that keeps what is sent."""

    identity: Identity = field(default_factory=Identity)
    queues: frozenset[str] = frozenset({"default"})
    sent: list[ServerFrame] = field(default_factory=list)
    closed: bool = False

    def send(self, frame: ServerFrame) -> None:
        if self.closed:
            raise SessionClosed("connection lost")
        self.sent.append(frame)


class Rig(Protocol):
    """One executor with everything around it that it needs, and room for `PLACES` parses."""

    @property
    def executor(self) -> Executor: ...

    @property
    def host(self) -> RecordingHost: ...

    def context(self, dispatch_id: str) -> Context: ...

    async def end(self, dispatch_id: str) -> None:
        """Let what was delivered for a dispatch end by itself."""


OpenRig = Callable[[], AbstractAsyncContextManager[Rig]]


def delivery(dispatch_id: str) -> Delivery:
    code = CodeReference(bundle="dags", snapshot="0" * 64, file="a.py")
    return Delivery(
        dispatch_id=dispatch_id,
        activity=ParseDagFile(parse_id=str(uuid4()), code=code, timeout_seconds=30.0),
        token="t",
        token_expires_at=datetime(2026, 1, 1, tzinfo=UTC),
        takeover_after_seconds=300.0,
        secrets=Secrets(connections=[], variables=[]),
        contract=VERSION,
    )


def envelope(dispatch_id: str) -> Envelope:
    kind = ActivityKind.PARSE_DAG_FILE
    return Envelope(contract=VERSION, api_url="http://host:8080", kind=kind, dispatch_id=dispatch_id, ticket="A" * 43)


class SessionRig:
    def __init__(self) -> None:
        self.executor = WorkerSessionExecutor()
        self.host = RecordingHost()
        self.session = RecordingSession()
        self.executor.attach(self.host)
        self.executor.connect(self.session, {"parse_dag_file": PLACES, "from_the_future": 9}, {})

    def context(self, dispatch_id: str) -> Context:
        return SessionDelivery(self.session.identity.session_id, delivery(dispatch_id))

    async def end(self, dispatch_id: str) -> None:
        self.executor.ended([dispatch_id])


# Ends when somebody has opened and closed the FIFO named like its dispatch.
WAITING_COMMAND = """
import json, os, sys
envelope = json.load(sys.stdin)
open(os.path.join(sys.argv[1], envelope["dispatch_id"])).read()
"""


class CommandRig:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.executor = CommandExecutor(
            "shell", [sys.executable, "-c", WAITING_COMMAND, str(directory)], capacity=PLACES
        )
        self.host = RecordingHost()
        self.executor.attach(self.host)

    def context(self, dispatch_id: str) -> Context:
        fifo = self.directory / dispatch_id
        if not fifo.exists():
            os.mkfifo(fifo)
        return envelope(dispatch_id)

    async def end(self, dispatch_id: str) -> None:
        await asyncio.to_thread(lambda: (self.directory / dispatch_id).open("w").close())
        await self.host.until(lambda: dispatch_id in self.host.observations)


@pytest.fixture(params=["worker session", "command"])
def open_rig(request: pytest.FixtureRequest, tmp_path: Path) -> OpenRig:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Rig]:
        rig: Rig = SessionRig() if request.param == "worker session" else CommandRig(tmp_path)
        try:
            yield rig
        finally:
            for dispatch_id in rig.executor.known():
                await rig.executor.cancel(dispatch_id, "the test is over")
            await rig.host.until(lambda: not rig.executor.known())
            await rig.executor.close()

    return opened
