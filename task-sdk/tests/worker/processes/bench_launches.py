"""Measures what starting, running and ending a process costs: `python bench_launches.py [COUNT [AT_A_TIME]]`.

No-op tasks of a real DAG file through the real runner, with everything that a supervisor reads. CPU is that of the
supervisor, of the forking process, and of the processes themselves, in milliseconds each.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import tempfile
import time
import uuid
from pathlib import Path

from tradewind.sdk.contract import Isolation
from tradewind.sdk.worker.launcher import Launcher, LaunchRequest

DAG_FILE = """
from tradewind.sdk import dag, task

@dag(dag_id="bench")
def bench():
    @task
    def noop():
        pass

    noop()

bench()
"""
DIGEST = "sha256:" + 64 * "0"
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def assignment(folder: Path) -> bytes:
    identity = {"dag_id": "bench", "run_id": "run"}
    task_try = {"task_id": "noop", "map_index": -1, "try_number": 1, "try_id": str(uuid.uuid4())}
    dag_run = {"run_type": "manual", "run_after": "2026-01-01T00:00:00Z", "conf": {}, "dag_version": 1}
    activity = {
        "kind": "execute_task",
        "task_try": identity | task_try,
        "dag_run": identity | dag_run,
        "code": {"bundle": "dags", "snapshot": DIGEST, "file": "bench.py", "code_id": DIGEST},
        "max_tries": 1,
        "isolation": "fork",
        "on_cut": "continue",
    }
    frame = {
        "frame": "assignment",
        "dispatch_id": str(uuid.uuid4()),
        "activity": activity,
        "secrets": {"connections": [], "variables": []},
        "snapshot_directory": str(folder),
    }
    return json.dumps(frame).encode()


class Pipe:
    """Reads a pipe to its end."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.text = b""
        self.loop = asyncio.get_running_loop()
        self.ended = self.loop.create_future()
        self.loop.add_reader(descriptor, self.read)

    def read(self) -> None:
        data = os.read(self.descriptor, 65536)
        self.text += data
        if not data:
            self.loop.remove_reader(self.descriptor)
            os.close(self.descriptor)
            self.ended.set_result(None)


async def run_one(launcher: Launcher, request: LaunchRequest) -> bool:
    process = await launcher.launch(request)
    pipes = [Pipe(descriptor) for descriptor in (process.stdout_fd, process.stderr_fd, process.log_fd)]
    frames = [frame async for frame in process.channel]
    status = await process.wait()
    for pipe in pipes:
        await pipe.ended
    assert status.code == 0, f"{status}: {b''.join(pipe.text for pipe in pipes).decode()}"
    assert b'"outcome":"success"' in frames[-1], frames
    return process.warm


def spent(pid: int) -> tuple[float, float, int]:
    """CPU seconds of a process, of its children, and the page faults of its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own, children = (sum(map(int, fields[start : start + 2])) / TICKS_PER_SECOND for start in (11, 13))
    return own, children, int(fields[8])


async def measure(launcher: Launcher, request: LaunchRequest, count: int, at_a_time: int) -> str:
    left = iter(range(count))

    async def work() -> None:
        for _ in left:
            await run_one(launcher, request)

    await asyncio.gather(*(run_one(launcher, request) for _ in range(at_a_time)))
    before = {pid: spent(pid) for pid in launcher._live}
    mine = resource.getrusage(resource.RUSAGE_SELF)
    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(at_a_time)))
    seconds = time.perf_counter() - began
    now = resource.getrusage(resource.RUSAGE_SELF)
    supervisor = now.ru_utime + now.ru_stime - mine.ru_utime - mine.ru_stime
    deltas = [tuple(a - b for a, b in zip(spent(pid), before[pid], strict=True)) for pid in before]
    forker, children, faults = (sum(delta[column] for delta in deltas) for column in range(3))
    total = supervisor + forker + children
    figures = ", ".join(
        f"{name} {value / count * 1000:.2f}"
        for name, value in (("all", total), ("supervisor", supervisor), ("forker", forker), ("process", children))
    )
    return (
        f"{count / seconds:5.0f}/s, {seconds / count * at_a_time * 1000:5.2f} ms each; CPU ms: {figures}; "
        f"page faults {faults / count:.0f}"
    )


async def main(count: int, at_a_time: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "bench.py").write_text(DAG_FILE)
        async with Launcher(environment=os.environ) as launcher:
            for kind, key, isolation, share in (
                ("warm", "bench", Isolation.FORK, 1),
                ("fresh", None, Isolation.FORK, 4),
                ("reused", "bench", Isolation.REUSE, 1),
                ("spawned", "bench", Isolation.SPAWN, 40),
            ):
                work = assignment(folder)
                request = LaunchRequest("dispatch", key, folder, "bench.py", work, isolation, ("bench",))
                began = time.perf_counter()
                assert await run_one(launcher, request) == (kind in {"warm", "reused"})
                print(f"{kind}: the first one {(time.perf_counter() - began) * 1000:.0f} ms")
                print(f"{kind}, one at a time:   {await measure(launcher, request, count // share // 4, 1)}")
                print(f"{kind}, {at_a_time} at a time:  {await measure(launcher, request, count // share, at_a_time)}")
            for process in launcher._live.values():
                memory = Path(f"/proc/{process.pid}/smaps_rollup").read_text().split("Rss:")[1].split()[0]
                print(f"forker {process.pid}: {int(memory) / 1024:.1f} MiB resident")


if __name__ == "__main__":
    asyncio.run(main(*[int(argument) for argument in sys.argv[1:] or ("2000", "16")]))
