"""Nothing outlives its supervisor, and nothing dies with anybody else."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tradewind.sdk.worker import process_tree

from .harness import RUNNER_FOLDER, all_alive, await_end, open_processes, rig

PROGRAM = RUNNER_FOLDER / "supervise.py"


@contextlib.contextmanager
def supervisor(command: list[str]) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as program:
        try:
            assert program.stdout
            yield program, json.loads(program.stdout.readline())
        finally:
            program.kill()


def command(tmp_path: Path, fresh: int, warm: int) -> list[str]:
    (tmp_path / "dag.py").write_text("")
    return [sys.executable, str(PROGRAM), str(tmp_path), str(fresh), str(warm)]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_everything_dies_with_the_supervisor(tmp_path: Path, number: signal.Signals) -> None:
    with supervisor(command(tmp_path, 3, 3)) as (program, started):
        assert started["warm"] == [False] * 3 + [True] * 3
        assert len(started["forked"]) == 12  # by user code: a process, and one of that, in each
        ends = open_processes({*started["live"], *started["forked"]})
        assert len(ends) >= 2 + 6 + 12
        program.send_signal(number)
        assert program.wait() == -number
        assert await_end(ends)


def test_more_processes_than_lifelines_are_ready_die_with_the_supervisor_too(tmp_path: Path) -> None:
    with supervisor(command(tmp_path, 34, 0)) as (program, started):
        ends = open_processes({*started["live"], *started["forked"]})
        program.kill()
        assert await_end(ends)


def test_a_stopped_process_dies_with_the_supervisor(tmp_path: Path) -> None:
    with supervisor(command(tmp_path, 1, 1)) as (program, started):
        ends = open_processes({*started["live"], *started["forked"]})
        for pid in started["live"]:
            os.kill(pid, signal.SIGSTOP)
        program.kill()
        assert await_end(ends)


def test_nothing_dies_with_a_zygote_or_a_warm_parent(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            file = processes.write("")
            watched = [await processes.start("fork_and_stay", file=file) for file in (None, None, file, file)]
            forked = [pid for one in watched for pid in (await one.told())["pids"]]
            pids = {*forked, *(one.process.pid for one in watched)}
            identities = [identity for pid in pids if (identity := process_tree.identity(pid))]
            assert len(identities) == 4 + 8
            for pid in set(processes.launcher._live) - pids:
                await processes.kill_and_notice(pid)
            assert all_alive(identities)
            await processes.run("nothing")  # by another zygote, while they go on
            assert all_alive(identities)
            for one in watched:
                await one.process.channel.send(b"{}")
                assert (await one.ended()).status == (0, None)

    asyncio.run(scenario())


def test_a_lifeline_is_used_again_when_its_process_has_ended(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            for _ in range(3):
                await asyncio.gather(*(processes.run("nothing") for _ in range(40)))
            watched = await processes.start("stay")
            await watched.told()
            processes.launcher._lifeline.cut()
            assert (await watched.ended()).status == (None, signal.SIGKILL)

    asyncio.run(scenario())


def test_a_process_that_is_armed_too_late_dies_at_once() -> None:
    code = (
        "import os; from tradewind.sdk.worker import lifeline\n"
        "line = lifeline.Lifeline(); os.dup2(line.read_end, 5); line.cut(); lifeline.hold(); print('lives on')"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, b"")


def test_what_user_code_has_put_in_place_of_the_lifeline_is_left_alone() -> None:
    code = (
        "import os; from tradewind.sdk.worker import lifeline\n"
        "line = lifeline.Lifeline(); os.dup2(line.read_end, 5); lifeline.hold()\n"
        "lifeline.accept(None)\n"
        "reading, writing = os.pipe(); os.dup2(reading, 5)\n"
        "if os.fork() == 0:\n    os.write(writing, b'data'); os.close(writing); os._exit(3)\n"
        "print(os.waitstatus_to_exitcode(os.wait()[1]))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, b"3\n")
