"""Processes that run one try after another: what they keep apart, what ends them, and how long they wait."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from .harness import DEADLINE_SECONDS, Rig, Watched, await_end, open_processes, rig

FILE = "import os\nVALUE = 1\nPID = os.getpid()"


async def start(processes: Rig, do: str, **arguments: Any) -> Watched:
    return await processes.start(do, file="dag.py", isolation="reuse", **arguments)


async def run(processes: Rig, do: str, **arguments: Any) -> Any:
    return (await (await start(processes, do, **arguments)).ended()).result


def test_one_process_runs_one_try_after_another_without_a_further_fork(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            processes.write(FILE)
            pids = {await run(processes, "own_pid") for _ in range(20)}
            assert len(pids) == 1
            value, imported_by, parent = await run(processes, "value_of_file")
            assert (value, imported_by) == (1, parent)  # forked from the warm parent, which had imported the file

    asyncio.run(scenario())


def test_tries_at_the_same_time_have_a_process_each(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            processes.write(FILE)
            staying = [await start(processes, "stay") for _ in range(3)]
            pids = {one.process.pid for one in staying}
            assert len(pids) == 3
            for one in staying:
                await one.process.channel.send(b"{}")
                assert (await one.ended()).status == (0, None)
            assert {(await run(processes, "own_pid")) for _ in range(5)} <= pids

    asyncio.run(scenario())


def test_each_try_has_its_own_output_and_its_own_channel(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            processes.write(FILE)
            for _ in range(2):
                ended = await (await start(processes, "output")).ended()
                assert ended.stdout == "to standard output: é\nfrom a program\nno newline at the end"
                assert ended.stderr == "to standard error\n"
                assert ended.log == '{"event": "to the log"}\n'
                assert len(ended.frames) == 1
            assert (await (await start(processes, "nothing")).ended()).stdout == ""
            await run(processes, "leave", what="c output")
            assert (await (await start(processes, "nothing")).ended()).stdout == ""

    asyncio.run(scenario())


def test_a_reused_process_is_a_child_as_any_other(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            processes.write(FILE)
            for _ in range(2):
                found = await run(processes, "describe_process")
                assert found["descriptors"] == [0, 1, 2, 3, 4, 5, 6]  # the last one is its control socket
                assert found["group"] == found["pid"]
                assert (found["subreaper"], found["dumpable"], found["blocked"]) == (1, 1, [])

    asyncio.run(scenario())


def test_only_those_with_the_same_key_share_a_process(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            processes.write(FILE)
            first = await run(processes, "own_pid", keys=("task 1", "grants 1"))
            assert await run(processes, "own_pid", keys=("task 2", "grants 2")) != first
            assert await run(processes, "own_pid", keys=("task 3", "grants 1")) == first

    asyncio.run(scenario())


def test_a_process_that_is_kept_to_a_task_serves_no_other(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            processes.write(FILE)
            watched = await start(processes, "own_pid", keys=("task 1", "shared"))
            watched.process.keep_to("task 1")
            kept = (await watched.ended()).result
            assert await run(processes, "own_pid", keys=("task 2", "shared")) != kept
            assert await run(processes, "own_pid", keys=("task 1", "shared")) == kept

    asyncio.run(scenario())


LEAKS = {
    "thread": "1 thread(s)",
    "process": "a child process",
    "directory": "the working directory to /",
    "environment": "the environment: LEFT",
    "output": "a copy of its output",
    "stream": "a standard stream",
    "handler": "a handler for SIGUSR1",
    "timer": "a timer",
}


@pytest.mark.parametrize("what", LEAKS)
def test_a_try_that_leaves_something_behind_succeeds_and_ends_its_process(tmp_path: Path, what: str) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            processes.write(FILE)
            watched = await start(processes, "leave", what=what)
            pid = watched.process.pid
            ended = await watched.ended()
            assert (ended.result, ended.status) == (pid, (0, None))
            assert LEAKS[what] in (watched.process.leaving or "")
            assert await run(processes, "own_pid") != pid

    asyncio.run(scenario())


@pytest.mark.parametrize("what", ["global", "file"])
def test_what_a_process_keeps_on_purpose_is_there_for_the_next_try(tmp_path: Path, what: str) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            processes.write(FILE)
            pid = await run(processes, "leave", what=what)
            assert (await run(processes, "look_around")).items() >= {"pid": pid, "kept": 1}.items()

    asyncio.run(scenario())


def test_a_file_mode_mask_and_a_random_seed_do_not_reach_the_next_try(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            processes.write(FILE)
            before = await run(processes, "look_around")
            numbers = set()
            for what in ("mask", "seed", "seed"):
                assert await run(processes, "leave", what=what) == before["pid"]
                found = await run(processes, "look_around")
                assert found["mask"] == before["mask"]
                numbers.add(found["random"])
            assert len(numbers) == 3

    asyncio.run(scenario())


def test_a_thread_that_has_ended_is_no_leak(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            processes.write(FILE)
            assert len({await run(processes, "thread_that_ends") for _ in range(10)}) == 1

    asyncio.run(scenario())


def test_a_try_whose_process_is_killed_ends_so_and_the_next_one_gets_another(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            processes.write(FILE)
            pid = await run(processes, "own_pid")
            watched = await start(processes, "stay")
            assert watched.process.pid == pid
            await watched.told()
            os.kill(pid, signal.SIGKILL)
            assert (await watched.ended()).status == (None, signal.SIGKILL)
            assert await run(processes, "own_pid") != pid

    asyncio.run(scenario())


def test_a_process_that_is_killed_while_it_waits_gets_no_try(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            processes.write(FILE)
            pid = await run(processes, "own_pid")
            await processes.kill_and_notice(pid)
            assert await run(processes, "own_pid") != pid

    asyncio.run(scenario())


def test_a_killed_try_takes_its_process_and_its_tree_along(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            processes.write(FILE)
            await run(processes, "own_pid")
            watched = await start(processes, "fork_and_stay")
            ends = open_processes([watched.process.pid, *(await watched.told())["pids"]])
            await watched.process.kill_tree()
            assert await_end(ends, seconds=0.0)
            assert (await watched.ended()).status == (None, signal.SIGKILL)

    asyncio.run(scenario())


def test_a_try_that_ends_while_it_is_killed_gives_its_process_to_nobody(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            processes.write(FILE)
            watched = await start(processes, "stay")
            await watched.told()
            killing = asyncio.create_task(watched.process.kill_tree())
            await watched.process.channel.send(b"{}")
            other = await start(processes, "stay")
            await killing
            assert other.process.pid != watched.process.pid
            await other.process.channel.send(b"{}")
            assert (await other.ended()).result == "stayed"
            await watched.ended()

    asyncio.run(scenario())


def test_the_one_that_waits_longest_ends_when_too_many_wait(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, max_reused=2) as processes:
            processes.write(FILE)
            first = await run(processes, "own_pid", keys=("1",))
            end = open_processes([first])
            others = [await run(processes, "own_pid", keys=(key,)) for key in ("2", "3")]
            assert await asyncio.to_thread(await_end, end)
            assert [await run(processes, "own_pid", keys=(key,)) for key in ("2", "3")] == others

    asyncio.run(scenario())


def test_a_process_that_waits_too_long_ends_with_its_exit_handlers(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, reuse_idle_seconds=0.2) as processes:
            processes.write(f"import atexit, pathlib\natexit.register(pathlib.Path({str(tmp_path / 'ended')!r}).touch)")
            end = open_processes([await run(processes, "own_pid")])
            assert await asyncio.to_thread(await_end, end)
            assert (tmp_path / "ended").exists()

    asyncio.run(scenario())


def test_a_process_ends_after_so_many_tries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradewind.sdk.worker.reuse_pool.MAX_TURNS", 3)

    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            processes.write(FILE)
            pids = [await run(processes, "own_pid") for _ in range(6)]
            assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [3, 3]

    asyncio.run(scenario())


def test_a_worker_may_reuse_no_process(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, max_reused=0) as processes:
            processes.write(FILE)
            assert len({await run(processes, "own_pid") for _ in range(3)}) == 3

    asyncio.run(scenario())


def test_a_file_that_cannot_be_forked_is_imported_once_by_the_process_itself(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            imports = tmp_path / "imports"
            processes.write(
                f"with open({str(imports)!r}, 'a') as file:\n    file.write('import\\n')\n"
                "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()"
            )
            assert len({await run(processes, "own_pid") for _ in range(3)}) == 1
            assert imports.read_text() == "import\n" * 2  # the warm parent that it does not fit, and the process

    asyncio.run(scenario())


def test_a_file_whose_import_fails_runs_in_fresh_processes(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            processes.write("1 / 0")
            watched = await start(processes, "own_pid")
            await watched.ended()
            assert "ZeroDivisionError" in (watched.process.fresh_reason or "")

    asyncio.run(scenario())


def test_a_process_that_waits_dies_with_the_supervisor(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            processes.write(FILE)
            ends = open_processes([await run(processes, "own_pid")])
            processes.launcher._lifeline.cut()
            assert await asyncio.to_thread(await_end, ends)

    asyncio.run(scenario())


def test_a_process_that_waits_outlives_its_warm_parent_and_its_zygote(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            processes.write(FILE)
            pid = await run(processes, "own_pid")
            for above in set(processes.launcher._live) - {pid}:
                await processes.kill_and_notice(above)
            assert await run(processes, "own_pid") == pid

    asyncio.run(scenario())


def test_a_launch_that_is_given_up_leaves_a_process_that_can_be_used(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes, asyncio.timeout(DEADLINE_SECONDS):
            processes.write(FILE)
            pid = await run(processes, "own_pid")
            large = processes.request("length_of", file="dag.py", isolation="reuse", text="x" * 30_000_000)
            os.kill(pid, signal.SIGSTOP)
            launch = asyncio.create_task(processes.launcher.launch(large))
            await asyncio.sleep(0)
            launch.cancel()
            await asyncio.wait([launch])
            os.kill(pid, signal.SIGCONT)
            assert (await run(processes, "length_of", text="abc")) == 3

    asyncio.run(scenario())
