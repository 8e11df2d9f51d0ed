import asyncio
from pathlib import Path

from tests.worker.fake_server import FakeServer
from tests.worker.rig import Worker, run_with_server, run_with_worker, working

SLEEP = """
import time
def run(child):
    child.call("set_xcom", {"key": "began"}, {"op_id": "00000000-0000-0000-0000-000000000001", "value": 1})
    time.sleep(600)
"""
SUCCEED = "def run(child): return child.succeed()"


def test_a_worker_that_stops_offers_nothing_and_reports_what_it_interrupted(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        delivered = [server.deliver(server.task(SLEEP)) for _ in range(3)]
        await server.until(lambda: len(server.of("set_xcom")) == 3)
        assert await worker.end() == 0
        assert server.offers == [{"execute_task": 0, "parse_dag_file": 0}]
        for dispatch_id in delivered:
            outcome = server.outcomes[dispatch_id]
            assert outcome["outcome"] == "interrupted"
            assert outcome["cause"] == "worker_stopping"
        assert (worker.state.path / "spool").read_bytes() == b""

    run_with_worker(tmp_path, work)


def test_what_is_delivered_to_a_worker_that_stops_is_handed_back(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        server.held.add("finish")
        server.deliver(server.task(SUCCEED))
        await server.until(lambda: server.of("finish"))
        worker.stop.set()
        await server.until(lambda: server.offers)
        late = server.deliver(server.task(SUCCEED))
        await server.until(lambda: len(server.of("finish")) == 2)
        server.release("finish")
        await worker.ended
        assert server.outcomes[late]["cause"] == "worker_stopping"
        assert len(server.starts()) == 1

    run_with_worker(tmp_path, work)


def test_a_worker_that_stops_while_its_code_is_on_the_way_hands_its_work_back(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        server.held.add("get_snapshot")
        dispatch_id = server.deliver(server.task(SUCCEED))
        await server.until(lambda: server.of("get_snapshot"))
        assert await worker.end() == 0
        assert server.outcomes[dispatch_id]["cause"] == "worker_stopping"
        assert not server.starts()

    run_with_worker(tmp_path, work)


def test_a_worker_stops_within_its_timeout_when_the_server_is_away(tmp_path: Path) -> None:
    async def work(server: FakeServer) -> None:
        async with working(server, tmp_path, stop_timeout=0.3) as worker:
            await server.until(lambda: server.connections)
            dispatch_id = server.deliver(server.task(SLEEP))
            await server.until(lambda: server.of("set_xcom"))
            await server.shut_down()
            async with asyncio.timeout(10):
                assert await worker.end() == 0
        assert dispatch_id.encode() in (worker.state.path / "spool").read_bytes()
        await server.listen()
        async with working(server, tmp_path):
            assert (await server.outcome(dispatch_id))["cause"] == "worker_stopping"

    run_with_server(work)


def test_a_result_that_was_already_reported_counts_also_when_the_worker_stops(tmp_path: Path) -> None:
    script = """
import json, os, time
def run(child):
    child.channel.send(json.dumps({"frame": "result", "outcome": child.succeed(1)}).encode())
    child.call("set_xcom", {"key": "began"}, {"op_id": "00000000-0000-0000-0000-000000000001", "value": 1})
    time.sleep(600)
"""

    async def work(server: FakeServer, worker: Worker) -> None:
        dispatch_id = server.deliver(server.task(script))
        await server.until(lambda: server.of("set_xcom"))
        await worker.end()
        assert server.outcomes[dispatch_id]["outcome"] == "success"

    run_with_worker(tmp_path, work)
