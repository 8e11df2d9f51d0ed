"""`tradewind worker`: one life of a worker, from the lock on its state directory to the last acknowledged outcome."""

from __future__ import annotations

import asyncio
import logging
import os

from tradewind.sdk.client.http import HttpTransport
from tradewind.sdk.worker.launcher import Launcher
from tradewind.sdk.worker.life import RUNNER, end_former_life, stop_on_signals
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


def run_worker(settings: WorkerSettings, *, exit_with_parent: bool = False, runner: str = RUNNER) -> int:
    """Run a worker until it is told to stop, and return its exit code.

    The first SIGTERM or SIGINT ends activities, reports them as interrupted and delivers what it can; the second one
    ends the process at once.

    Args:
        settings: what the worker is told.
        exit_with_parent: stop when the process that started this one ends.
        runner: module that the processes of activities run.

    Returns:
        0 after a stop; 1 when the worker cannot work: the state directory is in use, or the server refuses it for good.
    """
    set_up_logging()
    try:
        return asyncio.run(_live(settings, exit_with_parent=exit_with_parent, runner=runner))
    except StateDirectoryError as error:
        logger.error("%s", error)  # noqa: TRY400 - a sentence for people
        return EXIT_REFUSED


async def _live(settings: WorkerSettings, *, exit_with_parent: bool, runner: str) -> int:
    with StateDirectory.open(settings.state_directory) as state, stop_on_signals() as stop:
        watch = ParentWatch(os.environ, stop.set) if exit_with_parent else None
        try:
            end_former_life(state)
            # The zygote is forked and started before this process has a connection or a thread.
            async with Launcher(
                environment=settings.child_environment(os.environ),
                max_warm_parents=settings.max_warm_parents,
                runner=runner,
            ) as launcher:
                return await serve(settings, state, launcher, stop)
        finally:
            if watch is not None:
                watch.close()


async def serve(settings: WorkerSettings, state: StateDirectory, launcher: Launcher, stop: asyncio.Event) -> int:
    """Work for the server until `stop` is set or the server refuses the worker; the exit code."""
    async with HttpTransport(settings.api_url, settings.token) as http:
        files = HttpLine(http)
        supervisor = Supervisor(settings, state.instance_id)
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
            return await _work(settings, session, supervisor, stop)


async def _work(
    settings: WorkerSettings, session: SessionTransport, supervisor: Supervisor, stop: asyncio.Event
) -> int:
    connection = asyncio.create_task(session.run(), name="session")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait({connection, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    supervisor.refuse_work()
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
