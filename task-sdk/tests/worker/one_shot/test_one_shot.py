import asyncio
import json
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.worker.fake_calls import Received
from tests.worker.fake_server import FakeServer, Refusal
from tests.worker.rig import environment, run_with_server

SUCCEED = "def run(child):\n    print('hello')\n    return child.succeed(42)"
TICKET = "t" * 43


def envelope(server: FakeServer, delivery: dict[str, Any], **changes: Any) -> bytes:
    whole = {
        "contract": "2026-12-01",
        "api_url": server.url,
        "kind": delivery["activity"]["kind"],
        "dispatch_id": delivery["dispatch_id"],
        "ticket": TICKET,
    }
    return json.dumps({**whole, **changes}).encode()


def give(delivery: dict[str, Any]) -> Callable[[Received], tuple[int, bytes]]:
    return lambda call: (200, json.dumps(delivery).encode())


async def start(data: bytes, *options: str) -> Process:
    known = {**environment(), "TRADEWIND_API_TOKEN": "tw_worker"}
    command = [sys.executable, "-m", "tests.worker.programs", "run-activity", *options]
    process = await asyncio.create_subprocess_exec(*command, env=known, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    assert process.stdin is not None
    process.stdin.write(data)
    process.stdin.close()
    return process


async def end_of(process: Process) -> tuple[int, str]:
    async with asyncio.timeout(50):
        output, errors = await asyncio.gather(process.stdout.read(), process.stderr.read())  # type: ignore[union-attr]
        await process.wait()
    assert output == b""
    assert process.returncode is not None
    return process.returncode, errors.decode()


def test_an_envelope_becomes_a_try_that_ends_with_its_outcome(tmp_path: Path) -> None:
    async def work(server: FakeServer) -> None:
        delivery = server.task(SUCCEED)
        dispatch_id = delivery["dispatch_id"]
        server.handlers["start_activity"] = give(delivery)
        code, errors = await end_of(await start(envelope(server, delivery)))
        assert code == 0, errors
        assert server.outcomes[dispatch_id]["xcoms"][0]["value"] == 42
        assert [record["message"] for record in server.log(dispatch_id)] == ["hello"]
        [started] = server.of("start_activity")
        assert started.token == "tw_worker"
        assert started.body["ticket"] == TICKET
        assert len(started.body["nonce"]) >= 16
        assert server.of("finish")[0].token == "execution-token"
        assert len(server.starts()) == 1
        assert server.of("renew_leases")[0].body == {
            "instance_id": started.body["instance_id"],
            "dispatches": [dispatch_id],
        }
        assert {call.via for call in server.calls} == {"http"}
        for secret in (TICKET, "tw_worker", "execution-token"):
            assert secret not in errors

    run_with_server(work)


def test_a_start_whose_answer_was_lost_is_repeated_with_the_same_nonce(tmp_path: Path) -> None:
    async def work(server: FakeServer) -> None:
        delivery = server.task(SUCCEED)
        server.handlers["start_activity"] = give(delivery)
        server.held.add("start_activity")
        process = await start(envelope(server, delivery))
        await server.until(lambda: server.of("start_activity"))
        server.cut()
        await server.until(lambda: len(server.of("start_activity")) == 2)
        server.refusals["start_activity"].extend([Refusal(500, "internal_error")] * 2)
        server.release("start_activity")
        assert (await end_of(process))[0] == 0
        assert len({call.body["nonce"] for call in server.of("start_activity")}) == 1
        assert len(server.of("start_activity")) >= 3

    run_with_server(work)


@pytest.mark.parametrize("reason", ["spent_ticket", "dispatch_ended"])
def test_a_refused_copy_exits_quietly(tmp_path: Path, reason: str) -> None:
    async def work(server: FakeServer) -> None:
        server.refusals["start_activity"].append(Refusal(409, reason))
        code, errors = await end_of(await start(envelope(server, server.task(SUCCEED))))
        assert code == 0
        assert len(errors.splitlines()) == 1
        assert reason in errors

    run_with_server(work)


def test_a_start_that_is_refused_for_another_reason_is_an_error(tmp_path: Path) -> None:
    async def work(server: FakeServer) -> None:
        server.refusals["start_activity"].append(Refusal(403, "invalid_ticket", {"action": "Hand it out again."}))
        code, errors = await end_of(await start(envelope(server, server.task(SUCCEED))))
        assert code == 1
        assert "Hand it out again." in errors

    run_with_server(work)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no envelope"),
        (b"[]", "no envelope"),
        (b'{"contract": "2026-12-01", "kind": "execute_task"}', "api_url"),
        (b'{"contract": "2999-01-01"}', "upgrade tradewind-task-sdk"),
        (
            b'{"contract":"2026-12-01","api_url":"x","kind":"execute_task","dispatch_id":"d","ticket":"t"}',
            "api_url is 'x'",
        ),
    ],
)
def test_what_is_no_envelope_is_refused_with_a_sentence(data: bytes, says: str) -> None:
    command = [sys.executable, "-m", "tradewind.sdk", "run-activity"]
    known = {**environment(), "TRADEWIND_API_TOKEN": "tw_worker"}
    done = subprocess.run(command, input=data, env=known, capture_output=True, check=False)
    assert done.returncode == 2
    assert says in done.stderr.decode()
    assert len(done.stderr.decode().splitlines()) == 1


