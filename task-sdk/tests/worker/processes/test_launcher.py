"""Launching, and every way in which a process and those above it may end."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tradewind.sdk.worker import process_tree
from tradewind.sdk.worker.launcher import LaunchFailed

from .harness import DEADLINE_SECONDS, Rig, Watched, await_end, open_processes, rig


def test_a_process_runs_its_assignment_and_reports_result_and_exit(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            ended = await processes.run("length_of", text="abc")
            assert ended.result == 3
            assert ended.status == (0, None)

    asyncio.run(scenario())


@pytest.mark.parametrize("file", [None, "dag.py"])
def test_exit_code_and_signal_are_told_apart(tmp_path: Path, file: str | None) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            processes.write("")
            assert (await processes.run("exit_at_once", file=file, code=9)).status == (9, None)
            assert (await processes.run("kill_itself", file=file, number=9)).status == (None, 9)

    asyncio.run(scenario())


def test_many_processes_at_a_time(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            processes.write("")
            files = [None, "dag.py"] * 40
            ended = await asyncio.gather(*(processes.run("length_of", file=file, text="ab") for file in files))
            assert [one.result for one in ended] == [2] * 80

    asyncio.run(scenario())


def test_a_large_assignment_and_a_large_result_pass(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            assert (await processes.run("length_of", text="x" * 3_000_000)).result == 3_000_000
            assert len((await processes.run("large_result", size=3_000_000)).result) == 3_000_000

    asyncio.run(scenario())


def test_a_killed_zygote_ends_no_process_and_another_one_takes_over(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            staying = await processes.start("stay")
            failing = await processes.start("stay")
            assert await staying.told() == "there"
            former = processes.zygote
            os.kill(former.pid, signal.SIGKILL)
            assert (await processes.run("length_of", text="abc")).result == 3
            assert processes.zygote != former
            await staying.process.channel.send(b"{}")
            assert (await staying.ended()).result == "stayed"
            os.kill(failing.process.pid, signal.SIGUSR1)
            assert (await failing.ended()).status == (None, signal.SIGUSR1)

    asyncio.run(scenario())


def test_a_process_that_ended_while_nobody_was_its_parent_still_has_a_status(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            watched = await processes.start("stay")
            await watched.told()
            os.kill(processes.zygote.pid, signal.SIGSTOP)
            os.kill(watched.process.pid, signal.SIGKILL)
            os.kill(processes.zygote.pid, signal.SIGKILL)
            assert (await watched.ended()).status == (None, signal.SIGKILL)

    asyncio.run(scenario())


def test_a_launch_that_the_zygote_did_not_answer_is_repeated_and_runs_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            await processes.run("nothing")
            os.kill(processes.zygote.pid, signal.SIGSTOP)
            launch = asyncio.create_task(processes.start("length_of", text="abc"))
            await asyncio.sleep(0)  # as far as the request
            os.kill(processes.zygote.pid, signal.SIGKILL)
            ended = await (await launch).ended()
            assert ended.frames == [{"result": 3}]

    asyncio.run(scenario())


def test_a_zygote_that_cannot_run_fails_the_launch_and_says_how_it_ended(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, runner="no_such_runner") as processes:
            with pytest.raises(LaunchFailed, match="exit code 1"):
                await processes.launcher.launch(processes.request("nothing"))

    asyncio.run(scenario())
    assert "No module named 'no_such_runner'" in capfd.readouterr().err


def test_a_zygote_that_keeps_ending_is_restarted_ever_more_slowly(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, runner="no_such_runner") as processes:
            started = asyncio.get_running_loop().time()
            for _ in range(2):
                with pytest.raises(LaunchFailed):
                    await processes.launcher.launch(processes.request("nothing"))
            assert asyncio.get_running_loop().time() - started > 0.1 + 0.2

    asyncio.run(scenario())


def test_a_cancelled_launch_leaves_no_process(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            await processes.run("nothing")
            os.kill(processes.zygote.pid, signal.SIGSTOP)
            launch = asyncio.create_task(processes.launcher.launch(processes.request("stay")))
            await asyncio.sleep(0)
            launch.cancel()
            with pytest.raises(asyncio.CancelledError):
                await launch
            os.kill(processes.zygote.pid, signal.SIGCONT)
            await processes.run("nothing")
            given_up = [process for pid, process in processes.launcher._live.items() if pid != processes.zygote.pid]
            async with asyncio.timeout(DEADLINE_SECONDS):
                assert {await process.exited for process in given_up} <= {(1, None)}

    asyncio.run(scenario())


@pytest.mark.parametrize("then", ["end", "die"])
def test_daemons_that_a_process_leaves_are_killed(tmp_path: Path, then: str) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            watched = await processes.start("daemons", then=then)
            left = open_processes((await watched.told())["pids"])
            await watched.ended()  # its pipes, which the daemons hold, have ended too
            assert await asyncio.to_thread(await_end, left)

    asyncio.run(scenario())


def test_kill_tree_kills_processes_in_sessions_of_their_own(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            watched = await processes.start("daemons", then="stay")
            below = open_processes((await watched.told())["pids"])
            await watched.process.kill_tree()
            assert await_end(below, 0.0)
            assert (await watched.ended()).status == (None, signal.SIGKILL)

    asyncio.run(scenario())


def test_kill_tree_catches_processes_that_fork_without_end(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            others = process_tree.children(os.getpid())
            watched = await processes.start("fork_without_end")
            await watched.told()
            async with asyncio.timeout(DEADLINE_SECONDS):
                await watched.process.kill_tree()
            assert process_tree.children(os.getpid()) == others

    asyncio.run(scenario())


def test_kill_tree_leaves_other_processes_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            other = await processes.start("stay")
            watched = await processes.start("stay")
            await watched.told()
            await watched.process.kill_tree()
            await watched.process.kill_tree()
            await other.process.channel.send(b"{}")
            assert (await other.ended()).result == "stayed"

    asyncio.run(scenario())


def test_terminate_asks_the_process_to_end(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            watched = await processes.start("ignore_termination")
            assert await watched.told() == "there"
            watched.process.terminate()
            assert await watched.told() == "asked to end"
            await watched.process.kill_tree()
            watched.process.terminate()

    asyncio.run(scenario())


def test_the_iteration_ends_with_the_process_although_another_one_holds_the_channel(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            assert (await processes.run("leave_channel_to_forked")).result == "returned"

    asyncio.run(scenario())


def test_closing_the_launcher_ends_everything(tmp_path: Path) -> None:
    async def scenario() -> tuple[list[int], list[Watched]]:
        async with rig(tmp_path) as processes:
            processes.write("")
            watched = [await processes.start("daemons", then="stay", file=file) for file in (None, "dag.py")]
            pids = [pid for one in watched for pid in (await one.told())["pids"]]
            left = open_processes([*pids, *processes.launcher._live])
        for one in watched:
            assert (await one.ended()).status == (None, signal.SIGKILL)
        return left, watched

    left, _ = asyncio.run(scenario())
    assert await_end(left, 1.0)


def test_children_of_the_supervisor_itself_are_left_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            own = await asyncio.create_subprocess_exec("sleep", "1000")
            apart = await asyncio.create_subprocess_exec("sleep", "1000", start_new_session=True)
            processes.launcher.exempt(apart.pid)
            watched = await processes.start("daemons", then="stay")
            await watched.told()
            await watched.process.kill_tree()
            await watched.ended()
            for process in (own, apart):
                assert process.returncode is None
                process.terminate()
                assert await process.wait() == -signal.SIGTERM

    asyncio.run(scenario())


def test_every_process_runs_once_while_zygotes_and_warm_parents_are_killed(tmp_path: Path) -> None:
    async def run_many(processes: Rig, file: str | None, log: Path) -> None:
        for number in range(15):
            ended = await processes.run("write_line", file=file, path=str(log), text=f"{file} {number}")
            assert ended.status == (0, None)

    async def kill_forkers(processes: Rig) -> None:
        for _ in range(6):
            forkers = [pid for pid in list(processes.launcher._live) if process_tree.children(pid)]
            if forkers:
                await processes.kill_and_notice(forkers[0])
            await processes.run("nothing")

    async def scenario() -> None:
        log = tmp_path / "log"
        async with rig(tmp_path) as processes:
            files = [None, processes.write("", "1.py"), processes.write("", "2.py")]
            await asyncio.gather(kill_forkers(processes), *(run_many(processes, file, log) for file in files))
        assert sorted(log.read_text().split("\n")[:-1]) == sorted(f"{f} {n}" for f in files for n in range(15))

    asyncio.run(scenario())
