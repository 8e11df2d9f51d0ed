"""Isolation as a task asks for it: which process its tries get, and what a killed one means for them."""

import os
import signal
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.worker.fake_server import FakeServer
from tests.worker.rig import Worker, run_with_worker

WHO = """
import os
def run(child):
    with open(f"/proc/{os.getpid()}/cmdline") as file:
        return child.succeed([os.getpid(), "spawned" in file.read()])
"""
STAY = """
import os, time
def run(child):
    child.call("set_xcom", {"key": "pid"}, {"op_id": "00000000-0000-0000-0000-000000000001", "value": os.getpid()})
    time.sleep(600)
"""
LEAK = """
import os
def run(child):
    os.environ["LEFT"] = "1"
    return child.succeed(os.getpid())
"""
THREAD = "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n" + WHO
READS = """
import os
def run(child):
    child.call("get_variable", {"key": "v"})
    return child.succeed([os.getpid(), False])
"""


async def value_of(server: FakeServer, delivery: dict[str, Any]) -> Any:
    outcome = await server.outcome(server.deliver(delivery))
    assert outcome["outcome"] == "success", outcome
    return outcome["xcoms"][0]["value"]


def messages(server: FakeServer, dispatch_id: str) -> list[str]:
    return [record["message"] for record in server.log(dispatch_id)]


def secret(name: str) -> dict[str, Any]:
    return {"secrets": {"connections": [], "variables": [{"key": name, "value": f"value of {name}"}]}}


def of_task(task_id: str) -> dict[str, Any]:
    identity = {"dag_id": "d", "run_id": "r", "task_id": task_id, "map_index": -1, "try_number": 1}
    return {"activity": {"task_try": {**identity, "try_id": str(uuid.uuid4())}}}


def test_a_spawned_try_runs_in_a_new_interpreter_each_time(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        found = [await value_of(server, server.task(WHO, isolation="spawn")) for _ in range(2)]
        assert [spawned for _, spawned in found] == [True, True]
        assert found[0][0] != found[1][0]

    run_with_worker(tmp_path, work)


def test_a_file_that_holds_a_thread_is_spawned_and_the_log_says_why(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        delivery = server.task(THREAD)
        _, spawned = await value_of(server, delivery)
        assert spawned
        (note,) = messages(server, delivery["dispatch_id"])
        assert note == (
            "No warm start for this file, a new interpreter for each try: The import left 1 thread(s) running."
        )

    run_with_worker(tmp_path, work)


def test_reused_tries_share_a_process_and_leave_no_fork_between_them(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        assert len({(await value_of(server, server.task(WHO, isolation="reuse")))[0] for _ in range(5)}) == 1

    run_with_worker(tmp_path, work)


def test_tasks_with_the_same_secrets_share_a_process_and_others_do_not(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        async def pid(task_id: str, *, own: str) -> int:
            delivery = server.task(WHO, isolation="reuse", **secret(own), **of_task(task_id))
            return int((await value_of(server, delivery))[0])

        first = await pid("a", own="one")
        assert await pid("b", own="one") == first
        assert await pid("c", own="two") != first

    run_with_worker(tmp_path, work)


def test_a_process_that_was_given_a_secret_on_request_serves_its_task_alone(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        async def pid(task_id: str) -> int:
            return int((await value_of(server, server.task(READS, isolation="reuse", **of_task(task_id))))[0])

        server.handlers["get_variable"] = lambda call: (200, b'{"key": "v", "value": "secret"}')
        first = await pid("a")
        assert await pid("b") != first
        assert await pid("a") == first

    run_with_worker(tmp_path, work)


def test_a_secret_of_a_try_is_not_masked_in_the_next_one_that_does_not_have_it(tmp_path: Path) -> None:
    script = "def run(child):\n    print('value of mine')\n    return child.succeed()"

    async def work(server: FakeServer, worker: Worker) -> None:
        with_secret = server.task(script, isolation="reuse", **secret("mine"))
        await server.outcome(server.deliver(with_secret))
        without = server.task(script, isolation="reuse")
        await server.outcome(server.deliver(without))
        assert messages(server, with_secret["dispatch_id"]) == ["***"]
        assert messages(server, without["dispatch_id"]) == ["value of mine"]

    run_with_worker(tmp_path, work)


def test_a_leak_ends_the_process_and_the_log_of_the_try_says_what_it_was(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        deliveries = [server.task(LEAK, isolation="reuse") for _ in range(2)]
        pids = {await value_of(server, delivery) for delivery in deliveries}
        assert len(pids) == 2
        assert messages(server, deliveries[0]["dispatch_id"]) == [
            "The process of this try is not reused: it changed the environment: LEFT."
        ]

    run_with_worker(tmp_path, work)


@pytest.mark.parametrize("isolation", ["fork", "spawn", "reuse"])
def test_a_try_whose_process_is_killed_fails_alone_and_the_next_one_runs(tmp_path: Path, isolation: str) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        dispatch_id = server.deliver(server.task(STAY, isolation=isolation))
        (call,) = await server.until(lambda: server.of("set_xcom"))
        os.kill(call.body["value"], signal.SIGKILL)
        outcome = await server.outcome(dispatch_id)
        assert outcome["outcome"] == "failed"
        assert outcome["error"]["type"] == "ProcessKilled"
        assert outcome["error"].get("retryable", True)
        pid, _ = await value_of(server, server.task(WHO, isolation=isolation))
        assert pid != call.body["value"]

    run_with_worker(tmp_path, work)


@pytest.mark.parametrize("isolation", ["fork", "reuse"])
def test_a_try_that_does_not_end_in_time_is_killed_and_fails_by_its_timeout(
    tmp_path: Path, isolation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tradewind.sdk.worker.activity_run.TIMEOUT_GRACE_SECONDS", 0.1)

    async def work(server: FakeServer, worker: Worker) -> None:
        limit = {"execution_timeout_seconds": 0.3}
        outcome = await server.outcome(server.deliver(server.task(STAY, isolation=isolation, activity=limit)))
        assert outcome["outcome"] == "failed"
        error = outcome["error"]
        assert (error["type"], error.get("retryable", True)) == ("TradewindTaskTimeout", True)
        assert "execution_timeout of 0.3 s" in error["message"]
        assert await value_of(server, server.task(WHO, isolation=isolation, activity={"execution_timeout_seconds": 60}))

    run_with_worker(tmp_path, work)


def runs(pid: int) -> bool:
    """Whether a process runs; one that has ended and is not waited for yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize("isolation", ["spawn", "reuse"])
def test_a_cancelled_try_is_confirmed_whatever_its_isolation(tmp_path: Path, isolation: str) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        dispatch_id = server.deliver(server.task(STAY, isolation=isolation))
        (call,) = await server.until(lambda: server.of("set_xcom"))
        server.cancel(dispatch_id)
        assert (await server.outcome(dispatch_id))["cause"] == "cancelled"
        assert not runs(int(call.body["value"]))

    run_with_worker(tmp_path, work)


def test_a_try_as_a_user_that_the_worker_does_not_allow_fails_with_what_to_do(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        outcome = await server.outcome(server.deliver(server.task(WHO, activity={"run_as_user": "nobody"})))
        assert outcome["outcome"] == "failed"
        assert outcome["error"]["type"] == "RunAsUserRefused"
        assert "TRADEWIND_WORKER_RUN_AS_USERS" in outcome["error"]["message"]
        assert not server.starts()

    run_with_worker(tmp_path, work)
