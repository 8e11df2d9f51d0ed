"""A launcher with everything that a test wants to see of its processes."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import select
import signal
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

from tradewind.sdk.contract import Isolation
from tradewind.sdk.worker.launcher import ExitStatus, LaunchedProcess, Launcher, LaunchRequest
from tradewind.sdk.worker.process_tree import Identity, is_alive

RUNNER_FOLDER = Path(__file__).parent / "runner"
DEADLINE_SECONDS = 30.0


@dataclasses.dataclass(frozen=True)
class Ended:
    status: ExitStatus
    frames: list[Any]
    stdout: str
    stderr: str
    log: str

    @property
    def result(self) -> Any:
        """What the behaviour has returned."""
        assert self.frames, f"no result but {self.status}: {self.stderr}"
        return self.frames[-1]["result"]


class Watched:
    """A launched process whose pipes and frames are read as they come."""

    def __init__(self, process: LaunchedProcess) -> None:
        self.process = process
        self._told: asyncio.Queue[Any] = asyncio.Queue()
        self.frames: list[Any] = []
        self._reading = asyncio.create_task(self._read_frames())
        descriptors = (process.stdout_fd, process.stderr_fd, process.log_fd)
        self._pipes = [asyncio.create_task(read_to_end(descriptor)) for descriptor in descriptors]

    async def told(self) -> Any:
        """The next frame."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await self._told.get()

    async def ended(self) -> Ended:
        """Its end, with all that it has said."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            await self._reading
            status = await self.process.wait()
            texts = [(await pipe).decode() for pipe in self._pipes]
        return Ended(status, self.frames, *texts)

    async def _read_frames(self) -> None:
        async for frame in self.process.channel:
            self.frames.append(json.loads(frame))
            self._told.put_nowait(self.frames[-1])


class Rig:
    def __init__(self, launcher: Launcher, directory: Path) -> None:
        self.launcher = launcher
        self.directory = directory

    def write(self, text: str, file: str = "dag.py") -> str:
        (self.directory / file).write_text(text)
        return file

    def request(
        self,
        do: str,
        *,
        file: str | None = None,
        isolation: str = "fork",
        keys: tuple[str, ...] = ("shared",),
        **arguments: Any,
    ) -> LaunchRequest:
        assignment = json.dumps({"do": do, "with": arguments}).encode()
        return LaunchRequest(
            "dispatch",
            file,
            self.directory,
            file or "none.py",
            assignment,
            isolation=Isolation(isolation),
            reuse_keys=keys,
        )

    async def start(self, do: str, *, file: str | None = None, **arguments: Any) -> Watched:
        """A process that does what a behaviour says, from a warm parent when there is a file."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            return Watched(await self.launcher.launch(self.request(do, file=file, **arguments)))

    async def run(self, do: str, *, file: str | None = None, **arguments: Any) -> Ended:
        return await (await self.start(do, file=file, **arguments)).ended()

    async def kill_and_notice(self, pid: int) -> None:
        """Kill a process, until the launcher knows."""
        ended = self.launcher._live[pid].exited
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(DEADLINE_SECONDS):
            await asyncio.shield(ended)

    async def spare_of(self, parent: int) -> int:
        """The process that a warm parent has forked ahead of its assignment."""
        spares = self.launcher._spares._spares
        (started,) = (started for forker, (started, _pipes) in spares.items() if forker.process.pid == parent)
        return (await asyncio.shield(started)).pid

    @property
    def zygote(self) -> Identity:
        """The process from which fresh ones are forked."""
        connection = self.launcher._zygote._connection
        assert connection
        return Identity(connection.process.pid, connection.process.start_ticks, "", connection.process.pid)


@contextlib.asynccontextmanager
async def rig(directory: Path, *, environment: dict[str, str] | None = None, **settings: Any) -> AsyncIterator[Rig]:
    paths = os.pathsep.join([str(RUNNER_FOLDER), *filter(None, [os.environ.get("PYTHONPATH")])])
    given = {**os.environ, **(environment or {}), "PYTHONPATH": paths}
    given.pop("PYTHONUNBUFFERED", None)
    async with Launcher(environment=given, **{"runner": "instructed", **settings}) as launcher:
        yield Rig(launcher, directory)


async def read_to_end(descriptor: int) -> bytes:
    loop = asyncio.get_running_loop()
    text = bytearray()
    ended = loop.create_future()

    def read() -> None:
        data = os.read(descriptor, 65536)
        text.extend(data)
        if not data:
            ended.set_result(None)

    loop.add_reader(descriptor, read)
    try:
        await ended
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    return bytes(text)


def open_processes(pids: Iterable[int]) -> list[int]:
    """Descriptors that become readable when the processes end."""
    return [os.pidfd_open(pid) for pid in pids]


def await_end(descriptors: Iterable[int], seconds: float = DEADLINE_SECONDS) -> bool:
    """Whether all have ended in time; closes the descriptors."""
    waiting = set(descriptors)
    deadline = time.monotonic() + seconds
    try:
        while waiting:
            ended, _, _ = select.select(list(waiting), [], [], max(0.0, deadline - time.monotonic()))
            if not ended:
                return False
            for descriptor in ended:
                os.close(descriptor)
            waiting.difference_update(ended)
        return True
    finally:
        for descriptor in waiting:
            os.close(descriptor)


def all_alive(processes: Iterable[Identity]) -> bool:
    return all(is_alive(process) for process in processes)
