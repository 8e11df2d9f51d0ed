import asyncio
from pathlib import Path

import pytest

from tests.worker.fake_server import FakeServer, Refusal
from tests.worker.rig import Worker, run_with_server, run_with_worker, working
from tradewind.sdk.__about__ import __version__

SUCCEED = "def run(child): return child.succeed()"


def test_a_worker_says_who_it_is(tmp_path: Path) -> None:
    async def work(server: FakeServer) -> None:
        async with working(server, tmp_path, queues=("cpu", "gpu"), capacity=3, parse_capacity=1) as worker:
            await server.until(lambda: server.connections)
        [hello] = server.hellos
        assert hello.instance_id == worker.state.instance_id
        assert hello.queues == ["cpu", "gpu"]
        assert hello.capacity == {"execute_task": 3, "parse_dag_file": 1}
        assert (hello.language, hello.sdk_version, hello.api_version) == ("python", __version__, "2026-12-01")
        headers = server.handshakes[0].headers
        assert headers["Authorization"] == "Bearer tw_worker"
        assert headers["Tradewind-API-Version"] == "2026-12-01"
        assert server.handshakes[0].path == "/execution/session"

    run_with_server(work)


@pytest.mark.parametrize("during", ["answer_to_handshake", "answer_to_hello"])
@pytest.mark.parametrize(
    ("refusal", "says"),
    [
        (Refusal(401, "revoked_credential"), "TRADEWIND_API_TOKEN"),
        (Refusal(401, "unknown_credential", {"action": "ask Ann for a credential"}), ". Ask Ann for a credential."),
        (Refusal(403, "not_allowed"), "role worker"),
        (
            Refusal(400, "unsupported_version", {"supported_versions": ["2020-01-01"]}),
            "The server speaks 2020-01-01. Upgrade the server",
        ),
    ],
)
def test_a_refusal_for_good_ends_the_worker_with_what_to_do(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, during: str, refusal: Refusal, says: str
) -> None:
    async def work(server: FakeServer) -> None:
        setattr(server, during, refusal)
        async with working(server, tmp_path) as worker:
            assert await worker.ended == 1
        assert refusal.reason in caplog.text
        assert says in caplog.text

    run_with_server(work)


@pytest.mark.parametrize("during", ["answer_to_handshake", "answer_to_hello"])
@pytest.mark.parametrize("reason", ["too_busy", "stale_connection", "a_word_of_the_future"])
def test_after_any_other_refusal_the_worker_comes_again(tmp_path: Path, during: str, reason: str) -> None:
    async def work(server: FakeServer) -> None:
        setattr(server, during, Refusal(429, reason))
        async with working(server, tmp_path):
            await server.until(lambda: len(server.handshakes) >= 2)
            setattr(server, during, None)
            await server.until(lambda: server.connections)

    run_with_server(work)


def test_a_worker_that_is_refused_for_good_kills_its_tries_and_spools_what_became_of_them(tmp_path: Path) -> None:
    script = """
import time
def run(child):
    child.call("set_xcom", {"key": "began"}, {"op_id": "00000000-0000-0000-0000-000000000001", "value": 1})
    time.sleep(600)
"""

    async def work(server: FakeServer) -> None:
        async with working(server, tmp_path) as worker:
            await server.until(lambda: server.connections)
            dispatch_id = server.deliver(server.task(script))
            await server.until(lambda: server.of("set_xcom"))
            server.connections[-1].send({"frame": "refused", "problem": Refusal(401, "revoked_credential").document()})
            assert await worker.ended == 1
        assert dispatch_id.encode() in (worker.state.path / "spool").read_bytes()

    run_with_server(work)


def test_a_worker_waits_for_a_server_that_is_not_there_yet(tmp_path: Path) -> None:
    async def work(server: FakeServer) -> None:
        await server.shut_down()
        async with working(server, tmp_path):
            await server.listen()
            await server.until(lambda: server.connections)

    run_with_server(work)


