import asyncio
from pathlib import Path

from tests.worker.fake_server import FakeServer
from tests.worker.rig import Worker, process_ended, run_with_worker

ASK = """
def run(child):
    child.call("set_xcom", {"key": "began"}, {"op_id": "00000000-0000-0000-0000-000000000001", "value": 1})
    return child.succeed(child.call("get_xcom", {"task_id": "up", "key": "k"})["body"])
"""
SLEEP = """
import os, time
def run(child):
    child.call("set_xcom", {"key": "pid"}, {"op_id": "00000000-0000-0000-0000-000000000001", "value": os.getpid()})
    time.sleep(600)
"""


def test_calls_without_an_answer_are_sent_again_on_the_next_connection(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        server.handlers["get_xcom"] = lambda call: (200, b'{"value": 5}')
        server.held.add("get_xcom")
        dispatch_id = server.deliver(server.task(ASK))
        await server.until(lambda: server.of("get_xcom"))
        server.cut()
        await server.until(lambda: len(server.of("get_xcom")) == 2)
        server.release("get_xcom")
        assert (await server.outcome(dispatch_id))["xcoms"][0]["value"] == {"value": 5}
        assert [call.connection for call in server.of("get_xcom")] == [1, 2]
        assert server.hellos[1].live == [dispatch_id]
        assert server.hellos[1].instance_id == server.hellos[0].instance_id

    run_with_worker(tmp_path, work)


def test_tries_go_on_while_the_server_is_away_and_report_when_it_is_back(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        flag = tmp_path / "go"
        script = f"""
import os, time
def run(child):
    child.call("set_xcom", {{"key": "began"}}, {{"op_id": "00000000-0000-0000-0000-000000000001", "value": 1}})
    while not os.path.exists({str(flag)!r}): time.sleep(0.01)
    return child.succeed(child.call("get_xcom", {{"task_id": "up", "key": "k"}})["body"])
"""
        server.handlers["get_xcom"] = lambda call: (200, b'{"value": 5}')
        dispatch_id = server.deliver(server.task(script))
        await server.until(lambda: server.of("set_xcom"))
        await server.shut_down()
        flag.touch()
        await server.listen()
        assert (await server.outcome(dispatch_id))["xcoms"][0]["value"] == {"value": 5}

    run_with_worker(tmp_path, work)


def test_an_outcome_whose_receipt_was_lost_is_sent_again(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        server.held.add("finish")
        dispatch_id = server.deliver(server.task("def run(child): return child.succeed()"))
        await server.until(lambda: server.of("finish"))
        server.cut()
        await server.until(lambda: len(server.of("finish")) == 2)
        assert server.hellos[1].spooled == [dispatch_id]
        assert server.hellos[1].live == []
        server.release("finish")
        await worker.end()
        assert server.of("finish")[0].body == server.of("finish")[1].body
        assert (worker.state.path / "spool").read_bytes() == b""

    run_with_worker(tmp_path, work)


def test_a_try_that_ended_elsewhere_during_the_cut_is_killed(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        dispatch_id = server.deliver(server.task(SLEEP))
        await server.until(lambda: server.of("set_xcom"))
        server.ended.append(dispatch_id)
        server.cut()
        assert (await server.outcome(dispatch_id))["cause"] == "cancelled"

    run_with_worker(tmp_path, work, renew_every_seconds=0.2)


def test_a_try_that_asks_for_it_is_stopped_before_another_worker_takes_it_over(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        stopping = server.deliver(server.task(SLEEP, on_cut="stop", takeover_after_seconds=4.0))
        await server.until(lambda: server.of("set_xcom"))
        going_on = server.deliver(server.task(SLEEP, on_cut="continue", takeover_after_seconds=4.0))
        await server.until(lambda: len(server.of("set_xcom")) == 2)
        cut_at = asyncio.get_running_loop().time()
        await server.shut_down()
        await process_ended(server.of("set_xcom")[0].body["value"])
        assert asyncio.get_running_loop().time() - cut_at < 4.0
        await server.listen()
        outcome = await server.outcome(stopping)
        assert outcome["outcome"] == "interrupted"
        assert outcome["cause"] == "lease_cut"
        assert server.hellos[-1].live == [going_on]

    run_with_worker(tmp_path, work, renew_every_seconds=0.1, lease_seconds=0.5)


def test_a_try_that_asks_to_be_stopped_runs_on_while_signs_of_life_are_answered(tmp_path: Path) -> None:
    script = "import time\ndef run(child):\n    time.sleep(2.5)\n    return child.succeed()"

    async def work(server: FakeServer, worker: Worker) -> None:
        outcome = await server.outcome(server.deliver(server.task(script, on_cut="stop", takeover_after_seconds=1.2)))
        assert outcome["outcome"] == "success"

    run_with_worker(tmp_path, work, renew_every_seconds=0.05)
