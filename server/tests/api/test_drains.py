"""Workers that an administrator asks to drain."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.api.deployment import Deployment

from tradewind.server.api.session.drains import relay_drain
from tradewind.server.contract import VERSION, Drain, Hello
from tradewind.server.store import Transaction, credentials, sessions
from tradewind.server.store.handouts import OpenedSession

WAIT_SECONDS = 20.0


async def connect(d: Deployment, number: int, **changes: object) -> OpenedSession:
    hello = Hello.model_validate(
        {
            "api_version": VERSION,
            "sdk_version": "1",
            "language": "python",
            "instance_id": f"0190a1b2-0000-7000-8000-00000000000{number}",
            "hostname": "host",
            "pid": 5,
            "queues": ["default"],
            "capacity": {"execute_task": 3},
            "live": [],
            "spooled": [],
            "ended_instances": [],
            **changes,
        }
    )
    token = credentials.hash_token(await d.credential("worker"))

    def join(tx: Transaction) -> OpenedSession:
        credential = credentials.find_credential(tx, token)
        assert credential is not None
        return sessions.open_session(tx, credential, hello)

    return await d.store.write(join)


async def states(d: Deployment) -> dict[str, str]:
    return {worker["session_id"]: worker["state"] for worker in (await d.get("/api/v2/workers"))["workers"]}


def test_a_drain_by_name_is_for_all_sessions_of_the_name(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        first, second = [(await connect(d, number)).binding.session_id for number in (1, 2)]
        assert await states(d) == {first: "active", second: "active"}
        reply = await d.call("POST", "/api/v2/workers/a-worker/drain", {"message": "maintenance"})
        assert reply.status == 200
        assert {worker["session_id"] for worker in reply.json["workers"]} == {first, second}
        assert {worker["drain_reason"] for worker in reply.json["workers"]} == {"maintenance"}
        assert await states(d) == {first: "draining", second: "draining"}

    play(scenario)


def test_a_drain_by_session_is_for_that_one(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        first, second = [(await connect(d, number)).binding.session_id for number in (1, 2)]
        assert (await d.call("POST", f"/api/v2/workers/{first}/drain")).status == 200
        assert await states(d) == {first: "draining", second: "active"}

    play(scenario)


def test_a_worker_that_drains_by_itself_is_shown_so(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        binding = (await connect(d, 1)).binding
        await d.store.write(lambda tx: sessions.update_offer(tx, binding, {"execute_task": 0, "parse_dag_file": 0}))
        assert await states(d) == {binding.session_id: "draining"}

    play(scenario)


def test_an_unknown_worker_is_named(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        reply = await d.call("POST", "/api/v2/workers/nobody/drain", {})
        assert (reply.status, reply.json["reason"], reply.json["field"]) == (404, "not_found", "worker")

    play(scenario)


def test_a_viewer_drains_nobody(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await connect(d, 1)
        token = await d.credential("viewer")
        assert (await d.call("POST", "/api/v2/workers/a-worker/drain", {}, token=token)).status == 403

    play(scenario)


def test_the_worker_is_told_by_the_process_that_holds_its_connection(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        told: asyncio.Queue[Drain] = asyncio.Queue()
        session_id = (await connect(d, 1)).binding.session_id
        relay = asyncio.create_task(relay_drain(d.store, session_id, told.put_nowait))
        other = asyncio.create_task(relay_drain(d.store, "another", told.put_nowait))
        await d.call("POST", f"/api/v2/workers/{session_id}/drain", {"message": "maintenance"})
        async with asyncio.timeout(WAIT_SECONDS):
            assert (await told.get()).message == "maintenance"
            await relay
        assert not other.done()
        other.cancel()

    play(scenario)


def test_a_worker_that_was_away_is_told_when_it_comes_back(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        session_id = (await connect(d, 1)).binding.session_id
        await d.call("POST", f"/api/v2/workers/{session_id}/drain", {"message": "maintenance"})
        again = (await connect(d, 1)).binding.session_id
        assert again == session_id
        told: list[Drain] = []
        async with asyncio.timeout(WAIT_SECONDS):
            await relay_drain(d.store, again, told.append)
        assert [frame.message for frame in told] == ["maintenance"]

    play(scenario)


def test_a_new_life_of_a_drained_worker_works(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await connect(d, 1)
        await d.call("POST", "/api/v2/workers/a-worker/drain")
        new = await connect(d, 2, ended_instances=["0190a1b2-0000-7000-8000-000000000001"])
        assert await states(d) == {new.binding.session_id: "active"}

    play(scenario)
