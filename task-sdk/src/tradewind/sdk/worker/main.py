"""`tradewind worker`: one life of a worker, from the lock on its state directory to the last acknowledged outcome."""

from __future__ import annotations

import asyncio
import gc
import logging
import os

from tradewind.sdk.client.http import HttpTransport
from tradewind.sdk.worker.for_tasks import ForTasks
from tradewind.sdk.worker.launcher import Launcher
from tradewind.sdk.worker.life import RUNNER, Ends, end_former_life, end_on_signals
from tradewind.sdk.worker.line import HttpLine
from tradewind.sdk.worker.parent_watch import ParentWatch
from tradewind.sdk.worker.session import SessionTransport
from tradewind.sdk.worker.session_frames import SessionRefused
from tradewind.sdk.worker.settings import WorkerSettings
from tradewind.sdk.worker.state_directory import StateDirectory, StateDirectoryError
from tradewind.sdk.worker.supervisor import Supervisor
from tradewind.sdk.worker.worker_log import set_up_logging
from tradewind.sdk.worker.workplace import open_workplace

logger = logging.getLogger("tradewind.worker")

EXIT_STOPPED = 0
EXIT_REFUSED = 1
_STOP_WITHOUT_SERVER_SECONDS = 2.0
_COLLECT_AFTER = 10_000
"""Objects: some hundred tries."""


def run_worker(settings: WorkerSettings, *, exit_with_parent: bool = False, runner: str = RUNNER) -> int:
    """Run a worker until it is told to stop, and return its exit code.

    The first SIGTERM drains: nothing more is taken, and what runs gets `drain_timeout` to end. SIGINT, or the next
    SIGTERM, ends activities, reports them as interrupted and delivers what it can; one more ends the process at once.

    Args:
        settings: what the worker is told.
        exit_with_parent: stop when the process that started this one ends.
        runner: module that the processes of activities run.

    Returns:
        0 after a stop; 1 when the worker cannot work: the state directory is in use, or the server refuses it for good.
    """
    set_up_logging()
    # What is imported stays: it need not be gone through whenever tries have made some garbage.
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)
    try:
        return asyncio.run(_live(settings, exit_with_parent=exit_with_parent, runner=runner))
    except StateDirectoryError as error:
        logger.error("%s", error)  # noqa: TRY400 - a sentence for people
        return EXIT_REFUSED


async def _live(settings: WorkerSettings, *, exit_with_parent: bool, runner: str) -> int:
    with StateDirectory.open(settings.state_directory) as state, end_on_signals() as ends:
        watch = ParentWatch(os.environ, ends.stop.set) if exit_with_parent else None
        try:
            end_former_life(state)
            # The zygote is forked and started before this process has a connection or a thread.
            async with Launcher(
                environment=settings.child_environment(os.environ),
                max_warm_parents=settings.max_warm_parents,
                max_reused=settings.max_reused_processes,
                reuse_idle_seconds=settings.reuse_idle_seconds,
                runner=runner,
            ) as launcher:
                return await serve(settings, state, launcher, ends)
        finally:
            if watch is not None:
                watch.close()


async def serve(settings: WorkerSettings, state: StateDirectory, launcher: Launcher, ends: Ends) -> int:
    """Work for the server until it is told to end or the server refuses the worker; the exit code."""
    async with HttpTransport(settings.api_url, settings.token) as http:
        files = HttpLine(http)
        supervisor = Supervisor(settings, state.instance_id, drain_asked=ends.drain.set)
        session = SessionTransport(
            api_url=settings.api_url,
            token=settings.token,
            instance_id=state.instance_id,
            http=files,
            owner=supervisor,
        )
        async with open_workplace(
            state=state,
            launcher=launcher,
            line=session,
            files=files,
            code_cache_bytes=settings.code_cache_bytes,
            run_as_users=settings.run_as_users,
            for_tasks=ForTasks.of(settings, os.environ),
        ) as workplace:
            supervisor.open_workplace(workplace)
            logger.info(
                "worker started pid=%d instance=%s server=%s queues=%s capacity=%d parse_capacity=%d state=%s",
                os.getpid(),
                state.instance_id,
                settings.api_url,
                ",".join(settings.queues),
                settings.capacity,
                settings.parse_capacity,
                state.path,
            )
            return await _work(settings, session, supervisor, ends)


async def _work(settings: WorkerSettings, session: SessionTransport, supervisor: Supervisor, ends: Ends) -> int:
    connection = asyncio.create_task(session.run(), name="session")
    await _first(connection, ends.drain, ends.stop)
    supervisor.refuse_work()
    if not connection.done() and not ends.stop.is_set():
        await _drain(settings, session, supervisor, ends, connection)
    if connection.done():
        # Nobody takes outcomes any more: they stay in the spool for a worker that is let in.
        await supervisor.stop(min(settings.stop_timeout, _STOP_WITHOUT_SERVER_SECONDS))
    else:
        logger.info("worker stops")
        await session.offer(supervisor.capacity())
        await supervisor.stop(settings.stop_timeout)
        connection.cancel()
        await asyncio.wait([connection])
    if not connection.cancelled() and (error := connection.exception()) is not None:
        if not isinstance(error, SessionRefused):
            raise error
        logger.error("%s", error)
        return EXIT_REFUSED
    return EXIT_STOPPED


async def _drain(
    settings: WorkerSettings,
    session: SessionTransport,
    supervisor: Supervisor,
    ends: Ends,
    connection: asyncio.Task[None],
) -> None:
    """Let what runs come to its end, unless the worker is told to stop or the time that a signal set is over."""
    logger.info("worker drains running=%d", supervisor.running)
    await session.offer(supervisor.capacity())
    idle = asyncio.create_task(supervisor.idle(), name="idle")
    try:
        await _first(connection, idle, ends.stop, ends.timed)
        if idle.done() or connection.done() or ends.stop.is_set():
            return
        try:
            async with asyncio.timeout(settings.drain_timeout):
                await _first(connection, idle, ends.stop)
        except TimeoutError:
            logger.warning("time to drain is over seconds=%g running=%d", settings.drain_timeout, supervisor.running)
    finally:
        idle.cancel()


async def _first(*ends: asyncio.Task[None] | asyncio.Event) -> None:
    """Wait for the first of some tasks and events."""
    watches = [asyncio.create_task(end.wait()) for end in ends if isinstance(end, asyncio.Event)]
    tasks = [end for end in ends if isinstance(end, asyncio.Task)]
    try:
        await asyncio.wait([*watches, *tasks], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for watch in watches:
            watch.cancel()
