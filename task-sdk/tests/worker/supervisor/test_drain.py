"""A worker that drains takes nothing more and lets what runs come to its end, for as long as it was told."""

from pathlib import Path

from tests.worker.fake_server import FakeServer
from tests.worker.rig import Worker, run_with_server, run_with_worker, working

WAIT = """
def run(child):
    child.call("set_xcom", {"key": "began"}, {"op_id": "00000000-0000-0000-0000-000000000001", "value": 1})
    return child.succeed(1)
"""
SUCCEED = "def run(child): return child.succeed()"
NOTHING = {"execute_task": 0, "parse_dag_file": 0}


def gated(server: FakeServer) -> str:
    """A try that waits until the answer to its call is released."""
    server.held.add("set_xcom")
    return server.deliver(server.task(WAIT))


def drain_as_by_sigterm(worker: Worker) -> None:
    worker.ends.drain.set()
    worker.ends.timed.set()


def test_a_draining_worker_lets_its_tries_end_and_then_ends_itself(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        running = gated(server)
        await server.until(lambda: server.of("set_xcom"))
        drain_as_by_sigterm(worker)
        await server.until(lambda: server.offers)
        late = server.deliver(server.task(SUCCEED))
        assert (await server.outcome(late))["cause"] == "worker_stopping"
        assert not worker.ended.done()
        server.release("set_xcom")
        assert (await server.outcome(running))["outcome"] == "success"
        assert await worker.ended == 0
        assert server.offers[0] == NOTHING

    run_with_worker(tmp_path, work)


def test_what_runs_when_the_time_to_drain_is_over_is_interrupted(tmp_path: Path) -> None:
    async def work(server: FakeServer) -> None:
        async with working(server, tmp_path, drain_timeout=0.2) as worker:
            await server.until(lambda: server.connections)
            running = gated(server)
            await server.until(lambda: server.of("set_xcom"))
            drain_as_by_sigterm(worker)
            assert (await server.outcome(running))["cause"] == "worker_stopping"
            assert await worker.ended == 0

    run_with_server(work)


def test_a_worker_that_is_told_to_stop_while_it_drains_stops_now(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        running = gated(server)
        await server.until(lambda: server.of("set_xcom"))
        drain_as_by_sigterm(worker)
        await server.until(lambda: server.offers)
        worker.stop.set()
        assert (await server.outcome(running))["cause"] == "worker_stopping"
        assert await worker.ended == 0

    run_with_worker(tmp_path, work)


def test_the_server_asks_for_a_drain_without_a_limit_of_time(tmp_path: Path) -> None:
    async def work(server: FakeServer) -> None:
        async with working(server, tmp_path, drain_timeout=0.0) as worker:
            await server.until(lambda: server.connections)
            running = gated(server)
            await server.until(lambda: server.of("set_xcom"))
            server.push(frame="drain", message="maintenance")
            await server.until(lambda: server.offers == [NOTHING])
            assert not worker.ended.done()
            server.release("set_xcom")
            assert (await server.outcome(running))["outcome"] == "success"
            assert await worker.ended == 0

    run_with_server(work)


def test_a_worker_that_drains_offers_nothing_on_a_new_connection(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        running = gated(server)
        await server.until(lambda: server.of("set_xcom"))
        server.push(frame="drain", message="maintenance")
        await server.until(lambda: server.offers)
        server.cut()
        await server.connected(2)
        assert server.hellos[-1].capacity == NOTHING
        assert server.hellos[-1].live == [running]
        server.release("set_xcom")
        assert (await server.outcome(running))["outcome"] == "success"
        assert await worker.ended == 0

    run_with_worker(tmp_path, work)


def test_an_idle_worker_that_drains_ends_at_once(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        drain_as_by_sigterm(worker)
        assert await worker.ended == 0

    run_with_worker(tmp_path, work)
