"""Puts the parts of a control-plane process together: one role, or all of them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

import uvloop

from tradewind.server.api.app import create_app
from tradewind.server.api.log_retention import log_retention
from tradewind.server.api.logs import LogStore
from tradewind.server.api.presence import presence
from tradewind.server.api.server import bind
from tradewind.server.api.server import serving as api_serving
from tradewind.server.api.services import Services
from tradewind.server.auth.keys import load_keys
from tradewind.server.auth.tokens import TokenSigner
from tradewind.server.dag_processor import DagProcessor
from tradewind.server.dispatcher import Dispatcher
from tradewind.server.executors.command import CommandExecutor, without_settings
from tradewind.server.executors.worker_session import WorkerSessionExecutor
from tradewind.server.scheduler import Scheduler
from tradewind.server.scheduler.retention import Retention
from tradewind.server.secrets import Cipher
from tradewind.server.store import Store, StoreOptions

if TYPE_CHECKING:
    from tradewind.server.executors.protocol import Executor
    from tradewind.server.settings import Settings

log = logging.getLogger(__name__)

COLLECT_AFTER = 10_000
"""Objects that a collection is worth: what some hundred tries leave."""


class Role(StrEnum):
    """A part of the control plane that can be a process by itself."""

    API_SERVER = "api-server"
    SCHEDULER = "scheduler"
    DAG_PROCESSOR = "dag-processor"


ALL_ROLES = frozenset(Role)


@dataclass(frozen=True)
class Parts:
    """What the roles of one process share."""

    settings: Settings
    store: Store
    signer: TokenSigner

    def at_port(self, port: int) -> Parts:
        """The same, with the port that was found where the settings leave the choice."""
        api = self.settings.api.model_copy(update={"port": port})
        return replace(self, settings=self.settings.model_copy(update={"api": api}))


async def load_parts(settings: Settings, store: Store) -> Parts:
    """The shared parts, with the signing keys that the store holds."""
    keys = await store.write(load_keys)
    signer = TokenSigner(keys, lifetime_seconds=settings.security.token_lifetime_seconds)
    return Parts(settings, store, signer)


@contextlib.asynccontextmanager
async def open_store(settings: Settings, *, alone: bool = True, migrate: bool = False) -> AsyncIterator[Store]:
    """The store of a deployment.

    Args:
        settings: of the deployment.
        alone: whether this process is the control plane; False for a short look by an administrator's command.
        migrate: bring the schema up to date first.

    Raises:
        StoreError: the database cannot be used; the message says why and what to do.
        CipherError: the key file cannot be used.
    """
    store = await asyncio.to_thread(
        Store.open,
        settings.database_url,
        cipher=Cipher.open(settings.key_file),
        options=StoreOptions.from_settings(settings),
        migrate=migrate,
        exclusive=alone,
    )
    try:
        yield store
    finally:
        await asyncio.to_thread(store.close)


async def run_roles(
    parts: Parts,
    roles: frozenset[Role],
    stop: asyncio.Event,
    *,
    serving: Callable[[int], None] = lambda _port: None,
    looked: asyncio.Event | None = None,
    command_environment: Mapping[str, str] | None = None,
) -> None:
    """Run roles until `stop` is set or one of them fails.

    Args:
        parts: what they share.
        roles: which ones.
        stop: set from outside to end all.
        serving: called with the port once the API server listens.
        looked: set once the DAG processor has looked at the files for the first time.
        command_environment: further variables for the commands of command executors.

    Raises:
        ExceptionGroup: A role failed.
        OSError: The address of the API server is taken.
    """
    listener = bind(parts.settings.api) if Role.API_SERVER in roles else None
    if listener is not None:
        parts = parts.at_port(listener.getsockname()[1])
    sessions = WorkerSessionExecutor() if listener is not None else None
    commands = _command_executors(parts.settings, command_environment or {}) if Role.SCHEDULER in roles else []
    if sessions is not None:
        parts.store.gathering.expect(sessions.held)
    executors: list[Executor] = [*commands, *([sessions] if sessions else [])]
    dispatcher = Dispatcher(parts.store, executors, parts.signer, parts.settings)
    try:
        async with asyncio.TaskGroup() as group:
            if executors:
                group.create_task(dispatcher.run(stop), name="dispatcher")
            if sessions is not None and listener is not None:
                group.create_task(
                    _serve(parts, listener, sessions, dispatcher, stop=stop, serving=serving), name="api server"
                )
            if Role.SCHEDULER in roles:
                scheduler = Scheduler(parts.store, parts.settings, name=_process_name())
                group.create_task(scheduler.run(stop), name="scheduler")
                retention = Retention(parts.store, parts.settings.retention, is_leader=lambda: scheduler.is_leader)
                group.create_task(retention.run(stop), name="retention")
            if Role.DAG_PROCESSOR in roles:
                processor = DagProcessor(parts.store, parts.settings, looked=looked)
                group.create_task(processor.run(stop), name="dag processor")
    finally:
        for executor in executors:
            await executor.close()


def _process_name() -> str:
    """This process, for people."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _command_executors(settings: Settings, further: Mapping[str, str]) -> list[CommandExecutor]:
    environment = {**without_settings(os.environ), **further}
    return [
        CommandExecutor(name, argv, capacity=settings.executors.command_capacity, environment=environment)
        for name, argv in settings.executors.command.items()
    ]


async def _serve(
    parts: Parts,
    listener: socket.socket,
    sessions: WorkerSessionExecutor,
    dispatcher: Dispatcher,
    *,
    stop: asyncio.Event,
    serving: Callable[[int], None],
) -> None:
    services = Services(
        store=parts.store,
        settings=parts.settings,
        signer=parts.signer,
        executor=sessions,
        dispatcher=dispatcher,
        logs=LogStore(parts.settings.logs_directory),
    )
    async with (
        api_serving(create_app(services), listener, parts.settings.api) as server,
        presence(parts.store, _process_name()),
        log_retention(parts.store, parts.settings),
    ):
        # What is there now stays: it need not be gone through whenever requests have made some garbage.
        gc.freeze()
        gc.set_threshold(COLLECT_AFTER)
        log.info("api server listens at %s", parts.settings.public_url)
        serving(parts.settings.api.port)
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({server, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if server.done():
            await server


def stop_on_signals(stop: asyncio.Event) -> None:
    """Set the event at SIGINT and SIGTERM."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)


def run_until_signal(settings: Settings, roles: frozenset[Role]) -> None:
    """Run roles in this process until SIGINT or SIGTERM.

    Raises:
        StoreError: the database cannot be used.
        CipherError: the key file cannot be used.
    """

    async def run() -> None:
        stop = asyncio.Event()
        stop_on_signals(stop)
        async with open_store(settings) as store:
            await run_roles(await load_parts(settings, store), roles, stop)

    uvloop.run(run())
