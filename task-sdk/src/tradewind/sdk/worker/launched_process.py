"""A child that runs an activity, as the supervisor deals with it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable
from functools import partial

from tradewind.sdk.worker import process_tree
from tradewind.sdk.worker.async_channel import AsyncChannel
from tradewind.sdk.worker.control import RunAs
from tradewind.sdk.worker.live_process import ExitStatus, LiveProcess
from tradewind.sdk.worker.orphans import Orphans
from tradewind.sdk.worker.process_tree import Identity
from tradewind.sdk.worker.reuse_pool import ReusedProcess


class Pipes:
    """A child's channel and pipes: the supervisor's ends, and the child's until they are sent.

    Args:
        user: to whom the pipes belong, so that programs of the child can open `/dev/stdout`; None: to the supervisor.
    """

    def __init__(self, user: RunAs | None = None) -> None:
        self.connection, self._theirs = socket.socketpair()
        self.connection.setblocking(False)  # noqa: FBT003 - the standard library's signature
        pairs = [os.pipe2(os.O_CLOEXEC) for _ in range(3)]
        self.read_ends = [reading for reading, _writing in pairs]
        self._write_ends = [writing for _reading, writing in pairs]
        for reading in self.read_ends:
            os.set_blocking(reading, False)
        if user is not None:
            for writing in self._write_ends:
                with contextlib.suppress(PermissionError):  # what is written to it still arrives
                    os.fchown(writing, user.uid, user.gid)

    @property
    def child_ends(self) -> list[int]:
        """Descriptors for channel, standard output, standard error and log, in this order."""
        return [self._theirs.fileno(), *self._write_ends]

    def close_child_ends(self) -> None:
        """Close what the child has got copies of, so that only its own are open."""
        self._theirs.close()
        for writing in self._write_ends:
            os.close(writing)

    def close(self) -> None:
        """Close the supervisor's ends."""
        self.connection.close()
        self.close_read_ends()

    def close_read_ends(self) -> None:
        """Close the supervisor's ends of the pipes."""
        for reading in self.read_ends:
            os.close(reading)


class LaunchedProcess:
    """One child that runs an activity.

    Attributes:
        dispatch_id: which dispatch it runs.
        identity: the process, as a restarted worker can find it again.
        warm: forked from a parent that had imported its file, or itself a process that had.
        fresh_reason: why a request with a code key got a fresh process, else None.
        spawned: a new interpreter.
        channel: frames from and to the child. Its iteration ends when the process has ended.
        stdout_fd: read end of its standard output, non-blocking; like the other two it belongs to the caller.
        stderr_fd: read end of its standard error.
        log_fd: read end of its structured log.
    """

    def __init__(
        self,
        *,
        dispatch_id: str,
        process: LiveProcess,
        session: int,
        warm: bool,
        fresh_reason: str | None,
        spawned: bool = False,
        pipes: Pipes,
        orphans: Orphans,
        reused: ReusedProcess | None = None,
    ) -> None:
        self.dispatch_id = dispatch_id
        self.identity = Identity(process.pid, process.start_ticks, process_tree.boot_id(), session)
        self.warm = warm
        self.fresh_reason = fresh_reason
        self.spawned = spawned
        self.stdout_fd, self.stderr_fd, self.log_fd = pipes.read_ends
        self.channel = AsyncChannel(pipes.connection)
        self._process = process
        self._orphans = orphans
        self._reused = reused
        process.when_ended(self.channel.finish)

    @property
    def pid(self) -> int:
        """Id of the process and of its process group."""
        return self._process.pid

    @property
    def started_at(self) -> int:
        """When it was started, in clock ticks since boot."""
        return self._process.start_ticks

    @property
    def leaving(self) -> str | None:
        """What the activity has left in a process that was to be reused, so that it is not; None otherwise."""
        return self._reused.leaving if self._reused else None

    def keep_to(self, key: str) -> None:
        """Let a reused process run tries of this key only, from now on."""
        if self._reused:
            self._reused.key = key

    def when_ended(self, act: Callable[[LaunchedProcess], object]) -> None:
        """Call back once the activity's process has ended."""
        self._process.when_ended(partial(act, self))

    async def wait(self) -> ExitStatus:
        """Wait for its end. What it left behind may live for half a second more and keep its pipes open."""
        exited = self._process.exited
        return exited.result() if exited.done() else await asyncio.shield(exited)

    def terminate(self) -> None:
        """Ask the process and its group to end, by SIGTERM; nothing when it has ended."""
        if not self._process.exited.done():
            self._retire()
            process_tree.signal_group(self.pid, self.started_at, signal.SIGTERM)

    async def kill_tree(self) -> None:
        """Kill the process and everything that it has started; returns when all of it is gone."""
        if not self._process.exited.done():
            self._retire()
            await asyncio.to_thread(process_tree.kill_tree, self.pid, self.started_at)
            await asyncio.shield(self._reused.process.exited if self._reused else self._process.exited)
        await self._orphans.kill_all()

    def close(self) -> None:
        """Close the channel."""
        self.channel.close()

    def _retire(self) -> None:
        """Keep another try from getting the process in the moment in which it is signalled."""
        if self._reused:
            self._reused.retire()
