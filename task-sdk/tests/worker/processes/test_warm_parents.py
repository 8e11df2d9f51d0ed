"""Which files are imported once for many processes, for how long, and what happens when that does not work out."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from .harness import DEADLINE_SECONDS, Rig, await_end, open_processes, rig

FILE = """
import os
VALUE = 1
PID = os.getpid()
"""


async def parent_of(processes: Rig, file: str) -> int:
    """The process that has imported the file."""
    _value, imported_by, _parent = (await processes.run("value_of_file", file=file)).result
    assert isinstance(imported_by, int)
    return imported_by


def test_the_file_is_imported_once_and_forked_for_each_process(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            file = processes.write(FILE)
            watched = await asyncio.gather(*(processes.start("value_of_file", file=file) for _ in range(5)))
            results = [(await one.ended()).result for one in watched]
            (imported_by,) = {result[1] for result in results}
            assert {result[2] for result in results} == {imported_by}
            assert {one.process.pid for one in watched} & {imported_by} == set()
            assert [(one.process.warm, one.process.fresh_reason) for one in watched] == [(True, None)] * 5

    asyncio.run(scenario())


def test_without_a_key_the_process_is_a_fresh_one(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            watched = await processes.start("value_of_file")
            assert (await watched.ended()).result is None
            assert (watched.process.warm, watched.process.fresh_reason) == (False, None)

    asyncio.run(scenario())


def test_what_the_import_prints_is_no_output_of_a_process(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            file = processes.write("import sys\nprint('importing')\nsys.stdout.write('without newline')")
            for _ in range(2):
                assert (await processes.run("nothing", file=file)).stdout == ""

    asyncio.run(scenario())
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("importing") == err.count("without newline") == 1


def test_numerical_libraries_are_imported_single_threaded(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, environment={"OMP_NUM_THREADS": "3"}) as processes:
            file = processes.write("import os\nVALUE = os.environ['OMP_NUM_THREADS']\nPID = 0")
            assert (await processes.run("value_of_file", file=file)).result[0] == "1"

    asyncio.run(scenario())


UNFIT = {
    "thread": ("import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()", "1 thread"),
    "socket": ("import socket\nHELD = socket.socket()", "a socket"),
    "device": ("HELD = open('/dev/zero')", "a device (/dev/zero)"),
    "file": ("HELD = open(__file__)", "a file"),
    "pipe": ("import os\nHELD = os.pipe()", "a pipe"),
    "process": ("import subprocess\nHELD = subprocess.Popen(['sleep', '1000'])", "a child process"),
}


@pytest.mark.parametrize("left", UNFIT)
def test_a_file_whose_import_cannot_be_forked_runs_in_fresh_processes(tmp_path: Path, left: str) -> None:
    async def scenario() -> None:
        code, reason = UNFIT[left]
        async with rig(tmp_path) as processes:
            imports = tmp_path / "imports"
            file = processes.write(f"with open({str(imports)!r}, 'a') as file:\n    file.write('import\\n')\n{code}")
            for _ in range(3):
                watched = await processes.start("nothing", file=file)
                assert (await watched.ended()).status == (0, None)
                assert not watched.process.warm
                assert reason in (watched.process.fresh_reason or "")
            assert imports.read_text() == "import\n"  # the verdict is remembered

    asyncio.run(scenario())


def test_a_process_that_an_import_left_is_killed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            file = processes.write(
                "import subprocess\nfrom pathlib import Path\n"
                "left = subprocess.Popen(['sleep', '1000'], start_new_session=True)\n"
                f"Path({str(tmp_path)!r}, 'left').write_text(str(left.pid))"
            )
            watched = await processes.start("stay", file=file)
            end = open_processes([int((tmp_path / "left").read_text())])
            assert await asyncio.to_thread(await_end, end)
            assert await watched.told() == "there"

    asyncio.run(scenario())


def test_a_file_that_only_uses_threads_and_files_while_it_is_imported_is_warm(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            file = processes.write(
                "import subprocess, threading\n"
                "thread = threading.Thread(target=print)\nthread.start()\nthread.join()\n"
                "open(__file__).close()\nsubprocess.run(['true'])"
            )
            watched = await processes.start("nothing", file=file)
            await watched.ended()
            assert watched.process.fresh_reason is None

    asyncio.run(scenario())


FAILING = {
    "error": ("1 / 0", "ZeroDivisionError: division by zero"),
    "exit": ("import sys\nsys.exit(3)", "SystemExit: 3"),
    "hard exit": ("import os\nos._exit(3)", "exit code 3"),
    "crash": ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "signal 9"),
    "missing": (None, "FileNotFoundError"),
}


@pytest.mark.parametrize("failure", FAILING)
def test_a_file_whose_import_fails_runs_in_a_fresh_process(tmp_path: Path, failure: str) -> None:
    async def scenario() -> None:
        code, reason = FAILING[failure]
        async with rig(tmp_path) as processes:
            file = processes.write(code) if code else "missing.py"
            watched = await processes.start("nothing", file=file)
            assert (await watched.ended()).status == (0, None)
            assert reason in (watched.process.fresh_reason or "")

    asyncio.run(scenario())


def test_a_failed_import_is_repeated_after_a_while(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, idle_seconds=0.2) as processes, asyncio.timeout(DEADLINE_SECONDS):
            file = processes.write("1 / 0")
            assert not (await processes.start("nothing", file=file)).process.warm
            processes.write(FILE)
            while not (await processes.start("nothing", file=file)).process.warm:
                pass

    asyncio.run(scenario())


def test_an_import_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, import_timeout_seconds=0.2) as processes:
            file = processes.write("import threading\nthreading.Event().wait()")
            watched = await asyncio.gather(*(processes.start("nothing", file=file) for _ in range(2)))
            for one in watched:
                assert (await one.ended()).status == (0, None)
                assert "longer than 0.2 seconds" in (one.process.fresh_reason or "")

    asyncio.run(scenario())


def test_a_cancelled_launch_does_not_end_the_import_that_others_wait_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            os.mkfifo(tmp_path / "gate")
            file = processes.write(f"open({str(tmp_path / 'gate')!r}).close()")
            launches = [asyncio.create_task(processes.start("nothing", file=file)) for _ in range(2)]
            await asyncio.sleep(0)
            launches[0].cancel()
            gate = await asyncio.to_thread(os.open, tmp_path / "gate", os.O_WRONLY)
            os.close(gate)
            assert (await launches[1]).process.warm

    asyncio.run(scenario())


def test_a_killed_warm_parent_ends_no_process_and_another_one_takes_over(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            file = processes.write(FILE)
            former = await parent_of(processes, file)
            staying, killed = [await processes.start("stay", file=file) for _ in range(2)]
            await processes.kill_and_notice(former)
            assert await parent_of(processes, file) != former
            await staying.process.channel.send(b"{}")
            assert (await staying.ended()).result == "stayed"
            os.kill(killed.process.pid, signal.SIGKILL)
            assert (await killed.ended()).status == (None, signal.SIGKILL)

    asyncio.run(scenario())


def test_a_warm_parent_that_dies_instead_of_forking_is_replaced_by_a_fresh_process(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            file = processes.write(FILE)
            parent = await parent_of(processes, file)
            os.kill(parent, signal.SIGSTOP)
            # The first has the spare child, which was forked before.
            launches = [asyncio.create_task(processes.start("length_of", file=file, text="abc")) for _ in range(2)]
            spared = await launches[0]
            os.kill(parent, signal.SIGKILL)
            watched = await launches[1]
            assert (spared.process.warm, watched.process.warm) == (True, False)
            assert watched.process.fresh_reason
            for each in (spared, watched):
                assert (await each.ended()).frames == [{"result": 3}]

    asyncio.run(scenario())


def test_the_next_try_of_a_file_finds_its_process_forked(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            file = processes.write(FILE)
            parent = await parent_of(processes, file)
            spare = await processes.spare_of(parent)
            watched = await processes.start("length_of", file=file, text="abc")
            assert watched.process.pid == spare
            assert await processes.spare_of(parent) != spare
            assert (await watched.ended()).frames == [{"result": 3}]

    asyncio.run(scenario())


def test_a_spare_process_that_was_killed_is_not_taken(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            file = processes.write(FILE)
            parent = await parent_of(processes, file)
            await processes.kill_and_notice(await processes.spare_of(parent))
            assert (await processes.run("length_of", file=file, text="abc")).frames == [{"result": 3}]

    asyncio.run(scenario())


def test_a_spare_process_ends_with_its_warm_parent_and_has_run_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            file = processes.write(FILE)
            parent = await parent_of(processes, file)
            spare = processes.launcher._live[await processes.spare_of(parent)]
            await processes.kill_and_notice(parent)
            async with asyncio.timeout(DEADLINE_SECONDS):
                await asyncio.shield(spare.exited)

    asyncio.run(scenario())


def test_warm_parents_outlive_their_zygote_and_their_processes_both(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path) as processes:
            file = processes.write(FILE)
            parent = await parent_of(processes, file)
            staying = await processes.start("stay", file=file)
            await staying.told()
            await processes.kill_and_notice(processes.zygote.pid)
            await processes.run("nothing")  # by another zygote
            assert await parent_of(processes, file) == parent
            await processes.kill_and_notice(parent)
            await staying.process.channel.send(b"{}")
            assert (await staying.ended()).result == "stayed"

    asyncio.run(scenario())


def test_the_least_recently_used_parent_ends_and_its_processes_go_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, max_warm_parents=2) as processes:
            first, second, third = [processes.write(FILE, f"{number}.py") for number in range(3)]
            staying = await processes.start("stay", file=first)
            parents = [await parent_of(processes, file) for file in (first, second)]
            ends = open_processes(parents)
            assert await parent_of(processes, second) == parents[1]
            await parent_of(processes, third)
            assert await asyncio.to_thread(await_end, ends[:1])
            assert await parent_of(processes, second) == parents[1]
            await staying.process.channel.send(b"{}")
            assert (await staying.ended()).result == "stayed"
            os.close(ends[1])

    asyncio.run(scenario())


def test_an_idle_parent_ends(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, idle_seconds=0.2) as processes:
            end = open_processes([await parent_of(processes, processes.write(FILE))])
            assert await asyncio.to_thread(await_end, end)
            async with asyncio.timeout(DEADLINE_SECONDS):
                assert (await processes.start("nothing", file="dag.py")).process.warm

    asyncio.run(scenario())


def test_a_worker_may_keep_no_warm_parents(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with rig(tmp_path, max_warm_parents=0) as processes:
            watched = await processes.start("nothing", file=processes.write(FILE))
            assert not watched.process.warm
            assert watched.process.fresh_reason == "This worker keeps no warm parents."

    asyncio.run(scenario())
