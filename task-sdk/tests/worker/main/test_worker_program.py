import asyncio
import signal
import subprocess
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path

from tests.worker.fake_server import FakeServer
from tests.worker.rig import environment, process_ended, run_with_server
from tradewind.sdk.worker.life import end_former_life
from tradewind.sdk.worker.process_tree import identity
from tradewind.sdk.worker.state_directory import StateDirectory

SLEEP = """
import os, time
def run(child):
    child.call("set_xcom", {"key": "k"}, {"op_id": "00000000-0000-0000-0000-000000000001", "value": os.getpid()})
    time.sleep(600)
"""


async def start(server: FakeServer, tmp_path: Path, *options: str) -> Process:
    known = {**environment(), "TRADEWIND_API_URL": server.url, "TRADEWIND_API_TOKEN": "tw_worker"}
    command = [sys.executable, "-m", "tests.worker.programs", "worker", str(tmp_path / "state"), *options]
    return await asyncio.create_subprocess_exec(*command, env=known, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE)


async def end_of(process: Process) -> tuple[int, str]:
    async with asyncio.timeout(30):
        _, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, errors.decode()


async def pid_of_try(server: FakeServer) -> int:
    server.deliver(server.task(SLEEP))
    await server.until(lambda: server.of("set_xcom"))
    pid: int = server.of("set_xcom")[-1].body["value"]
    return pid


def test_a_worker_that_is_told_to_stop_reports_and_exits_with_0(tmp_path: Path) -> None:
    async def work(server: FakeServer) -> None:
        process = await start(server, tmp_path)
        await server.until(lambda: server.connections)
        pid = await pid_of_try(server)
        process.send_signal(signal.SIGINT)
        code, errors = await end_of(process)
        assert code == 0
        assert [outcome["cause"] for outcome in server.outcomes.values()] == ["worker_stopping"]
        await process_ended(pid)
        assert "tw_worker" not in errors
        assert "execution-token" not in errors
        assert all(line.split(" ", 2)[1] in {"INFO", "WARNING"} for line in errors.splitlines())

    run_with_server(work)


def test_the_first_sigterm_drains_and_the_second_one_stops(tmp_path: Path) -> None:
    async def work(server: FakeServer) -> None:
        process = await start(server, tmp_path)
        await server.until(lambda: server.connections)
        pid = await pid_of_try(server)
        process.send_signal(signal.SIGTERM)
        await server.until(lambda: server.offers == [{"execute_task": 0, "parse_dag_file": 0}])
        assert not server.outcomes
        assert Path(f"/proc/{pid}").exists()
        process.send_signal(signal.SIGTERM)
        assert (await end_of(process))[0] == 0
        assert [outcome["cause"] for outcome in server.outcomes.values()] == ["worker_stopping"]
        await process_ended(pid)

    run_with_server(work)


def test_a_second_signal_ends_the_worker_at_once_and_its_tries_with_it(tmp_path: Path) -> None:
    async def work(server: FakeServer) -> None:
        process = await start(server, tmp_path)
        await server.until(lambda: server.connections)
        pid = await pid_of_try(server)
        server.held.add("finish")
        process.send_signal(signal.SIGINT)
        await server.until(lambda: server.of("finish"))
        process.send_signal(signal.SIGINT)
        code, _ = await end_of(process)
        assert code == 128 + signal.SIGINT
        await process_ended(pid)

    run_with_server(work)


def test_a_killed_worker_takes_its_tries_with_it_and_the_next_one_declares_it_dead(tmp_path: Path) -> None:
    async def work(server: FakeServer) -> None:
        process = await start(server, tmp_path)
        await server.until(lambda: server.connections)
        pid = await pid_of_try(server)
        process.kill()
        await end_of(process)
        await process_ended(pid)
        process = await start(server, tmp_path)
        await server.until(lambda: len(server.hellos) == 2)
        first, second = server.hellos
        assert second.ended_instances == [first.instance_id]
        assert second.live == []
        process.terminate()
        await end_of(process)

    run_with_server(work)


def test_a_second_worker_on_the_same_directory_exits_with_a_sentence(tmp_path: Path) -> None:
    async def work(server: FakeServer) -> None:
        first = await start(server, tmp_path)
        await server.until(lambda: server.connections)
        code, errors = await end_of(await start(server, tmp_path))
        assert code == 1
        assert "in use by another worker" in errors
        assert len(errors.splitlines()) == 1
        first.terminate()
        await end_of(first)

    run_with_server(work)


def test_a_worker_can_be_told_to_end_with_its_parent(tmp_path: Path) -> None:
    async def work(server: FakeServer) -> None:
        known = {**environment(), "TRADEWIND_API_URL": server.url, "TRADEWIND_API_TOKEN": "tw_worker"}
        worker = [
            sys.executable,
            "-m",
            "tests.worker.programs",
            "worker",
            str(tmp_path / "state"),
            "--exit-with-parent",
        ]
        parent = await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", '"$@" & read line', "sh", *worker), env=known, stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL
        )
        await server.until(lambda: server.connections)
        pid = server.hellos[0].pid
        assert pid != parent.pid
        parent.kill()
        await parent.wait()
        await process_ended(pid)
        assert server.offers

    run_with_server(work)


def test_what_a_former_life_left_running_is_killed_before_it_is_declared_ended(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as former:
        former.begin()
        left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
        process = identity(left.pid)
        assert process is not None
        former.process_started(process)
    with StateDirectory.open(tmp_path) as state:
        end_former_life(state)
        assert left.wait(10) == -signal.SIGKILL
        assert state.ended_instances == [former.instance_id]


def test_a_worker_whose_parent_ended_before_it_could_look_ends_too(tmp_path: Path) -> None:
    gone = subprocess.Popen(["/bin/true"])
    gone.wait()

    async def work(server: FakeServer) -> None:
        known = {**environment(), "TRADEWIND_PARENT_PID": str(gone.pid), "TRADEWIND_API_URL": server.url}
        known["TRADEWIND_API_TOKEN"] = "tw_worker"
        command = ["-m", "tests.worker.programs", "worker", str(tmp_path / "state"), "--exit-with-parent"]
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, env=known, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE
        )
        code, _ = await end_of(process)
        assert code == 0

    run_with_server(work)
