"""Version, health, and the worker sessions that are open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.api.deployment import Deployment

from tradewind.server.__about__ import __version__
from tradewind.server.contract import VERSION, Hello
from tradewind.server.store import Transaction, credentials, sessions


def test_health_follows_the_leader_and_the_database(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        health = await d.get("/api/v2/monitor/health", token=None)
        assert (health["metadatabase"]["status"], health["scheduler"]["status"]) == ("healthy", "unhealthy")
        assert (await d.call("GET", "/health/ready", token=None)).status == 503
        await d.schedule()
        health = await d.get("/api/v2/monitor/health", token=None)
        assert health["scheduler"]["status"] == "healthy"
        assert health["scheduler"]["latest_scheduler_heartbeat"] is not None
        assert (await d.call("GET", "/health/ready", token=None)).status == 200
        assert (await d.get("/health", token=None)) == {"status": "alive"}

    play(scenario)


def test_the_version_needs_no_credential(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        assert (await d.get("/api/v2/version", token=None))["version"] == __version__

    play(scenario)


def test_open_worker_sessions_are_listed(play: Callable[..., None]) -> None:
    hello = Hello(
        api_version=VERSION,
        sdk_version="1",
        language="go",
        instance_id="0190a1b2-0000-7000-8000-000000000001",
        hostname="host",
        pid=5,
        queues=["gpu"],
        capacity={"execute_task": 3},
        live=[],
        spooled=[],
        ended_instances=[],
    )

    async def scenario(d: Deployment) -> None:
        token = credentials.hash_token(await d.credential("worker"))

        def join(tx: Transaction) -> None:
            credential = credentials.find_credential(tx, token)
            assert credential is not None
            sessions.open_session(tx, credential, hello)

        await d.store.write(join)
        (worker,) = (await d.get("/api/v2/workers"))["workers"]
        assert (worker["worker"], worker["language"], worker["queues"]) == ("a-worker", "go", ["gpu"])
        assert (worker["connected"], worker["reachable"]) == (True, True)
        assert worker["capacity"] == {"execute_task": 3}

    play(scenario)


def test_a_process_without_its_database_is_still_alive(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await asyncio.to_thread(d.store.close)
        assert (await d.call("GET", "/health", token=None)).status == 200

    play(scenario)
