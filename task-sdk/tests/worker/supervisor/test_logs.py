from pathlib import Path

from tests.worker.fake_server import FakeServer, Refusal
from tests.worker.rig import Worker, process_ended, run_with_server, run_with_worker, working


def test_what_a_try_writes_is_in_its_log_before_its_outcome_is_reported(tmp_path: Path) -> None:
    script = """
import sys
def run(child):
    print("to output")
    print("to error", file=sys.stderr)
    child.structured(timestamp="2026-01-01T00:00:00Z", source="log", level="warning", message="careful", logger="app")
    return child.succeed()
"""

    async def work(server: FakeServer, worker: Worker) -> None:
        dispatch_id = server.deliver(server.task(script))
        await server.outcome(dispatch_id)
        records = {record["source"]: record for record in server.log(dispatch_id)}
        assert records["stdout"]["message"] == "to output"
        assert records["stderr"]["message"] == "to error"
        assert records["log"]["message"] == "careful"
        [segment] = server.of("put_log_segment")
        assert segment.token == "execution-token"
        operations = [call.operation for call in server.calls]
        assert operations.index("put_log_segment") < operations.index("finish")

    run_with_worker(tmp_path, work)


def test_no_secret_that_a_try_was_given_gets_into_its_log_or_its_error(tmp_path: Path) -> None:
    script = """
import json
def run(child):
    pushed = child.assignment["secrets"]["variables"][0]["value"]
    pulled = child.call("get_connection", {"conn_id": "db"})["body"]["password"]
    print(f"pushed={pushed} pulled={pulled}")
    outcome = {"outcome": "failed", "ended_at": "2026-01-01T00:00:00Z"}
    outcome["error"] = {"type": "E", "message": pushed, "traceback": pulled, "retryable": True}
    return outcome
"""

    async def work(server: FakeServer, worker: Worker) -> None:
        server.handlers["get_connection"] = lambda call: (
            200,
            b'{"conn_id": "db", "conn_type": "postgres", "password": "pulled secret"}',
        )
        secrets = {"connections": [], "variables": [{"key": "k", "value": "pushed secret"}]}
        dispatch_id = server.deliver(server.task(script, secrets=secrets))
        outcome = await server.outcome(dispatch_id)
        assert [record["message"] for record in server.log(dispatch_id)] == ["pushed=*** pulled=***"]
        assert (outcome["error"]["message"], outcome["error"]["traceback"]) == ("***", "***")

    run_with_worker(tmp_path, work)


MASKS = """
import json
def run(child):
    def mask(number, values):
        child.channel.send(json.dumps({"frame": "mask", "request_id": number, "values": values}).encode())
        return json.loads(child.channel.receive())
    first = mask(1, ["own-s3cr3t"])
    print("it is own-s3cr3t", flush=True)
    return child.succeed([first, mask(2, [f"word {number}" for number in range(1000)])["status"]])
"""


def test_what_user_code_calls_a_secret_is_masked_from_the_answer_on(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        dispatch_id = server.deliver(server.task(MASKS))
        outcome = await server.outcome(dispatch_id)
        assert [record["message"] for record in server.log(dispatch_id)] == ["it is ***"]
        assert outcome["xcoms"][0]["value"] == [{"frame": "response", "request_id": 1, "status": 204}, 422]

    run_with_worker(tmp_path, work)


def test_the_log_says_why_the_worker_ended_a_try(tmp_path: Path) -> None:
    script = """
import time
def run(child):
    print("begun", flush=True)
    child.call("set_xcom", {"key": "k"}, {"op_id": "00000000-0000-0000-0000-000000000001", "value": 1})
    time.sleep(600)
"""

    async def work(server: FakeServer, worker: Worker) -> None:
        dispatch_id = server.deliver(server.task(script))
        await server.until(lambda: server.of("set_xcom"))
        await worker.end()
        assert [record["message"] for record in server.log(dispatch_id)] == ["begun", "The worker was told to stop."]

    run_with_worker(tmp_path, work)


def test_a_segment_that_meets_a_fault_of_the_server_is_sent_again(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        server.refusals["put_log_segment"].append(Refusal(500, "internal_error"))
        dispatch_id = server.deliver(server.task("def run(child):\n    print('hello')\n    return child.succeed()"))
        await server.outcome(dispatch_id)
        assert [record["message"] for record in server.log(dispatch_id)] == ["hello"]

    run_with_worker(tmp_path, work)


def test_segments_that_a_former_life_left_are_delivered_before_its_outcome(tmp_path: Path) -> None:
    script = "def run(child):\n    print('last words')\n    return child.succeed()"

    async def work(server: FakeServer) -> None:
        async with working(server, tmp_path, stop_timeout=0.5) as worker:
            await server.until(lambda: server.connections)
            server.held.update({"put_log_segment", "finish"})
            dispatch_id = server.deliver(server.task(script))
            await server.until(lambda: server.of("put_log_segment"))
            await worker.end()
        assert list((worker.state.path / "logs" / dispatch_id).iterdir())
        server.calls.clear()
        server.held.clear()
        async with working(server, tmp_path):
            await server.outcome(dispatch_id)
        assert [call.operation for call in server.calls] == ["put_log_segment", "finish"]
        assert [record["message"] for record in server.log(dispatch_id)] == ["last words"]
        assert not (worker.state.path / "logs" / dispatch_id).exists()

    run_with_server(work)


def test_tries_write_on_while_the_server_is_away(tmp_path: Path) -> None:
    flag = tmp_path / "written"
    script = f"""
from pathlib import Path
def run(child):
    import os, time
    child.call("set_xcom", {{"key": "k"}}, {{"op_id": "00000000-0000-0000-0000-000000000001", "value": os.getpid()}})
    while not os.path.exists({str(flag)!r}): time.sleep(0.01)
    for number in range(60_000): print(f"{{number:0100}}")
    Path({str(flag)!r}).unlink()
    return child.succeed()
"""

    async def work(server: FakeServer, worker: Worker) -> None:
        dispatch_id = server.deliver(server.task(script))
        await server.until(lambda: server.of("set_xcom"))
        await server.shut_down()
        flag.touch()
        await process_ended(server.of("set_xcom")[0].body["value"])
        assert not flag.exists()
        await server.listen()
        await server.outcome(dispatch_id)
        assert [record["message"] for record in server.log(dispatch_id)] == [f"{n:0100}" for n in range(60_000)]

    run_with_worker(tmp_path, work)


def test_exit_handlers_may_write_more_than_a_pipe_holds_and_ask_the_server(tmp_path: Path) -> None:
    script = """
import atexit
def run(child):
    def leave():
        assert child.call("set_xcom", {"key": "late"}, {"op_id": ID, "value": 1})["status"] == 204
        for number in range(3000):
            print(number, 100 * "x")
        print("the last line", flush=True)
    atexit.register(leave)
    return child.succeed()
ID = "00000000-0000-0000-0000-000000000001"
"""

    async def work(server: FakeServer, worker: Worker) -> None:
        dispatch_id = server.deliver(server.task(script))
        outcome = await server.outcome(dispatch_id)
        assert outcome["outcome"] == "success"
        assert [call.body["value"] for call in server.of("set_xcom")] == [1]
        messages = [record["message"] for record in server.log(dispatch_id)]
        assert len(messages) == 3001
        assert messages[-1] == "the last line"

    run_with_worker(tmp_path, work)