def test_signs_of_life_name_all_that_the_worker_has(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        server.held.add("finish")
        dispatch_id = server.deliver(server.task(SUCCEED))
        await server.until(lambda: server.of("finish"))
        seen = len(server.of("renew_leases"))
        await server.until(lambda: len(server.of("renew_leases")) > seen + 1)
        renewal = server.of("renew_leases")[-1]
        assert renewal.body == {"instance_id": worker.state.instance_id, "dispatches": [dispatch_id]}
        assert renewal.token is None
        server.release("finish")
        await server.until(lambda: server.of("renew_leases")[-1].body["dispatches"] == [])

    run_with_worker(tmp_path, work, renew_every_seconds=0.05)


def test_signs_of_life_go_on_after_one_that_was_refused(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        server.refusals["renew_leases"].extend([Refusal(500, "internal_error"), Refusal(429, "too_busy")])
        await server.until(lambda: len(server.of("renew_leases")) >= 4)
        assert len(server.connections) == 1

    run_with_worker(tmp_path, work, renew_every_seconds=0.05)


def test_a_connection_on_which_nothing_is_heard_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradewind.sdk.worker.session._FIRST_PING_SECONDS", 0.5)

    async def work(server: FakeServer, worker: Worker) -> None:
        server.connections[0].deaf = True
        await server.until(lambda: len(server.connections) == 2)

    run_with_worker(tmp_path, work, renew_every_seconds=0.2, lease_seconds=1.0)


def test_a_slow_answer_is_no_reason_to_cut_a_connection_that_lives(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        server.held.add("renew_leases")
        await server.until(lambda: server.of("renew_leases"))
        await asyncio.sleep(3.0)  # longer than a lease: the time itself is what is tested
        assert len(server.connections) == 1
        server.release("renew_leases")
        await server.until(lambda: len(server.of("renew_leases")) >= 2)

    run_with_worker(tmp_path, work, renew_every_seconds=0.2, lease_seconds=1.0)


def test_one_connection_after_another_is_opened_for_as_long_as_it_takes(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        for number in range(1, 6):
            await server.connected(number)
            server.cut()
        await server.connected(6)
        assert (await server.outcome(server.deliver(server.task(SUCCEED))))["outcome"] == "success"

    run_with_worker(tmp_path, work)


def test_after_a_long_outage_a_worker_is_back_before_its_lease_would_end(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(2):
            await server.shut_down()
            await asyncio.sleep(3.0)  # long enough for pauses of several times the renewal, were they not bounded
            opened = len(server.connections)
            await server.listen()
            began = loop.time()
            await server.connected(opened + 1)
            assert loop.time() - began < 1.8

    run_with_worker(tmp_path, work, renew_every_seconds=0.4, lease_seconds=2.4)


def test_a_frame_that_is_no_json_costs_the_connection_only(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        connection = server.connections[-1]
        connection.protocol.send_text(b"{")
        connection.flush()
        await server.until(lambda: len(server.connections) == 2)

    run_with_worker(tmp_path, work)


def test_a_frame_that_the_server_never_takes_blocks_nobody_but_its_own_call(tmp_path: Path) -> None:
    poisonous = """
def run(child):
    body = {"op_id": "00000000-0000-0000-0000-000000000001", "value": "poison"}
    return child.succeed(child.call("set_xcom", {"key": "k"}, body)["body"]["reason"])
"""

    async def work(server: FakeServer, worker: Worker) -> None:
        server.poison = "poison"
        server.handlers["set_xcom"] = lambda call: Refusal(400, "malformed_body")
        server.held.add("finish")
        harmless = server.deliver(server.task(SUCCEED))
        await server.until(lambda: server.of("finish"))
        poisoned = server.deliver(server.task(poisonous))
        await server.connected(2)
        server.release("finish")
        assert (await server.outcome(poisoned))["xcoms"][0]["value"] == "malformed_body"
        assert (await server.outcome(harmless))["outcome"] == "success"
        assert len(server.connections) == 2

    run_with_worker(tmp_path, work)
