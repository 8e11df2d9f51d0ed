"""New interpreters: what they share with the worker that started them, and which files get them unasked."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from .harness import await_end, open_processes, rig

THREAD = "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\nVALUE = 1\nPID = 0"


@pytest.mark.parametrize("file", [None, "dag.py"])
def test_a_spawned_process_is_a_new_interpreter_with_the_descriptors_and_rights_of_a_child(
    tmp_path: Path, file: str | None
) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            processes.write("raise AssertionError('a warm parent is not needed')")
            watched = await processes.start("describe_process", file=file, isolation="spawn")
            ended = await watched.ended()
            found = ended.result
            assert ended.status == (0, None)
            assert (watched.process.warm, watched.process.spawned, watched.process.fresh_reason) == (False, True, None)
            assert found["descriptors"] == [0, 1, 2, 3, 4, 5]
            assert (found["pid"], found["group"]) == (watched.process.pid,) * 2
            assert found["session"] == processes.zygote.pid
            assert (found["subreaper"], found["dumpable"], found["blocked"]) == (1, 1, [])
            assert found["collects_garbage"]
            assert found["interrupt"]
            command = (await processes.run("command_line", file=file, isolation="spawn")).result
            assert "tradewind.sdk.worker.spawned" in command

    asyncio.run(scenario())


def test_a_spawned_process_writes_what_a_forked_one_does(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, environment={"LC_ALL": "C", "PYTHONUTF8": "0"}) as processes:
            ended = await processes.run("output", isolation="spawn")
            assert "to standard output: é\n" in ended.stdout
            assert ended.stdout.endswith("from a program\nno newline at the end")
            assert ended.stderr == "to standard error\n"
            assert ended.log == '{"event": "to the log"}\n'

    asyncio.run(scenario())


def test_a_file_whose_import_leaves_a_thread_is_spawned(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            file = processes.write(THREAD)
            for _ in range(2):
                watched = await processes.start("own_pid", file=file)
                await watched.ended()
                assert watched.process.spawned
                assert "thread" in (watched.process.fresh_reason or "")

    caplog.set_level("INFO")
    asyncio.run(scenario())
    said = [record.getMessage() for record in caplog.records if "file is not forked" in record.getMessage()]
    assert len(said) == 1
    assert "1 thread" in said[0]


def test_a_killed_spawned_process_is_told_as_killed_and_its_tree_dies(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            watched = await processes.start("daemons", isolation="spawn", then="stay")
            left = open_processes((await watched.told())["pids"])
            os.kill(watched.process.pid, signal.SIGKILL)
            assert (await watched.ended()).status == (None, signal.SIGKILL)
            assert await asyncio.to_thread(await_end, left)

    asyncio.run(scenario())


def test_a_spawned_process_and_what_it_forked_die_with_the_supervisor(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            watched = await processes.start("fork_and_stay", isolation="spawn")
            ends = open_processes([watched.process.pid, *(await watched.told())["pids"]])
            # For the kernel, the same as the death of the process that holds the other end.
            processes.launcher._lifeline.cut()
            assert await asyncio.to_thread(await_end, ends)

    asyncio.run(scenario())


def test_killing_the_tree_of_a_spawned_process_leaves_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            watched = await processes.start("fork_and_stay", isolation="spawn")
            ends = open_processes([watched.process.pid, *(await watched.told())["pids"]])
            await watched.process.kill_tree()
            assert await_end(ends, seconds=0.0)

    asyncio.run(scenario())
