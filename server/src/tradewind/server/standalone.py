"""Everything on one machine: the control plane in this process, workers and the first run as commands of the SDK."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import os
import secrets
import shlex
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import uvloop

from tradewind.server.roles import ALL_ROLES, load_parts, open_store, run_roles, stop_on_signals
from tradewind.server.store import StoreError, credentials, dags

if TYPE_CHECKING:
    from tradewind.server.settings import Settings
    from tradewind.server.store import Store, Transaction

log = logging.getLogger(__name__)

KeptRole = Literal["admin", "worker"]

URL_FILE = "api.url"
TOKEN_FILES: dict[KeptRole, str] = {"admin": "admin.token", "worker": "worker.token"}
"""Credentials that are kept in the home directory, readable by its user alone."""
WORKER_STOP_SECONDS = 10.0
OF_WORKERS = ("TRADEWIND_WORKER_", "TRADEWIND_VAR_", "TRADEWIND_CONN_")
"""Beginnings of the names of environment variables that are meant for workers."""

RESTART_SECONDS = (0.1, 0.5, 2.0, 5.0)
FIRST_PARSE_SECONDS = 120.0


def write_private(path: Path, text: str) -> None:
    """Replace a file with one that its user alone may read, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


class Standalone:
    """One machine's deployment.

    Args:
        settings: of the deployment; port 0 is read back and left in the home directory.
        workers: local worker processes.
        once: DAG to run once, with progress, when all has started.
        say: prints a line for the user.
    """

    def __init__(self, settings: Settings, *, workers: int, once: str | None, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._workers = workers
        self._once = once
        self._say = say
        self._url = ""
        self._looked = asyncio.Event()
        self._tokens: dict[KeptRole, str] = {}

    def run(self) -> int:
        """Run until SIGINT or SIGTERM.

        Returns:
            0, or 1 when the run that `once` asked for did not succeed.

        Raises:
            StoreError: the database cannot be used, or the SDK is not installed.
            CipherError: the key file cannot be used.
        """
        if (self._workers or self._once) and importlib.util.find_spec("tradewind.sdk") is None:
            raise StoreError("local workers need tradewind-task-sdk: pip install tradewind, or use --workers 0")
        return uvloop.run(self._run())

    async def _run(self) -> int:
        stop, plane_stop = asyncio.Event(), asyncio.Event()
        stop_on_signals(stop)
        async with open_store(self._settings, migrate=True) as store:
            for role in TOKEN_FILES:
                self._tokens[role] = await self._keep_token(store, role)
            parts = await load_parts(self._settings, store)
            listening: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            plane = asyncio.create_task(
                run_roles(
                    parts,
                    ALL_ROLES,
                    plane_stop,
                    serving=listening.set_result,
                    looked=self._looked,
                    command_environment={"TRADEWIND_API_TOKEN": self._tokens["worker"]},
                )
            )
            either: set[asyncio.Future[Any]] = {plane, listening}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if plane.done():
                listening.cancel()
                await plane
                return 1
            self._announce(listening.result())
            code = await self._beside(store, stop, plane)
            plane_stop.set()
            await plane
            return code

    async def _keep_token(self, store: Store, role: KeptRole) -> str:
        """The credential of a role in the home directory; it stays the same from start to start."""
        path = self._settings.home / TOKEN_FILES[role]
        try:
            token = path.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            token = "tw_" + secrets.token_urlsafe(32)
            write_private(path, token)
        digest = credentials.hash_token(token)
        await store.write(lambda tx: credentials.ensure_credential(tx, f"standalone-{role}", role, digest))
        return token

    def _announce(self, port: int) -> None:
        settings = self._settings.model_copy(update={"api": self._settings.api.model_copy(update={"port": port})})
        self._url = settings.public_url
        write_private(self._settings.home / URL_FILE, self._url)
        self._say(f"Tradewind is at {self._url}; its home is {self._settings.home}")
        self._say(f"DAG files are read from {self._settings.dags_folder}")

    async def _beside(self, store: Store, stop: asyncio.Event, plane: asyncio.Task[None]) -> int:
        """Workers and the first run, until the end is wanted; the control plane outlives the workers' last reports."""
        workers = [asyncio.create_task(self._keep_worker(number, stop)) for number in range(1, self._workers + 1)]
        first = asyncio.create_task(self._run_once(store, stop)) if self._once else None
        wanted = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({plane, wanted}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.set()
            await asyncio.gather(*workers)
            wanted.cancel()
        if first is not None:
            await asyncio.wait({first})
        if plane.done():
            # What ended the control plane is the reason of whatever went wrong beside it.
            await plane
        return await first if first is not None else 0

    def _environment(self, role: KeptRole) -> dict[str, str]:
        """Environment of what is started: the user's own, without settings of the control plane."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("TRADEWIND_") or name.startswith(OF_WORKERS)
        }
        environment["TRADEWIND_API_URL"] = self._url
        environment["TRADEWIND_API_TOKEN"] = self._tokens[role]
        return environment

    async def _keep_worker(self, number: int, stop: asyncio.Event) -> None:
        """Run one worker, and another when it ends unasked."""
        restarts = 0
        while not stop.is_set():
            process = await self._start_worker(number)
            ended = asyncio.create_task(process.wait())
            wanted = asyncio.create_task(stop.wait())
            await asyncio.wait({ended, wanted}, return_when=asyncio.FIRST_COMPLETED)
            wanted.cancel()
            if stop.is_set():
                await _end(process)
                await ended
                return
            pause = RESTART_SECONDS[min(restarts, len(RESTART_SECONDS) - 1)]
            restarts += 1
            log.warning("worker %d ended with %s; it is started again in %s s", number, process.returncode, pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)

    async def _start_worker(self, number: int) -> Process:
        state = self._settings.home / "workers" / str(number)
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        options = ["--exit-with-parent", "--state-directory", str(state)]
        # Should this process end before the worker has looked for its parent, it still knows whom to look for.
        environment = {**self._environment("worker"), "TRADEWIND_PARENT_PID": str(os.getpid())}
        with (state / "worker.log").open("ab") as output:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tradewind.sdk", "worker", *options),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,
            )

    async def _run_once(self, store: Store, stop: asyncio.Event) -> int:
        """Trigger the DAG when it is there and follow its run; 0 when it succeeded."""
        dag_id = str(self._once)
        problem = await self._await_dag(store, dag_id, stop)
        if problem:
            self._say(problem)
            return 1
        if stop.is_set():
            return 0
        self._say(f"Running {dag_id}:")
        command = [sys.executable, "-m", "tradewind.sdk", "dags", "trigger", dag_id, "--wait"]
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, env=self._environment("admin"), start_new_session=True
        )
        ended = asyncio.create_task(process.wait())
        wanted = asyncio.create_task(stop.wait())
        await asyncio.wait({ended, wanted}, return_when=asyncio.FIRST_COMPLETED)
        wanted.cancel()
        if not ended.done():
            process.terminate()
            await ended
            return 0
        self._say_where_to_look(dag_id)
        return await ended

    async def _await_dag(self, store: Store, dag_id: str, stop: asyncio.Event) -> str | None:
        """Wait until the DAG is known; a sentence when all files are parsed and it is not among them."""
        with contextlib.closing(store.hints.subscribe("parses")) as parses:
            deadline = asyncio.get_running_loop().time() + FIRST_PARSE_SECONDS
            while asyncio.get_running_loop().time() < deadline and not stop.is_set():
                known = await store.read(partial(_is_known, dag_id=dag_id)) if self._looked.is_set() else None
                if known:
                    return None
                if known is False:
                    break
                await parses.wait(timeout=0.5)
        errors = await store.read(dags.list_import_errors)
        found = "; ".join(f"{row.file}: {row.error.message}" for row in errors.items) or "there are no import errors"
        return None if stop.is_set() else f"DAG {dag_id} did not appear in {self._settings.dags_folder}: {found}"

    def _say_where_to_look(self, dag_id: str) -> None:
        tradewind = shlex.quote(str(Path(sys.executable).with_name("tradewind")))
        self._say(
            f"\nLook around from another terminal, after: export TRADEWIND_HOME={shlex.quote(str(self._settings.home))}"
        )
        for words in (f"runs show {dag_id}", f"tasks list {dag_id}", "dags list", "doctor"):
            self._say(f"  {tradewind} {words}")
        self._say(f"The API describes itself at {self._url}/openapi.json. Ctrl-C stops everything.")


def _is_known(tx: Transaction, *, dag_id: str) -> bool | None:
    """Whether a DAG is there as its file says it now; None while that is still to be parsed."""
    waiting = {row.file for row in dags.list_parses(tx)}
    for row in dags.list_dags(tx, limit=1000, pattern=dag_id).items:
        if row.dag_id == dag_id:
            return None if row.file in waiting else True
    return None if waiting else False


async def _end(process: Process) -> None:
    """Ask a worker to stop, and make it when it does not."""
    if process.returncode is not None:
        return
    # SIGTERM would let running tries come to their end first.
    process.send_signal(signal.SIGINT)
    try:
        await asyncio.wait_for(process.wait(), WORKER_STOP_SECONDS)
    except TimeoutError:
        log.warning("worker %d did not stop in %s s and is killed", process.pid, WORKER_STOP_SECONDS)
        process.kill()
