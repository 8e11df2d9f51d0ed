"""Activities of the contract, through the processes that run them on a worker."""

from __future__ import annotations

import asyncio
import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from tradewind.sdk.contract import FileParsed, Outcome, Result, TaskFailed, TaskSucceeded, decode
from tradewind.sdk.worker.launcher import LaunchedProcess, Launcher, LaunchRequest

from .bench_launches import assignment
from .harness import DEADLINE_SECONDS, read_to_end

DIGEST = "sha256:" + 64 * "0"
FILE = """
import os
from tradewind.sdk import dag, task

@dag(dag_id="bench")
def bench():
    @task
    def noop():
        print("in", os.getpid())
        return os.getpid()

    noop()

bench()
"""


async def run(launcher: Launcher, request: LaunchRequest) -> tuple[LaunchedProcess, Outcome, str]:
    """The process, its outcome and what it has printed."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        process = await launcher.launch(request)
        pipes = (process.stdout_fd, process.stderr_fd, process.log_fd)
        reading = [asyncio.create_task(read_to_end(descriptor)) for descriptor in pipes]
        frames = [frame async for frame in process.channel]
        output, errors, _log = [(await pipe).decode() for pipe in reading]
        assert await process.wait() == (0, None), errors
        return process, decode(Result, frames[-1]).outcome, output


def task_request(folder: Path, *, warm: bool) -> LaunchRequest:
    return LaunchRequest("dispatch", "code" if warm else None, folder, "bench.py", assignment(folder))


def parse_request(folder: Path) -> LaunchRequest:
    code = {"bundle": "dags", "snapshot": DIGEST, "file": "bench.py"}
    activity: dict[str, Any] = {"kind": "parse_dag_file", "parse_id": str(uuid.uuid4()), "code": code}
    frame = json.loads(assignment(folder)) | {"activity": activity | {"timeout_seconds": 30}}
    return LaunchRequest("dispatch", None, folder, "bench.py", json.dumps(frame).encode())


@pytest.mark.parametrize("warm", [True, False], ids=["warm", "fresh"])
def test_a_task_runs_in_its_process(tmp_path: Path, warm: bool) -> None:
    async def scenario() -> None:
        (tmp_path / "bench.py").write_text(FILE)
        async with Launcher(environment={}) as launcher:
            process, outcome, output = await run(launcher, task_request(tmp_path, warm=warm))
            assert (process.warm, process.fresh_reason) == (warm, None)
            assert isinstance(outcome, TaskSucceeded)
            assert [entry.value for entry in outcome.xcoms] == [process.pid]
            assert output == f"in {process.pid}\n"

    asyncio.run(scenario())


def test_a_task_of_a_file_that_cannot_be_imported_fails_with_the_place(tmp_path: Path) -> None:
    async def scenario() -> None:
        (tmp_path / "bench.py").write_text("\n\nimport no_such_module\n")
        async with Launcher(environment={}) as launcher:
            process, outcome, _ = await run(launcher, task_request(tmp_path, warm=True))
            assert "no_such_module" in (process.fresh_reason or "")
            assert isinstance(outcome, TaskFailed)
            assert outcome.error.type == "ModuleNotFoundError"
            assert "line 3" in (outcome.error.traceback or "")

    asyncio.run(scenario())


def test_a_file_is_parsed_in_a_fresh_process(tmp_path: Path) -> None:
    async def scenario() -> None:
        (tmp_path / "bench.py").write_text(FILE)
        async with Launcher(environment={}) as launcher:
            process, outcome, _ = await run(launcher, parse_request(tmp_path))
            assert not process.warm
            assert isinstance(outcome, FileParsed)
            assert [dag.dag_id for dag in outcome.dags] == ["bench"]

    asyncio.run(scenario())
