import asyncio
from pathlib import Path

from tests.worker.fake_calls import Received
from tests.worker.fake_server import FakeServer, Refusal
from tests.worker.rig import Worker, run_with_worker

READ = "def run(child): return child.succeed(child.call('get_variable', {'key': 'k'}))"


def valid_only(token: str, server: FakeServer, operation: str) -> None:
    """Let the server refuse every other token of this operation as expired."""
    usual = server.handlers.get(operation, server._usual)

    def handle(call: Received) -> tuple[int, bytes] | Refusal:
        return usual(call) if call.token == token else Refusal(401, "expired_token")

    server.handlers[operation] = handle


def test_an_expired_token_is_renewed_and_the_call_repeated(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        server.handlers["get_variable"] = lambda call: (200, b'{"key": "k", "value": "v"}')
        valid_only("execution-token+", server, "get_variable")
        outcome = await server.outcome(server.deliver(server.task(READ)))
        assert outcome["xcoms"][0]["value"]["body"] == {"key": "k", "value": "v"}
        [renewal] = server.of("renew_token")
        assert renewal.body == {"token": "execution-token"}
        assert renewal.token is None

    run_with_worker(tmp_path, work)


def test_a_token_is_renewed_before_it_expires(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        script = "import time\ndef run(child):\n    time.sleep(600)"
        server.deliver(server.task(script))
        await server.until(lambda: len(server.of("renew_token")) >= 2)
        assert [call.body["token"] for call in server.of("renew_token")[:2]] == ["execution-token", "execution-token+"]

    run_with_worker(tmp_path, work, token_seconds=1.3)


def test_calls_that_meet_an_expired_token_together_share_one_renewal(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        server.handlers["get_variable"] = lambda call: (200, b'{"key": "k", "value": "v"}')
        for operation in ("get_variable", "report_started"):
            valid_only("execution-token+", server, operation)
        server.held.add("renew_token")
        dispatch_id = server.deliver(server.task(READ))
        await server.until(lambda: server.of("get_variable") and server.of("report_started"))
        await server.until(lambda: server.of("renew_token"))
        await asyncio.sleep(0)
        server.release("renew_token")
        await server.outcome(dispatch_id)
        assert len(server.of("renew_token")) == 1

    run_with_worker(tmp_path, work)


def test_a_dispatch_that_cannot_be_renewed_because_it_ended_is_killed(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        server.refusals["report_started"].append(Refusal(401, "expired_token"))
        server.refusals["renew_token"].append(Refusal(410, "dispatch_ended"))
        dispatch_id = server.deliver(server.task("import time\ndef run(child):\n    time.sleep(600)"))
        assert (await server.outcome(dispatch_id))["cause"] == "cancelled"

    run_with_worker(tmp_path, work, renew_every_seconds=0.1)


def test_a_refusal_reaches_user_code_and_a_busy_server_is_asked_again(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        server.refusals["get_variable"].append(Refusal(429, "too_busy", {"retry_after_seconds": 0.01}))
        outcome = await server.outcome(server.deliver(server.task(READ)))
        assert outcome["xcoms"][0]["value"]["body"]["reason"] == "not_found"
        assert len(server.of("get_variable")) == 2

    run_with_worker(tmp_path, work)


def test_a_clock_that_is_fast_makes_nobody_renew_again_and_again(tmp_path: Path) -> None:
    async def work(server: FakeServer, worker: Worker) -> None:
        server.token_seconds = -3600.0  # as a host sees it whose clock is an hour ahead
        server.refusals["report_started"].append(Refusal(401, "expired_token"))
        script = "import time\ndef run(child):\n    time.sleep(2.5)\n    return child.succeed(None)"
        dispatch_id = server.deliver(server.task(script))
        assert (await server.outcome(dispatch_id))["outcome"] == "success"
        assert len(server.of("renew_token")) <= 1

    run_with_worker(tmp_path, work)
