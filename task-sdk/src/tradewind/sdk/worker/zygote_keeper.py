"""Starts the zygote by exec, and another one when it has ended."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import socket
import sys
from collections.abc import Callable, Mapping

from tradewind.sdk.worker import process_tree
from tradewind.sdk.worker.descriptors import CHANNEL, CONTROL, LIFELINE, LOG
from tradewind.sdk.worker.forker_connection import ForkerConnection, ForkerLost
from tradewind.sdk.worker.linux import BIND_NOW, BIND_NOW_OURS
from tradewind.sdk.worker.live_process import ExitStatus, LiveProcess, when_child_ends

logger = logging.getLogger("tradewind.worker")

_FIRST_DELAY_SECONDS = 0.1
_LONGEST_DELAY_SECONDS = 10.0
_STABLE_SECONDS = 10.0
_ABOVE_RESERVED = 64


class ZygoteKeeper:
    """Keeps one zygote running.

    Args:
        environment: the worker's; names that begin with `TRADEWIND_` are left out.
        runner: module that children run.
        lifeline: read end of the lifeline.
        live: see `ForkerConnection`.
        on_end: see `ForkerConnection`.
    """

    def __init__(
        self,
        *,
        environment: Mapping[str, str],
        runner: str,
        lifeline: int,
        live: dict[int, LiveProcess],
        on_end: Callable[[], None],
    ) -> None:
        own = {name: value for name, value in environment.items() if not name.startswith("TRADEWIND_")}
        self._environment = {BIND_NOW: BIND_NOW_OURS, **own}
        # -P: a worker may be started in a folder with files named like modules of the standard library.
        self._arguments = [sys.executable, "-P", "-m", "tradewind.sdk.worker.zygote", runner]
        self._lifeline = lifeline
        self._live = live
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._connection: ForkerConnection | None = None
        self._started_at = 0.0
        self._quick_ends = 0
        self._starting = asyncio.Lock()
        self._restart: asyncio.Task[None] | None = None
        self._closed = False
        self.last_end: ExitStatus | None = None

    async def connection(self) -> ForkerConnection:
        """The zygote; a new one when the former has ended, after a delay when it did so soon after its start.

        Raises:
            ForkerLost: the keeper is closed.
            OSError: the interpreter cannot be started.
        """
        if self._connection and not self._connection.lost:
            return self._connection
        async with self._starting:
            if self._connection is None or self._connection.lost:
                await asyncio.sleep(self._delay())
                if self._closed:
                    raise ForkerLost("The launcher is closing.")
                self._connection = self._start()
            return self._connection

    async def close(self) -> None:
        """Start no other zygote; the one that runs is left to the lifeline."""
        self._closed = True
        if self._restart:
            self._restart.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._restart

    def _delay(self) -> float:
        if not self._quick_ends:
            return 0.0
        return min(_FIRST_DELAY_SECONDS * 2.0 ** min(self._quick_ends - 1, 10), _LONGEST_DELAY_SECONDS)

    def _start(self) -> ForkerConnection:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)  # noqa: FBT003 - the standard library's signature
        self._started_at = self._loop.time()
        # Sources are moved out of the way of the numbers that they are copied to.
        control = fcntl.fcntl(theirs, fcntl.F_DUPFD_CLOEXEC, _ABOVE_RESERVED)
        lifeline = fcntl.fcntl(self._lifeline, fcntl.F_DUPFD_CLOEXEC, _ABOVE_RESERVED)
        try:
            pid = os.posix_spawn(
                self._arguments[0],
                self._arguments,
                self._environment,
                file_actions=[
                    *((os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, CHANNEL, LOG)),
                    (os.POSIX_SPAWN_DUP2, lifeline, LIFELINE),
                    (os.POSIX_SPAWN_DUP2, control, CONTROL),
                ],
                setsigmask=(),
            )
        finally:
            for descriptor in (control, lifeline):
                os.close(descriptor)
            theirs.close()
        status = process_tree.status(pid)
        process = LiveProcess(pid, status.start_ticks if status else 0)
        connection = ForkerConnection(ours, process, pid, live=self._live, on_end=self._on_end)  # it leads a session
        process.exited.add_done_callback(self._note_end)
        when_child_ends(pid, process.end)
        return connection

    def _note_end(self, exited: asyncio.Future[ExitStatus]) -> None:
        self.last_end = exited.result()
        if not self._closed:
            logger.warning("the zygote ended with %s; another one is started", self.last_end)
        lived = self._loop.time() - self._started_at
        self._quick_ends = self._quick_ends + 1 if lived < _STABLE_SECONDS else 0
        if not self._closed:
            self._restart = self._loop.create_task(self._start_another())

    async def _start_another(self) -> None:
        # Whoever launches next tries again, and is told.
        with contextlib.suppress(ForkerLost, OSError):
            await self.connection()
