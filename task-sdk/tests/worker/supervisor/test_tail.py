"""The log of a try while somebody reads along."""

from pathlib import Path

import pytest

from tests.worker.fake_server import FakeServer
from tests.worker.rig import Worker, run_with_worker

PRINT_AND_WAIT = """
def run(child):
    print("line 0", flush=True)
    child.call("set_xcom", {"key": "k"}, {"op_id": "00000000-0000-0000-0000-000000000001", "value": 1})
    print("line 1", flush=True)
    child.call("get_variable", {"key": "v"})
    return child.succeed()
"""


async def arrived(server: FakeServer, dispatch_id: str, line: str) -> None:
    await server.until(lambda: line in "".join(server.logs[dispatch_id].values()))


def test_a_tailed_log_is_sent_long_before_a_segment_is_full_or_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tradewind.sdk.worker.logs.SEGMENT_SECONDS", 600.0)

    async def work(server: FakeServer, worker: Worker) -> None:
        server.held.update({"set_xcom", "get_variable"})
        server.handlers["get_variable"] = lambda call: (200, b'{"key": "v", "value": "1"}')
        dispatch_id = server.deliver(server.task(PRINT_AND_WAIT))
        await server.until(lambda: server.of("report_started") and server.of("set_xcom"))
        server.push(frame="tail", dispatch_id=dispatch_id, seconds=600)
        for line, waits_for in (("line 0", "set_xcom"), ("line 1", "get_variable")):
            await arrived(server, dispatch_id, line)
            server.release(waits_for)
        assert (await server.outcome(dispatch_id))["outcome"] == "success"
        assert [record["message"] for record in server.log(dispatch_id)] == ["line 0", "line 1"]

    run_with_worker(tmp_path, work)


def test_a_tail_of_what_the_worker_does_not_have_changes_nothing(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        server.push(frame="tail", dispatch_id="00000000-0000-0000-0000-000000000009", seconds=1)
        outcome = await server.outcome(server.deliver(server.task("def run(child): return child.succeed()")))
        assert outcome["outcome"] == "success"

    run_with_worker(tmp_path, work)
