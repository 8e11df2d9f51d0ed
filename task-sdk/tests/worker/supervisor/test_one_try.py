import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.worker.fake_server import FakeServer, Refusal
from tests.worker.rig import Worker, process_ended, run_with_worker

LONG_AGO = "2026-01-01T00:00:00Z"
SUCCEED = "def run(child): return child.succeed()"
SLEEP = """
import os, sys, time
def run(child):
    child.call("set_xcom", {"key": "pid"}, {"op_id": "00000000-0000-0000-0000-000000000001", "value": os.getpid()})
    time.sleep(600)
"""


def report(expression: str) -> str:
    """A script that calls with the value of an expression, so that the test gets to know it."""
    return f"def run(child):\n    return child.succeed({expression})"


async def pid_of(server: FakeServer, dispatch_id: str) -> int:
    """Process of a `SLEEP` that has begun."""
    await server.until(lambda: server.of("set_xcom"))
    pid: int = server.of("set_xcom")[-1].body["value"]
    return pid


def test_a_delivered_try_is_started_runs_and_ends_with_its_outcome(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        dispatch_id = server.deliver(server.task(report("{'rows': 7}")))
        outcome = await server.outcome(dispatch_id)
        assert outcome["outcome"] == "success"
        assert outcome["xcoms"] == [{"key": "return_value", "value": {"rows": 7}}]
        assert [started["pid"] for started in server.starts()] > [0]
        assert await worker.end() == 0
        assert (worker.state.path / "spool").read_bytes() == b""
        assert [line[0] for line in (worker.state.path / "processes").read_text().splitlines()[1:]] == ["+", "-"]

    run_with_worker(tmp_path, work)


def test_a_start_is_reported_by_itself_while_user_code_runs(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        dispatch_id = server.deliver(server.task(SLEEP))
        await server.until(lambda: server.of("report_started"))
        [started] = server.of("report_started")
        assert started.parameters == {"dispatch_id": dispatch_id}
        assert started.token == "execution-token"
        assert started.body["pid"] > 0
        server.cancel(dispatch_id)
        assert "started" not in await server.outcome(dispatch_id)

    run_with_worker(tmp_path, work)


def test_user_code_begins_while_the_report_of_its_start_is_unanswered(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        server.held.add("report_started")
        dispatch_id = server.deliver(server.task(SUCCEED))
        assert (await server.outcome(dispatch_id))["outcome"] == "success"

    run_with_worker(tmp_path, work)


def test_a_try_that_writes_nothing_costs_no_log_request(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        await server.outcome(server.deliver(server.task(SUCCEED)))
        assert [call.operation for call in server.calls if call.via == "session"] == ["finish"]

    run_with_worker(tmp_path, work)


@pytest.mark.parametrize(
    ("script", "kind", "says"),
    [
        (
            "import os, signal\ndef run(child): os.kill(os.getpid(), signal.SIGKILL)",
            "ProcessKilled",
            "SIGKILL (signal 9)",
        ),
        ("import os\ndef run(child): os._exit(7)", "ProcessExited", "code 7"),
        ("def run(child): return {'outcome': 'success'}", "MalformedFrame", "started_at"),
        ("def run(child): child.channel.send(b'no JSON')", "MalformedFrame", "no frame"),
        (
            f"def run(child): return {{'outcome': 'interrupted', 'cause': 'worker_failure', 'ended_at': '{LONG_AGO}'}}",
            "MalformedFrame",
            "ActivityInterrupted",
        ),
    ],
)
def test_a_process_that_reports_no_valid_result_makes_a_failed_try(
    tmp_path: Path, script: str, kind: str, says: str
) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        outcome = await server.outcome(server.deliver(server.task(script)))
        assert outcome["outcome"] == "failed"
        assert outcome["error"]["type"] == kind
        assert says in outcome["error"]["message"]
        assert outcome["error"]["retryable"]

    run_with_worker(tmp_path, work)


def test_user_code_may_call_what_is_meant_for_tasks_and_nothing_else(tmp_path: Path) -> None:
    script = """
def run(child):
    return child.succeed({
        "allowed": child.call("get_xcom", {"task_id": "up", "key": "return_value"}),
        "forbidden": child.call("finish", {"dispatch_id": child.assignment["dispatch_id"]}, child.succeed()),
        "unknown": child.call("drop_tables"),
        "token": "token" in str(child.assignment),
    })
"""

    async def work(server: FakeServer, worker: Worker) -> None:
        server.handlers["get_xcom"] = lambda call: (200, b'{"value": [1, "\\u00e9"]}')
        dispatch_id = server.deliver(server.task(script))
        value = (await server.outcome(dispatch_id))["xcoms"][0]["value"]
        assert value["allowed"]["body"] == {"value": [1, "é"]}
        assert value["forbidden"]["status"] == 403
        assert value["forbidden"]["body"]["reason"] == "not_allowed"
        assert value["unknown"]["body"]["reason"] == "not_allowed"
        assert value["token"] is False
        [call] = server.of("get_xcom")
        assert call.token == "execution-token"
        assert call.parameters == {"task_id": "up", "key": "return_value"}
        assert len(server.of("finish")) == 1

    run_with_worker(tmp_path, work)


CANCELLED = ("interrupted", "cancelled")


def end_of(outcome: dict[str, Any]) -> tuple[Any, Any]:
    return outcome["outcome"], outcome.get("cause")


def test_a_cancelled_try_ends_with_all_its_processes_and_then_says_so(tmp_path: Path) -> None:
    script = """
import os, subprocess, sys
def run(child):
    apart = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    child.call("set_xcom", {"key": "pid"}, {"op_id": "00000000-0000-0000-0000-000000000001", "value": apart.pid})
    apart.wait()
"""

    async def work(server: FakeServer, worker: Worker) -> None:
        dispatch_id = server.deliver(server.task(script))
        pid = await pid_of(server, dispatch_id)
        server.cancel(dispatch_id)
        assert end_of(await server.outcome(dispatch_id)) == CANCELLED
        await process_ended(pid)
        server.cancel(dispatch_id)
        assert await worker.end() == 0
        assert len(server.of("finish")) == 1

    run_with_worker(tmp_path, work)


def test_a_try_that_the_answer_to_a_sign_of_life_calls_ended_is_killed(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        dispatch_id = server.deliver(server.task(SLEEP))
        pid = await pid_of(server, dispatch_id)
        server.ended.append(dispatch_id)
        assert end_of(await server.outcome(dispatch_id)) == CANCELLED
        await process_ended(pid)
        await server.until(lambda: server.of("renew_leases")[-1].body["dispatches"] == [])

    run_with_worker(tmp_path, work, renew_every_seconds=0.1)


def test_the_outcome_of_a_cancelled_try_is_kept_until_the_server_has_it(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        dispatch_id = server.deliver(server.task(SLEEP))
        await pid_of(server, dispatch_id)
        server.held.add("finish")
        server.cancel(dispatch_id)
        await server.until(lambda: server.of("finish"))
        server.cut()
        await server.connected(2)
        server.held.clear()
        assert server.hellos[-1].spooled == [dispatch_id]
        assert end_of(await server.outcome(dispatch_id)) == CANCELLED

    run_with_worker(tmp_path, work)


def test_a_delivery_that_comes_after_its_cancel_is_not_started(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        delivery = server.task(SUCCEED)
        server.cancel(delivery["dispatch_id"])
        dispatch_id = server.deliver(delivery)
        assert end_of(await server.outcome(dispatch_id)) == CANCELLED
        assert not server.starts()

    run_with_worker(tmp_path, work)


def test_a_try_whose_start_the_server_does_not_accept_is_killed(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        server.refusals["report_started"].append(Refusal(410, "dispatch_ended"))
        server.deliver(server.task(SLEEP))
        await server.until(lambda: server.of("renew_leases") and server.of("renew_leases")[-1].body["dispatches"] == [])
        assert [end_of(call.body) for call in server.of("finish")] == [CANCELLED]

    run_with_worker(tmp_path, work, renew_every_seconds=0.1)


def test_a_dispatch_runs_once_however_often_it_is_delivered(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        delivery = server.task(SUCCEED)
        server.held.add("finish")
        server.deliver(delivery)
        server.deliver(delivery)
        await server.until(lambda: server.of("finish"))
        server.deliver(delivery)
        server.release("finish")
        await server.outcome(delivery["dispatch_id"])
        server.deliver(delivery)
        await server.outcome(server.deliver(server.task(SUCCEED)))
        assert len(server.starts()) == 2

    run_with_worker(tmp_path, work)


def test_a_delivery_that_is_not_understood_is_handed_back(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        delivery = server.task(SUCCEED)
        delivery["activity"]["kind"] = "run_callback"
        outcome = await server.outcome(server.deliver(delivery))
        assert outcome["outcome"] == "interrupted"
        assert outcome["cause"] == "worker_failure"
        assert "run_callback" in outcome["message"]

    run_with_worker(tmp_path, work)


def test_code_that_the_server_does_not_have_makes_a_failed_try(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        server.refusals["get_snapshot"].append(Refusal(404, "not_found"))
        outcome = await server.outcome(server.deliver(server.task(SUCCEED)))
        assert outcome["error"]["type"] == "CodeUnavailable"
        assert "not_found" in outcome["error"]["message"]

    run_with_worker(tmp_path, work)


def test_a_worker_that_cannot_keep_code_hands_its_work_back(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        blobs = worker.state.path / "code" / "blobs"
        blobs.rmdir()
        blobs.write_text("no folder")
        outcome = await server.outcome(server.deliver(server.task(SUCCEED)))
        assert outcome["outcome"] == "interrupted"
        assert outcome["cause"] == "worker_failure"

    run_with_worker(tmp_path, work)


def test_user_code_gets_the_workers_environment_less_its_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEWIND_API_TOKEN", "tw_worker")
    monkeypatch.setenv("FOR_TASKS", "yes")
    script = "import os\n" + report("dict(os.environ)")

    async def work(server: FakeServer, worker: Worker) -> None:
        value = (await server.outcome(server.deliver(server.task(script))))["xcoms"][0]["value"]
        assert value["FOR_TASKS"] == "yes"
        assert not [name for name in value if name.startswith("TRADEWIND_")]
        assert "tw_worker" not in json.dumps(value)

    run_with_worker(tmp_path, work)


def test_many_tries_at_once_each_end_with_their_own_outcome(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        script = report("child.assignment['dispatch_id']")
        delivered = [server.deliver(server.task(script)) for _ in range(60)]
        for dispatch_id in delivered:
            outcome: Any = await server.outcome(dispatch_id)
            assert outcome["xcoms"][0]["value"] == dispatch_id
        assert len(server.of("get_snapshot")) == 1

    run_with_worker(tmp_path, work)


def test_a_process_that_lingers_after_its_result_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradewind.sdk.worker.exiting.EXIT_SECONDS", 0.2)
    script = """
import os, time
def run(child):
    import json
    child.channel.send(json.dumps({"frame": "result", "outcome": child.succeed(os.getpid())}).encode())
    time.sleep(600)
"""

    async def work(server: FakeServer, worker: Worker) -> None:
        outcome = await server.outcome(server.deliver(server.task(script)))
        assert outcome["outcome"] == "success"
        await process_ended(outcome["xcoms"][0]["value"])

    run_with_worker(tmp_path, work)


def test_what_a_try_leaves_running_is_gone_before_its_outcome_is_reported(tmp_path: Path) -> None:
    script = """
import subprocess, sys
def run(child):
    left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    return child.succeed(left.pid)
"""

    async def work(server: FakeServer, worker: Worker) -> None:
        outcome = await server.outcome(server.deliver(server.task(script)))
        assert outcome["outcome"] == "success"
        await process_ended(outcome["xcoms"][0]["value"], timeout=10.0)

    run_with_worker(tmp_path, work)


def test_a_try_killed_from_outside_is_no_mystery(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        dispatch_id = server.deliver(server.task(SLEEP))
        os.kill(await pid_of(server, dispatch_id), signal.SIGTERM)
        outcome = await server.outcome(dispatch_id)
        assert outcome["error"]["type"] == "ProcessKilled"
        assert "SIGTERM" in outcome["error"]["message"]

    run_with_worker(tmp_path, work)
