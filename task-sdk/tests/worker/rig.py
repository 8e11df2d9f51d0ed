"""A whole worker inside a test: real launcher and processes, real sockets, the server of `fake_server`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.worker.fake_server import FakeServer
from tradewind.sdk.worker.launcher import Launcher
from tradewind.sdk.worker.life import Ends, end_former_life
from tradewind.sdk.worker.main import serve
from tradewind.sdk.worker.settings import WorkerSettings
from tradewind.sdk.worker.state_directory import StateDirectory

ROOT = Path(__file__).parents[2]
RUNNER = "tests.worker.script_runner"


def environment() -> dict[str, str]:
    """The environment of processes that find `RUNNER`."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path}


@dataclass
class Worker:
    """A running worker."""

    ends: Ends
    ended: asyncio.Task[int]
    state: StateDirectory
    launcher: Launcher

    @property
    def stop(self) -> asyncio.Event:
        return self.ends.stop

    async def end(self) -> int:
        """Tell it to stop; its exit code."""
        self.stop.set()
        return await self.ended


async def process_ended(pid: int, timeout: float = 20.0) -> None:
    """Wait until a process has ended, which may not be a child of this one."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    loop.add_reader(descriptor, ended.cancel)
    try:
        async with asyncio.timeout(timeout):
            await asyncio.wait([ended])
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


@asynccontextmanager
async def working(server: FakeServer, directory: Path, **settings: Any) -> AsyncIterator[Worker]:
    """A worker on this server."""
    chosen = WorkerSettings(
        token="tw_worker", api_url=server.url, state_directory=directory / "state", **{"stop_timeout": 5.0, **settings}
    )
    ends = Ends()
    with StateDirectory.open(chosen.state_directory) as state:
        end_former_life(state)
        async with Launcher(environment=environment(), runner=RUNNER) as launcher:
            worker = Worker(ends, asyncio.create_task(serve(chosen, state, launcher, ends)), state, launcher)
            try:
                yield worker
            finally:
                ends.stop.set()
                await asyncio.wait([worker.ended])
    worker.ended.result()


def run_with_server(work: Callable[[FakeServer], Coroutine[Any, Any, None]], **attributes: Any) -> None:
    """Run a test beside a server with these attributes."""

    async def run() -> None:
        async with asyncio.timeout(60), FakeServer() as server:
            for name, value in attributes.items():
                setattr(server, name, value)
            await work(server)

    asyncio.run(run())


def run_with_worker(
    tmp_path: Path, work: Callable[[FakeServer, Worker], Coroutine[Any, Any, None]], **attributes: Any
) -> None:
    """Run a test beside a server with these attributes and a worker that has said hello to it."""

    async def run(server: FakeServer) -> None:
        async with working(server, tmp_path) as worker:
            await server.until(lambda: server.connections)
            await work(server, worker)

    run_with_server(run, **attributes)
