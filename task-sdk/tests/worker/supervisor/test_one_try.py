from pathlib import Path

from tests.worker.fake_server import FakeServer
from tests.worker.rig import Worker, run_with_worker


def test_a_delivered_try_is_started_runs_and_ends_with_its_outcome(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        dispatch_id = server.deliver(server.task("def run(child): return child.succeed({'rows': 7})"))
        outcome = await server.outcome(dispatch_id)
        assert outcome["outcome"] == "success"
        assert outcome["xcoms"] == [{"key": "return_value", "value": {"rows": 7}}]
        [started] = server.of("report_started")
        assert started.parameters == {"dispatch_id": dispatch_id}
        assert started.token == "execution-token"
        assert started.body["pid"] > 0
        assert await worker.end() == 0
        assert (worker.state.path / "spool").read_bytes() == b""

    run_with_worker(tmp_path, work)
