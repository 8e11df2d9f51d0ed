"""Logs of tries: read in parts, and followed while they are written."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.api.deployment import Deployment

from tradewind.server.api.logs import LogPlace
from tradewind.server.api.public import task_logs
from tradewind.server.contract import ActivityKind, ServerFrame, Started, Tail
from tradewind.server.store import dispatches
from tradewind.server.store.handouts import Handout, WorkerBinding

RUN = "by-hand"
PLACE = LogPlace.of_try("etl", RUN, "load", -1, 1)
LOG = f"/api/v2/dags/etl/dagRuns/{RUN}/taskInstances/load/logs/1"
WAIT_SECONDS = 20.0


def line(message: str) -> bytes:
    record = {"timestamp": "2026-01-01T00:00:00Z", "source": "stdout", "level": "info", "message": message}
    return json.dumps(record).encode() + b"\n"


async def running(d: Deployment) -> Handout:
    """A try that has started."""
    await d.publish("etl", {"load": []})
    assert (await d.call("POST", "/api/v2/dags/etl/dagRuns", {"dag_run_id": RUN})).status == 200
    await d.schedule()
    handout = await d.claim()
    started = Started(hostname="host", unixname="me", pid=5, started_at=datetime.now(UTC))
    await d.store.write(lambda tx: dispatches.report_started(tx, handout.dispatch_id, started))
    return handout


async def write(d: Deployment, sequence: int, *messages: str) -> None:
    await asyncio.to_thread(d.services.logs.put_segment, PLACE, sequence, b"".join(map(line, messages)))


class Stream:
    """An answer that is read while it comes."""

    def __init__(self) -> None:
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._rest = b""

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 200
            return
        self._chunks.put_nowait(message.get("body", b""))
        if not message.get("more_body"):
            self._chunks.put_nowait(None)

    async def message(self) -> str | None:
        """The message of the next record; None at the end."""
        async with asyncio.timeout(WAIT_SECONDS):
            while b"\n" not in self._rest:
                chunk = await self._chunks.get()
                if chunk is None:
                    return None
                self._rest += chunk
        text, _, self._rest = self._rest.partition(b"\n")
        return str(json.loads(text)["message"]) if text else await self.message()


@asynccontextmanager
async def following(d: Deployment, path: str) -> AsyncIterator[Stream]:
    stream = Stream()
    token = await d.credential("admin")
    raw, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": raw,
        "raw_path": raw.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(b"authorization", f"Bearer {token}".encode())],
        "server": ("test", 80),
        "client": ("test", 1),
    }
    asked = False

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if asked:
            await asyncio.Event().wait()
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    answering = asyncio.create_task(d.app(scope, receive, stream.send))
    try:
        yield stream
    finally:
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)


def test_a_running_try_is_read_in_parts_and_an_ended_one_has_no_continuation(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        handout = await running(d)
        await write(d, 0, "a", "b")
        first = await d.get(LOG)
        assert [record["message"] for record in first["content"]] == ["a", "b"]
        assert first["continuation_token"] == "2"
        await write(d, 1, "c")
        more = await d.get(f"{LOG}?token={first['continuation_token']}")
        assert [record["message"] for record in more["content"]] == ["c"]
        await d.finish(handout)
        assert (await d.get(f"{LOG}?offset=3")) == {"content": [], "continuation_token": None}

    play(scenario)


def test_a_follower_gets_records_as_they_come_and_the_end_with_the_try(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        handout = await running(d)
        await write(d, 0, "before")
        async with following(d, f"{LOG}?follow=true") as stream:
            assert await stream.message() == "before"
            await write(d, 1, "now", "and now")
            assert [await stream.message() for _ in range(2)] == ["now", "and now"]
            await write(d, 3, "after a segment that never came")
            await d.finish(handout)
            assert await stream.message() == "after a segment that never came"
            assert await stream.message() is None

    play(scenario)


def test_a_follower_that_comes_back_goes_on_where_it_was(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        handout = await running(d)
        await write(d, 0, "a", "b")
        await write(d, 1, "c", "d")
        await d.finish(handout)
        async with following(d, f"{LOG}?follow=true&offset=3") as stream:
            assert [await stream.message() for _ in range(2)] == ["d", None]

    play(scenario)


def test_segments_that_come_to_another_process_are_found_without_a_hint(
    play: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_logs, "LOOK_SECONDS", 0.01)

    async def scenario(d: Deployment) -> None:
        await running(d)
        other = type(d.services.logs)(d.services.settings.logs_directory)
        async with following(d, f"{LOG}?follow=true") as stream:
            await asyncio.to_thread(other.put_segment, PLACE, 0, line("from elsewhere"))
            assert await stream.message() == "from elsewhere"

    play(scenario)


def test_a_silent_log_gives_signs_of_life(play: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_logs, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(task_logs, "SIGN_OF_LIFE_SECONDS", 0.01)

    async def scenario(d: Deployment) -> None:
        await running(d)
        async with following(d, f"{LOG}?follow=true") as stream, asyncio.timeout(WAIT_SECONDS):
            assert await stream._chunks.get() == b"\n"

    play(scenario)


def test_a_try_that_does_not_exist_is_not_followed(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await running(d)
        reply = await d.call("GET", LOG.replace("logs/1", "logs/2") + "?follow=true")
        assert (reply.status, reply.json["reason"]) == (404, "not_found")
        assert reply.json["field"] == "try_number"

    play(scenario)


class Session:
    """A connected worker that keeps the frames that it gets."""

    def __init__(self) -> None:
        self.frames: list[ServerFrame] = []
        self.queues = frozenset({"default"})
        self.identity = WorkerBinding(
            session_id="session", credential_id="c", instance_id="i", connection_epoch=1, worker="w"
        )

    def send(self, frame: ServerFrame) -> None:
        self.frames.append(frame)


def test_the_worker_is_told_that_somebody_reads_along(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        handout = await running(d)
        session = Session()
        d.services.executor.connect(session, {"execute_task": 1}, {handout.dispatch_id: ActivityKind.EXECUTE_TASK})
        await write(d, 0, "a")
        async with following(d, f"{LOG}?follow=true") as stream:
            await stream.message()
            (frame,) = session.frames
            assert isinstance(frame, Tail)
            assert (frame.dispatch_id, frame.seconds) == (handout.dispatch_id, task_logs.TAIL_SECONDS)

    play(scenario)
