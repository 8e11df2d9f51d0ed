"""What all activities of a worker share."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tradewind.sdk.client.calls import AsyncTransport
from tradewind.sdk.worker.code_cache import CodeCache
from tradewind.sdk.worker.finishing import Finisher
from tradewind.sdk.worker.for_tasks import NOTHING_FOR_TASKS, ForTasks
from tradewind.sdk.worker.launcher import Launcher
from tradewind.sdk.worker.leftover_logs import prune_logs
from tradewind.sdk.worker.line import Line
from tradewind.sdk.worker.run_as import open_to_others
from tradewind.sdk.worker.spool import Spool
from tradewind.sdk.worker.state_directory import StateDirectory


@dataclass(frozen=True)
class Workplace:
    """What all activities of a worker share.

    Attributes:
        line: the way to the server.
        files: the way for code, over HTTP.
        launcher: starts processes.
        code: snapshots on this host.
        finisher: spool and delivery of outcomes.
        state: records of processes.
        log_directory: where log segments wait that could not be delivered.
        hostname: name of this host, for the server.
        unixname: user that runs the activities.
        warm: whether tries are forked from processes that have imported their file.
        run_as_users: other users that tries may run as.
        for_tasks: what the worker gives its tasks beyond what the server sends.
    """

    line: Line
    files: AsyncTransport
    launcher: Launcher
    code: CodeCache
    finisher: Finisher
    state: StateDirectory
    log_directory: Path
    hostname: str
    unixname: str
    warm: bool
    run_as_users: frozenset[str] = frozenset()
    for_tasks: ForTasks = NOTHING_FOR_TASKS


@asynccontextmanager
async def open_workplace(
    *,
    state: StateDirectory,
    launcher: Launcher,
    line: Line,
    files: AsyncTransport,
    code_cache_bytes: int,
    warm: bool = True,
    run_as_users: Collection[str] = (),
    for_tasks: ForTasks = NOTHING_FOR_TASKS,
) -> AsyncIterator[Workplace]:
    """Open spool and code cache in the state directory; close them at the end.

    With `run_as_users`, other users of the host can go through the state directory to the code, and nowhere else.

    Raises:
        OSError: they cannot be written.
    """
    log_directory = state.path / "logs"
    prune_logs(log_directory)
    code = CodeCache(state.path / "code", budget_bytes=code_cache_bytes)
    spool = Spool(state.path / "spool")
    if run_as_users:
        open_to_others(state.path)
    try:
        yield Workplace(
            line=line,
            files=files,
            launcher=launcher,
            code=code,
            finisher=Finisher(spool),
            state=state,
            log_directory=log_directory,
            hostname=socket.gethostname(),
            unixname=_user_name(),
            warm=warm,
            run_as_users=frozenset(run_as_users),
            for_tasks=for_tasks,
        )
    finally:
        await code.close()
        await spool.close()


def _user_name() -> str:
    """Name of the user, or the number where it has none, as in some containers."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
