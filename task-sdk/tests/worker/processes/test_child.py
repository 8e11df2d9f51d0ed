"""What user code finds in its process, and how a process ends."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tradewind.sdk.worker.descriptors import CHANNEL, LIFELINE, LOG

from .harness import Rig, rig

FILES = pytest.mark.parametrize("file", [None, "dag.py"], ids=["fresh", "warm"])


async def described(processes: Rig, file: str | None) -> dict[str, Any]:
    processes.write("")
    result: dict[str, Any] = (await processes.run("describe_process", file=file)).result
    return result


@FILES
def test_nothing_is_open_but_its_own(tmp_path: Path, file: str | None) -> None:
    async def scenario() -> None:
        inherited = os.open(tmp_path, os.O_RDONLY)
        os.set_inheritable(inherited, True)
        async with rig(tmp_path) as processes:
            process = await described(processes, file)
            assert process["descriptors"] == [0, 1, 2, CHANNEL, LOG, LIFELINE]
            assert process["stdin"] == "/dev/null"
        os.close(inherited)

    asyncio.run(scenario())


@FILES
def test_it_leads_a_process_group_and_adopts_its_orphans(tmp_path: Path, file: str | None) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            process = await described(processes, file)
            assert process["group"] == process["pid"]
            assert process["session"] == processes.zygote.pid
            assert process["subreaper"] == 1

    asyncio.run(scenario())


@FILES
def test_it_has_the_workers_environment_less_tradewinds(tmp_path: Path, file: str | None) -> None:
    given = {"MY_SETTING": "1", "TRADEWIND_WORKER_TOKEN": "secret-of-the-worker", "OMP_NUM_THREADS": "3"}

    async def scenario() -> None:
        async with rig(tmp_path, environment=given) as processes:
            process = await described(processes, file)
            assert process["environment"]["MY_SETTING"] == "1"
            assert process["environment"]["OMP_NUM_THREADS"] == "3"
            assert "OPENBLAS_NUM_THREADS" not in process["environment"]
            assert "LD_BIND_NOW" not in process["environment"]
            assert "secret-of-the-worker" not in str(process["environment"]) + process["environment_at_exec"]

    asyncio.run(scenario())


@FILES
def test_signals_are_as_in_a_program_started_from_a_terminal(tmp_path: Path, file: str | None) -> None:
    async def scenario() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as by nohup
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
        try:
            async with rig(tmp_path) as processes:
                process = await described(processes, file)
                assert process["blocked"] == []
                assert process["ignored"] == [signal.SIGPIPE, signal.SIGXFSZ]  # Python's own
                assert process["interrupt"]
        finally:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR2])

    asyncio.run(scenario())


@FILES
def test_it_collects_garbage_and_runs_in_the_main_thread(tmp_path: Path, file: str | None) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            process = await described(processes, file)
            assert process["collects_garbage"]
            assert process["main_thread"]

    asyncio.run(scenario())


@FILES
def test_each_has_random_numbers_of_its_own(tmp_path: Path, file: str | None) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            processes.write("import random")
            numbers = [(await processes.run("random_number", file=file)).result for _ in range(3)]
            assert len(set(numbers)) == 3

    asyncio.run(scenario())


@FILES
def test_output_goes_to_its_pipes(tmp_path: Path, file: str | None) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, environment={"LC_ALL": "C"}) as processes:
            processes.write("")
            ended = await processes.run("output", file=file)
            assert ended.stdout == "to standard output: é\nfrom a program\nno newline at the end"
            assert ended.stderr == "to standard error\n"
            assert ended.log == '{"event": "to the log"}\n'

    asyncio.run(scenario())


def test_a_line_is_seen_when_it_is_printed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            process = await processes.launcher.launch(processes.request("print_and_stay"))
            readable = asyncio.Event()
            loop = asyncio.get_running_loop()
            loop.add_reader(process.stdout_fd, readable.set)
            await readable.wait()
            loop.remove_reader(process.stdout_fd)
            assert os.read(process.stdout_fd, 100) == b"a line\n"
            await process.kill_tree()
            for descriptor in (process.stdout_fd, process.stderr_fd, process.log_fd):
                os.close(descriptor)

    asyncio.run(scenario())


def test_an_error_of_the_runner_is_an_exit_code_and_a_traceback(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            ended = await processes.run("raise_error")
            assert ended.status == (1, None)
            assert ended.frames == []
            assert "ValueError: of the runner itself" in ended.stderr

    asyncio.run(scenario())


def test_a_crash_in_native_code_leaves_a_traceback(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            ended = await processes.run("kill_itself", number=signal.SIGSEGV)
            assert ended.status == (None, signal.SIGSEGV)
            assert "in kill_itself" in ended.stderr

    asyncio.run(scenario())


def test_threads_are_waited_for_before_the_result_and_exit_handlers_run_after_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            ended = await processes.run("leave_thread_and_exit_handler")
            assert ended.result == "returned"
            assert ended.stdout == "the thread has ended\nthe exit handler ran\n"
            assert ended.status == (0, None)

    asyncio.run(scenario())


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_works(tmp_path: Path, method: str) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            assert (await processes.run("square_in_processes", method=method)).result == [1, 2, 3]

    asyncio.run(scenario())


def test_a_process_forked_by_user_code_cannot_use_the_channel(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            assert "Make the call in the task itself" in (await processes.run("fork_and_call")).result

    asyncio.run(scenario())


def test_a_child_whose_supervisor_closes_the_channel_ends(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            watched = await processes.start("stay")
            await watched.told()
            watched.process.close()
            assert (await watched.ended()).status.code == 1

    asyncio.run(scenario())


def test_a_frame_above_the_limit_is_an_error_of_the_channel(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            watched = await processes.start("broken_frame")
            with pytest.raises(Exception, match="4294967295 bytes"):
                await watched.ended()
            await watched.process.kill_tree()
            for pipe in watched._pipes:
                await pipe

    asyncio.run(scenario())
