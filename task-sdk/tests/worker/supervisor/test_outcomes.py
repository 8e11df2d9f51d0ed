from pathlib import Path

import pytest

from tests.worker.fake_server import FakeServer, Refusal
from tests.worker.rig import Worker, run_with_server, run_with_worker, working

SUCCEED = "def run(child): return child.succeed()"


@pytest.mark.parametrize("reason", ["dispatch_ended", "unknown_dispatch", "wrong_activity", "forged_token"])
def test_an_outcome_that_nobody_wants_is_dropped_with_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, reason: str
) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        server.refusals["finish"].append(Refusal(410, reason))
        dropped = server.deliver(server.task(SUCCEED))
        await server.until(lambda: server.of("finish"))
        await server.outcome(server.deliver(server.task(SUCCEED)))
        assert await worker.end() == 0
        assert len(server.of("finish")) == 2
        assert (worker.state.path / "spool").read_bytes() == b""
        assert f"outcome dropped dispatch={dropped} reason={reason}" in caplog.text

    run_with_worker(tmp_path, work)


@pytest.mark.parametrize(
    "refusal", [Refusal(500, "internal_error"), Refusal(429, "too_busy", {"retry_after_seconds": 0.01})]
)
def test_an_outcome_that_the_server_cannot_take_now_is_sent_again(tmp_path: Path, refusal: Refusal) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        server.refusals["finish"].extend([refusal] * 3)
        dispatch_id = server.deliver(server.task(SUCCEED))
        await server.outcome(dispatch_id)
        bodies = [call.body for call in server.of("finish")]
        assert len(bodies) == 4
        assert bodies == bodies[:1] * 4

    run_with_worker(tmp_path, work)


def test_an_outcome_whose_content_is_refused_becomes_a_failure_that_says_so(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        more = {"field": "xcoms.0.key", "detail": "key is too long", "action": "Shorten it."}
        server.refusals["finish"].append(Refusal(422, "invalid_value", more))
        outcome = await server.outcome(server.deliver(server.task(SUCCEED)))
        assert outcome["outcome"] == "failed"
        assert outcome["error"]["type"] == "OutcomeRefused"
        for words in ("invalid_value", "key is too long", "xcoms.0.key", "Shorten it."):
            assert words in outcome["error"]["message"]

    run_with_worker(tmp_path, work)


@pytest.mark.parametrize(("field", "told_again"), [("xcoms.0.key", True), ("started.hostname", False)])
def test_the_start_told_with_a_refused_outcome_is_told_again_unless_it_was_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, field: str, told_again: bool
) -> None:
    monkeypatch.setattr("tradewind.sdk.worker.activity_run._START_WITHIN_SECONDS", 60.0)

    async def work(server: FakeServer, worker: Worker) -> None:
        server.refusals["finish"].append(Refusal(422, "invalid_value", {"field": field}))
        outcome = await server.outcome(server.deliver(server.task(SUCCEED)))
        first, second = (call.body for call in server.of("finish"))
        assert outcome["error"]["type"] == "OutcomeRefused"
        assert not server.of("report_started")
        assert second.get("started") == (first["started"] if told_again else None)

    run_with_worker(tmp_path, work)


def test_a_return_value_above_the_servers_limit_is_a_failure_with_both_sizes(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        outcome = await server.outcome(server.deliver(server.task("def run(child): return child.succeed('x' * 30000)")))
        assert outcome["error"]["type"] == "ResultTooLarge"
        assert "20000" in outcome["error"]["message"]
        assert "301" in outcome["error"]["message"]
        assert not outcome["error"]["retryable"]

    run_with_worker(tmp_path, work, max_body_bytes=20_000)


def test_what_does_not_fit_a_frame_goes_over_http(tmp_path: Path) -> None:
    script = """
def run(child):
    big = child.call("set_xcom", {"key": "big"}, {"op_id": "00000000-0000-0000-0000-000000000001", "value": "x" * 9000})
    return child.succeed([big["status"], "y" * 9000])
"""

    async def work(server: FakeServer, worker: Worker) -> None:
        outcome = await server.outcome(server.deliver(server.task(script)))
        assert outcome["xcoms"][0]["value"][0] == 204
        await server.until(lambda: server.of("renew_leases"))
        ways = {call.operation: (call.via, call.token) for call in server.calls}
        assert ways["set_xcom"] == ways["finish"] == ("http", "execution-token")
        assert ways["renew_leases"][0] == "session"

    run_with_worker(tmp_path, work, max_frame_bytes=5000, renew_every_seconds=0.1)


def test_an_answer_that_does_not_fit_a_frame_is_fetched_over_http(tmp_path: Path) -> None:
    script = "def run(child): return child.succeed(child.call('get_xcom', {'task_id': 'a', 'key': 'b'})['body'])"

    async def work(server: FakeServer, worker: Worker) -> None:
        server.handlers["get_xcom"] = lambda call: (
            Refusal(400, "http_only") if call.via == "session" else (200, b'{"value": 7}')
        )
        outcome = await server.outcome(server.deliver(server.task(script)))
        assert outcome["xcoms"][0]["value"] == {"value": 7}

    run_with_worker(tmp_path, work)


def test_outcomes_that_a_worker_could_not_deliver_are_delivered_by_the_next(tmp_path: Path) -> None:
    async def work(server: FakeServer) -> None:
        async with working(server, tmp_path, stop_timeout=0.5) as worker:
            await server.until(lambda: server.connections)
            server.held.add("finish")
            dispatch_id = server.deliver(server.task("print('hello')\n" + SUCCEED))
            await server.until(lambda: server.of("finish"))
            first = worker.state.instance_id
            assert await worker.end() == 0
        assert server.hellos[0].ended_instances == []
        held, server.calls = server.of("finish"), []
        server.release("finish")
        async with working(server, tmp_path) as worker:
            await server.until(lambda: server.of("finish"))
            assert server.hellos[-1].spooled == [dispatch_id]
            assert server.hellos[-1].ended_instances == [first]
            assert server.hellos[-1].instance_id == worker.state.instance_id != first
            assert [call.body for call in server.of("finish")] == [held[0].body]
        async with working(server, tmp_path):
            await server.until(lambda: len(server.hellos) == 3)
            assert server.hellos[-1].spooled == []
            assert server.hellos[-1].ended_instances == [worker.state.instance_id]

    run_with_server(work)


def test_an_outcome_that_was_recorded_before_the_cut_is_not_announced_for_ever(tmp_path: Path) -> None:
    async def work(server: FakeServer) -> None:
        async with working(server, tmp_path, stop_timeout=0.5) as worker:
            await server.until(lambda: server.connections)
            server.held.add("finish")
            dispatch_id = server.deliver(server.task(SUCCEED))
            await server.until(lambda: server.of("finish"))
            await worker.end()
        server.release("finish")
        server.ended.append(dispatch_id)
        server.refusals["finish"].extend([Refusal(410, "dispatch_ended")] * 5)
        async with working(server, tmp_path) as worker:
            await server.until(lambda: len(server.connections) == 2)
            await worker.end()
            assert (worker.state.path / "spool").read_bytes() == b""

    run_with_server(work)