def test_without_a_credential_nothing_is_started() -> None:
    data = b'{"contract":"2026-12-01","api_url":"http://x","kind":"execute_task","dispatch_id":"d","ticket":"t"}'
    known = {name: value for name, value in environment().items() if not name.startswith("TRADEWIND_")}
    done = subprocess.run(
        [sys.executable, "-m", "tradewind.sdk", "run-activity"], input=data, env=known, capture_output=True, check=False
    )
    assert done.returncode == 2
    assert b"TRADEWIND_API_TOKEN" in done.stderr


def test_a_one_shot_that_is_told_to_stop_reports_it(tmp_path: Path) -> None:
    script = """
import time
def run(child):
    child.call("set_xcom", {"key": "k"}, {"op_id": "00000000-0000-0000-0000-000000000001", "value": 1})
    time.sleep(600)
"""

    async def work(server: FakeServer) -> None:
        delivery = server.task(script)
        server.handlers["start_activity"] = give(delivery)
        process = await start(envelope(server, delivery))
        await server.until(lambda: server.of("set_xcom"))
        process.send_signal(signal.SIGTERM)
        assert (await end_of(process))[0] == 0
        assert server.outcomes[delivery["dispatch_id"]]["cause"] == "worker_stopping"

    run_with_server(work)


def test_an_outcome_that_cannot_be_delivered_is_kept_and_delivered_by_the_next_start(tmp_path: Path) -> None:
    async def work(server: FakeServer) -> None:
        delivery = server.task(SUCCEED, takeover_after_seconds=0.5)
        dispatch_id = delivery["dispatch_id"]
        server.handlers["start_activity"] = give(delivery)
        server.lease_seconds = 0.3
        server.held.add("finish")
        process = await start(envelope(server, delivery), "--state-directory", str(tmp_path))
        await server.until(lambda: server.of("finish"))
        await server.shut_down()
        code, errors = await end_of(process)
        assert code == 1
        assert str(tmp_path / dispatch_id) in errors
        server.release("finish")
        server.outcomes.clear()
        await server.listen()
        process = await start(envelope(server, delivery), "--state-directory", str(tmp_path))
        assert (await end_of(process))[0] == 0
        assert server.outcomes[dispatch_id]["outcome"] == "success"
        assert len(server.of("start_activity")) == 1
        assert not (tmp_path / dispatch_id).exists()

    run_with_server(work)


def test_a_try_that_the_server_calls_ended_is_killed(tmp_path: Path) -> None:
    script = "import time\ndef run(child):\n    time.sleep(600)"

    async def work(server: FakeServer) -> None:
        server.lease_seconds = 0.3
        delivery = server.task(script)
        server.handlers["start_activity"] = give(delivery)
        process = await start(envelope(server, delivery))
        await server.until(lambda: server.of("report_started"))
        server.ended.append(delivery["dispatch_id"])
        assert (await server.outcome(delivery["dispatch_id"]))["cause"] == "cancelled"
        assert (await end_of(process))[0] == 0

    run_with_server(work)
