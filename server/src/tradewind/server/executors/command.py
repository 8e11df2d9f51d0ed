"""The executor that starts a command per activity and gives it the envelope on standard input.

The command may run the activity itself (`python -m tradewind.sdk run-activity`), or carry the envelope elsewhere with
ssh, sbatch or docker.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Mapping, Sequence
from typing import Literal

from tradewind.server.contract import ActivityKind, Envelope, encode
from tradewind.server.executors.protocol import Context, ExecutorHost, NotAccepted, Observation, Offer

log = logging.getLogger(__name__)


SETTINGS_PREFIX = "TRADEWIND__"


def without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment less the server's settings: user code behind a command has no business with the database's URL."""
    return {name: value for name, value in environment.items() if not name.startswith(SETTINGS_PREFIX)}


class CommandExecutor:
    """Runs one command per activity, several at once; the end of a command is an observation.

    Args:
        name: what tasks call it.
        argv: program and arguments; never given to a shell.
        capacity: commands that run at once; at least 1.
        environment: environment of the commands; when None that of this process without the server's settings.
    """

    delivers: Literal["ticket"] = "ticket"

    def __init__(
        self, name: str, argv: Sequence[str], *, capacity: int = 16, environment: Mapping[str, str] | None = None
    ) -> None:
        if not argv:
            raise ValueError(f"executor {name}: the command needs at least the program to run")
        self.name = name
        self._argv = tuple(argv)
        self._capacity = capacity
        self._environment = without_settings(os.environ) if environment is None else dict(environment)
        self._host: ExecutorHost | None = None
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._processes: dict[str, int] = {}  # dispatch to process id of a command that is not reaped

    def attach(self, host: ExecutorHost) -> None:
        self._host = host

    async def queue_activity(self, *, kind: ActivityKind, context: Context) -> None:
        if not isinstance(context, Envelope):
            raise TypeError("a command takes an envelope, not a delivery with its secrets")
        if context.dispatch_id in self._watchers:
            return
        if len(self._watchers) >= self._capacity:
            raise NotAccepted(f"executor {self.name} runs {self._capacity} commands, as many as it may")
        try:
            pid = self._spawn(encode(context))
        except OSError as error:
            failed = Observation("undelivered", f"{self._argv[0]} can not be started: {error.strerror}")
            asyncio.get_running_loop().call_soon(self._report, context.dispatch_id, failed)
            return
        self._processes[context.dispatch_id] = pid
        watcher = asyncio.create_task(self._watch(context.dispatch_id, pid), name=f"{self.name} {context.dispatch_id}")
        self._watchers[context.dispatch_id] = watcher

    async def cancel(self, dispatch_id: str, message: str) -> None:
        pid = self._processes.get(dispatch_id)
        if pid is not None:
            log.info("command of a dispatch is terminated", extra={"dispatch_id": dispatch_id, "executor": self.name})
            # Not yet reaped, so that the number still is the command's; the group may have ended with it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGTERM)

    def capacity(self) -> list[Offer]:
        free = self._capacity - len(self._watchers)
        return [Offer(worker=self.name, session=None, kind=kind, queues=None, free=free) for kind in ActivityKind]

    def known(self) -> set[str]:
        return set(self._watchers)

    def holds(self, dispatch_id: str) -> bool:
        return dispatch_id in self._watchers

    async def close(self) -> None:
        """Stop watching; commands that run go on and report over the interface."""
        watchers = list(self._watchers.values())
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)

    async def _watch(self, dispatch_id: str, pid: int) -> None:
        try:
            code = await _exit_code(pid)
        finally:
            self._processes.pop(dispatch_id, None)
            self._watchers.pop(dispatch_id, None)
        ended = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        self._report(dispatch_id, Observation("exited", f"{self._argv[0]} {ended}", exit_code=code))

    def _report(self, dispatch_id: str, observation: Observation) -> None:
        log.info(
            "command of a dispatch ended",
            extra={"dispatch_id": dispatch_id, "executor": self.name, "observation": observation.message},
        )
        if self._host is not None:
            self._host.observed(dispatch_id, observation)
            self._host.capacity_changed()

    def _spawn(self, envelope: bytes) -> int:
        """Start the command and return its process id.

        A subprocess of asyncio would be killed with the event loop; what runs here has to outlive this process.
        """
        reader, writer = os.pipe()
        try:
            # An envelope is smaller than a pipe's buffer, so that this never waits for a reader.
            os.write(writer, envelope)
            return os.posix_spawnp(
                self._argv[0],
                self._argv,
                self._environment,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, reader, 0),
                    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                ],
                # A signal to the server's group (Ctrl-C) is not meant for what runs here.
                setsid=True,
            )
        finally:
            os.close(reader)
            os.close(writer)


async def _exit_code(pid: int) -> int:
    """Wait for the end of a child: its exit code, or the negative number of its signal."""
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    descriptor = os.pidfd_open(pid)
    try:
        loop.add_reader(descriptor, lambda: None if ended.done() else ended.set_result(None))
        try:
            await ended
        finally:
            loop.remove_reader(descriptor)
    finally:
        os.close(descriptor)
    return _reap(pid)


def _reap(pid: int) -> int:
    """Take the status of a child that has ended; returns at once."""
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)
