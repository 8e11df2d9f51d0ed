"""Starts the processes that run user code, and ends them: the door between a supervisor and what it supervises."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tradewind.sdk.contract import Isolation
from tradewind.sdk.worker import linux, process_tree
from tradewind.sdk.worker.async_channel import AsyncChannel
from tradewind.sdk.worker.channel import ChannelClosed, FrameTooLarge
from tradewind.sdk.worker.control import RunAs
from tradewind.sdk.worker.forker_connection import ForkerConnection, ForkerLost, ForkRefused
from tradewind.sdk.worker.launched_process import LaunchedProcess, Pipes
from tradewind.sdk.worker.lifeline import Lifeline
from tradewind.sdk.worker.live_process import ExitStatus, LiveProcess
from tradewind.sdk.worker.orphans import Orphans
from tradewind.sdk.worker.reuse_pool import ReusedProcess, ReusePool
from tradewind.sdk.worker.spare_children import SpareChildren, fork
from tradewind.sdk.worker.warm_cache import Declined, WarmCache
from tradewind.sdk.worker.zygote_keeper import ZygoteKeeper

__all__ = [
    "AsyncChannel",
    "ChannelClosed",
    "ExitStatus",
    "FrameTooLarge",
    "LaunchFailed",
    "LaunchRequest",
    "LaunchedProcess",
    "Launcher",
]

_FRESH_ATTEMPTS = 2
_FORKER_ENDED = "The process that should have started it ended."
_DEFAULT_RUNNER = "tradewind.sdk.worker.activity_runner"


class LaunchFailed(Exception):
    """No process was started, and no user code has run.

    Attributes:
        reason: why, in a sentence.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """A process that is wanted.

    Attributes:
        dispatch_id: which dispatch it runs.
        code_key: code id and file: children with the same key may be forked from one warm parent that has imported the
            file. None: a process of its own that imports what it needs itself.
        snapshot_directory: the files of the snapshot.
        file: the DAG file in it.
        assignment: body of the first frame, an encoded `Assignment`.
        isolation: how much the process may have in common with others of the same key; without a key: nothing.
        reuse_keys: for `reuse`, with whom the try may share a process: with a first choice, and with others.
        run_as: whom the process becomes before user code runs; part of the keys.
    """

    dispatch_id: str
    code_key: str | None
    snapshot_directory: Path
    file: str
    assignment: bytes
    isolation: Isolation = Isolation.FORK
    reuse_keys: tuple[str, ...] = ()
    run_as: RunAs | None = None


