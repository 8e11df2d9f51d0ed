"""Starts the processes that run user code, and ends them: the door between a supervisor and what it supervises."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tradewind.sdk.worker import linux
from tradewind.sdk.worker.async_channel import AsyncChannel
from tradewind.sdk.worker.channel import ChannelClosed, FrameTooLarge
from tradewind.sdk.worker.forker_connection import ForkerConnection, ForkerLost, ForkRefused
from tradewind.sdk.worker.launched_process import LaunchedProcess, Pipes
from tradewind.sdk.worker.lifeline import Lifeline
from tradewind.sdk.worker.live_process import ExitStatus, LiveProcess
from tradewind.sdk.worker.orphans import Orphans
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
    """

    dispatch_id: str
    code_key: str | None
    snapshot_directory: Path
    file: str
    assignment: bytes


class Launcher:
    """Starts processes; an async context manager. Enter it before the process has connections or threads.

    While it is entered, this process adopts its orphaned descendants and cannot be looked into by others of its user.

    Args:
        environment: the worker's environment, as user code is to see it; `TRADEWIND_*` is left out.
        max_warm_parents: how many warm parents are kept at most; 0 means that every process is a fresh one.
        idle_seconds: a warm parent that was not used for so long ends.
        import_timeout_seconds: an import in a warm parent that takes longer is given up and left to fresh processes.
        runner: module that the processes run, see `child.Runner`.
    """

    def __init__(
        self,
        *,
        environment: Mapping[str, str],
        max_warm_parents: int = 8,
        idle_seconds: float = 300,
        import_timeout_seconds: float = 60,
        runner: str = _DEFAULT_RUNNER,
    ) -> None:
        self._environment = environment
        self._max_warm_parents = max_warm_parents
        self._idle_seconds = idle_seconds
        self._import_timeout_seconds = import_timeout_seconds
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
            on_end=self._orphans.sweep,
        )
        self._warm = WarmCache(
            zygote=self._zygote.connection,
            live=self._live,
            on_end=self._orphans.sweep,
            max_parents=self._max_warm_parents,
            idle_seconds=self._idle_seconds,
            import_timeout_seconds=self._import_timeout_seconds,
        )
        await self._zygote.connection()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
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
        reason = None
        if request.code_key is not None:
            try:
                parent = await self._warm.find(request.code_key, request.snapshot_directory, request.file)
                return await self._start(request, parent, warm=True, fresh_reason=None)
            except Declined as decline:
                reason = str(decline)
            except ForkerLost:
                reason = "The process that should have started it ended."
        return await self._launch_fresh(request, reason)

    async def _launch_fresh(self, request: LaunchRequest, reason: str | None) -> LaunchedProcess:
        for _ in range(_FRESH_ATTEMPTS):
            if self._closing:
                raise LaunchFailed("The launcher is closing.")
            try:
                zygote = await self._zygote.connection()
                return await self._start(request, zygote, warm=False, fresh_reason=reason)
            except ForkerLost:
                continue
            except OSError as error:
                raise LaunchFailed(f"The zygote cannot be started: {error}.") from error
        end = self._zygote.last_end or "an unknown status"
        raise LaunchFailed(f"The zygote, from which processes are forked, ended with {end}; see the worker's log.")

    async def _start(
        self, request: LaunchRequest, forker: ForkerConnection, *, warm: bool, fresh_reason: str | None
    ) -> LaunchedProcess:
        pipes = Pipes()
        try:
            process = await forker.start_child(pipes.child_ends)
        except ForkRefused as error:
            pipes.close()
            raise LaunchFailed(str(error)) from error
        except BaseException:
            pipes.close()
            raise
        finally:
            pipes.close_child_ends()
        launched = LaunchedProcess(
            dispatch_id=request.dispatch_id,
            process=process,
            session=forker.session,
            warm=warm,
            fresh_reason=fresh_reason,
            pipes=pipes,
            orphans=self._orphans,
        )
        self._launched.add(launched)
        process.exited.add_done_callback(lambda _: self._launched.discard(launched))
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