class Launcher:
    """Starts processes; an async context manager. Enter it before the process has connections or threads.

    While it is entered, this process adopts its orphaned descendants and cannot be looked into by others of its user.

    Args:
        environment: the worker's environment, as user code is to see it; `TRADEWIND_*` is left out.
        max_warm_parents: how many warm parents are kept at most; 0 means that every process is a fresh one.
        idle_seconds: a warm parent that was not used for so long ends.
        import_timeout_seconds: an import in a warm parent that takes longer is given up and left to fresh processes.
        max_reused: how many processes wait for another try at most; 0 means that each runs one.
        reuse_idle_seconds: a process that has waited so long ends.
        runner: module that the processes run, see `child.Runner`.
    """

    def __init__(
        self,
        *,
        environment: Mapping[str, str],
        max_warm_parents: int = 8,
        idle_seconds: float = 300,
        import_timeout_seconds: float = 60,
        max_reused: int = 16,
        reuse_idle_seconds: float = 60,
        runner: str = _DEFAULT_RUNNER,
    ) -> None:
        self._environment = environment
        self._max_warm_parents = max_warm_parents
        self._idle_seconds = idle_seconds
        self._import_timeout_seconds = import_timeout_seconds
        self._max_reused = max_reused
        self._reuse_idle_seconds = reuse_idle_seconds
        self._runner = runner
        self._closing = False

    async def __aenter__(self) -> Self:
        self._found_as = (linux.is_dumpable(), linux.is_child_subreaper())
        linux.set_dumpable(False)
        linux.set_child_subreaper(True)
        self._live: dict[int, LiveProcess] = {}
        self._launched: set[LaunchedProcess] = set()
        self._lifeline = Lifeline()
        self._orphans = Orphans(self._live)
        self._zygote = ZygoteKeeper(
            environment=self._environment,
            runner=self._runner,
            lifeline=self._lifeline.read_end,
            live=self._live,
            on_end=self._orphans.sweep_soon,
        )
        self._warm = WarmCache(
            zygote=self._zygote.connection,
            live=self._live,
            on_end=self._orphans.sweep_soon,
            max_parents=self._max_warm_parents,
            idle_seconds=self._idle_seconds,
            import_timeout_seconds=self._import_timeout_seconds,
        )
        self._spares = SpareChildren()
        self._reuse = ReusePool(
            max_idle=self._max_reused, idle_seconds=self._reuse_idle_seconds, kill=_kill_if_it_lives
        )
        await self._zygote.connection()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        self._reuse.close()
        self._spares.close()
        await self._warm.close()
        await self._zygote.close()
        await asyncio.gather(*(process.kill_tree() for process in self._launched))
        self._lifeline.cut()
        while self._live:
            await asyncio.wait([process.exited for process in self._live.values()])
            await asyncio.sleep(0)
        await self._orphans.close()
        dumpable, subreaper = self._found_as
        linux.set_child_subreaper(subreaper)
        linux.set_dumpable(dumpable)

    def exempt(self, pid: int) -> None:
        """Never take this child of the supervisor for something that a try has left.

        Only for those started with a session of their own while the launcher is entered: others are recognised.
        """
        self._orphans.exempt(pid)

    async def launch(self, request: LaunchRequest) -> LaunchedProcess:
        """Start a process and give it its assignment.

        Raises:
            LaunchFailed: no process was started.
        """
        if request.isolation is Isolation.SPAWN:
            return await self._launch_fresh(request, None, spawn=True)
        if request.code_key is None:
            return await self._launch_fresh(request, None)
        if request.isolation is Isolation.REUSE and self._max_reused:
            return await self._launch_reused(request)
        return await self._launch_warm(request)

    async def _launch_warm(self, request: LaunchRequest) -> LaunchedProcess:
        try:
            return await self._start(request, await self._warm_parent(request), warm=True)
        except Declined as decline:
            return await self._launch_fresh(request, str(decline), spawn=decline.unfit)
        except ForkerLost:
            return await self._launch_fresh(request, _FORKER_ENDED)

    async def _warm_parent(self, request: LaunchRequest) -> ForkerConnection:
        return await self._warm.find(request.code_key or "", request.snapshot_directory, request.file, request.run_as)

    async def _launch_fresh(
        self, request: LaunchRequest, reason: str | None, *, spawn: bool = False
    ) -> LaunchedProcess:
        for _ in range(_FRESH_ATTEMPTS):
            try:
                return await self._start(request, await self._ready_zygote(), fresh_reason=reason, spawn=spawn)
            except ForkerLost:
                continue
        raise self._zygote_ended()

    async def _ready_zygote(self) -> ForkerConnection:
        if self._closing:
            raise LaunchFailed("The launcher is closing.")
        try:
            return await self._zygote.connection()
        except OSError as error:
            raise LaunchFailed(f"The zygote cannot be started: {error}.") from error

    def _zygote_ended(self) -> LaunchFailed:
        end = self._zygote.last_end or "an unknown status"
        return LaunchFailed(f"The zygote, from which processes are forked, ended with {end}; see the worker's log.")

    async def _launch_reused(self, request: LaunchRequest) -> LaunchedProcess:
        """Let a process that waits run it, or a new one that then waits for others."""
        while reused := self._reuse.take(request.reuse_keys):
            if launched := await self._take_turn(request, reused):
                return launched
        try:
            reused = await self._start_reused(request)
        except Declined as decline:  # the import failed, and the try's own process says how
            return await self._launch_fresh(request, str(decline))
        except ForkerLost:
            return await self._launch_fresh(request, _FORKER_ENDED)
        launched = await self._take_turn(request, reused)
        return launched or await self._launch_fresh(request, "The process that was to be reused ended.")

    async def _start_reused(self, request: LaunchRequest) -> ReusedProcess:
        try:
            forker, spawn = await self._warm_parent(request), False
        except Declined as decline:
            if not decline.unfit:
                raise
            # Threads and sockets of an import do no harm in the process that made them.
            forker, spawn = await self._ready_zygote(), True
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)  # noqa: FBT003 - the standard library's signature
        try:
            user = request.run_as if spawn else None
            process = await forker.start_child([theirs.fileno()], spawn=spawn, reuse=True, run_as=user)
        except ForkRefused as error:
            ours.close()
            raise LaunchFailed(str(error)) from error
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        key = request.reuse_keys[-1]
        return ReusedProcess(ours, process, forker.session, key=key, waits=self._reuse.waits)

    async def _take_turn(self, request: LaunchRequest, reused: ReusedProcess) -> LaunchedProcess | None:
        pipes = Pipes(request.run_as)
        turn = reused.begin(pipes.child_ends, str(request.snapshot_directory), request.file)
        pipes.close_child_ends()
        if turn is None:
            pipes.close()
            return None
        launched = LaunchedProcess(
            dispatch_id=request.dispatch_id,
            process=turn,
            session=reused.session,
            warm=True,
            fresh_reason=None,
            pipes=pipes,
            orphans=self._orphans,
            reused=reused,
        )
        return await self._assign(request, launched, pipes)

    async def _start(
        self,
        request: LaunchRequest,
        forker: ForkerConnection,
        *,
        warm: bool = False,
        fresh_reason: str | None = None,
        spawn: bool = False,
    ) -> LaunchedProcess:
        try:
            if warm:
                # The children of a warm parent are its user already.
                child = await self._spares.take(forker, request.run_as)
            else:
                child = await fork(forker, request.run_as, spawn=spawn, run_as=request.run_as)
        except ForkRefused as error:
            raise LaunchFailed(str(error)) from error
        launched = LaunchedProcess(
            dispatch_id=request.dispatch_id,
            process=child.process,
            session=forker.session,
            warm=warm,
            fresh_reason=fresh_reason,
            spawned=spawn,
            pipes=child.pipes,
            orphans=self._orphans,
        )
        await self._assign(request, launched, child.pipes)
        if warm:
            self._spares.prepare(forker, request.run_as)
        return launched

    async def _assign(self, request: LaunchRequest, launched: LaunchedProcess, pipes: Pipes) -> LaunchedProcess:
        self._launched.add(launched)
        launched.when_ended(self._launched.discard)
        # Only now: had its forker died after the fork and before it said so, a second process would be started, and
        # without an assignment the first one ends by itself.
        try:
            await launched.channel.send(request.assignment)
        except ChannelClosed:  # it ended at once; `wait` tells how
            pass
        except BaseException:
            launched.close()
            pipes.close_read_ends()
            raise
        return launched


def _kill_if_it_lives(process: LiveProcess) -> None:
    if not process.exited.done():
        process_tree.send_signal(process.pid, process.start_ticks, signal.SIGKILL)
