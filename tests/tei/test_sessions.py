"""Worker sessions: the hello, frames that are refused, connections that are fenced, and pushes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.tei.deployment import MAX_FRAME, Deployment, deployed, make_dag, make_hello, started_now, succeeded_now
from tests.tei.frames import frame_of
from tests.tei.victims import SessionCaller, prepare
from tradewind.server.api.app import create_app
from tradewind.server.api.open_connections import OpenConnections
from tradewind.server.api.server import bind, serving
from tradewind.server.api.services import SessionLimits
from tradewind.server.contract import VERSION, encode
from tradewind.server.executors.worker_session import WorkerSessionExecutor
from tradewind.server.store import audit, sessions

SESSION_EXECUTOR = "worker_session"


async def end_of(websocket: ClientConnection) -> tuple[dict[str, Any], int, str]:
    """The last frame, and code and reason of the close."""
    last: dict[str, Any] = {}
    with contextlib.suppress(ConnectionClosed):
        async with asyncio.timeout(10):
            async for message in websocket:
                last = json.loads(str(message).split("\n")[-1])
    assert websocket.close_code is not None
    return last, websocket.close_code, websocket.close_reason or ""


def opened(deployment: Deployment, token: str, **headers: str) -> Any:
    return connect(deployment.session_url, additional_headers={"Authorization": f"Bearer {token}", **headers})


def hello(**changes: Any) -> str:
    return encode(make_hello(**changes)).decode()


def changed(**changes: Any) -> str:
    return json.dumps({**json.loads(hello()), **changes})


FIRST_FRAMES = [
    ("nonsense", "malformed_frame", None),
    ("[]", "wrong_type", None),
    ("{}", "missing_field", "frame"),
    ('{"frame": "deliver"}', "unexpected_frame", "frame"),
    ('{"frame": "offer", "capacity": {}}', "unexpected_frame", "frame"),
    (
        '{"frame": "request", "request_id": 1, "operation": "get_versions", "parameters": {}}',
        "unexpected_frame",
        "frame",
    ),
    (changed(surprise=1), "unknown_field", "surprise"),
    (changed(pid="7"), "wrong_type", "pid"),
    (changed(pid=0), "invalid_value", "pid"),
    (changed(api_version="1999-01-01"), "unsupported_version", "api_version"),
    (hello().replace('"pid":7,', ""), "missing_field", "pid"),
    (" " * MAX_FRAME + hello(), "frame_too_large", None),
]


@pytest.mark.parametrize(("frame", "reason", "field"), FIRST_FRAMES, ids=lambda value: str(value)[:40])
def test_a_wrong_first_frame_is_refused_and_opens_no_session(
    tmp_path: Path, frame: str, reason: str, field: str | None
) -> None:
    async def check() -> None:
        async with deployed(tmp_path) as deployment:
            token = await deployment.credential("w", "worker")
            before = await deployment.dump()
            async with opened(deployment, token) as websocket:
                await websocket.send(frame)
                last, code, why = await end_of(websocket)
            assert (last["frame"], last["problem"]["reason"], why) == ("refused", reason, reason)
            assert code == 4000 + last["problem"]["status"]
            if field is not None:
                assert last["problem"]["field"] == field
            assert await deployment.dump() == before
            if reason != "unsupported_version":
                page = await deployment.store.read(audit.list_audit)
                assert (page.items[0].subject, page.items[0].detail["reason"]) == ("open_session", reason)

    asyncio.run(check())


def test_a_binary_frame_is_refused(tmp_path: Path) -> None:
    async def check() -> None:
        async with deployed(tmp_path) as deployment:
            async with opened(deployment, await deployment.credential("w", "worker")) as websocket:
                await websocket.send(hello().encode())
                last, code, _ = await end_of(websocket)
            assert (last["problem"]["reason"], code) == ("malformed_frame", 4400)

    asyncio.run(check())


def test_a_connection_without_hello_is_closed(tmp_path: Path) -> None:
    async def check() -> None:
        async with deployed(tmp_path, session_limits=SessionLimits(hello_seconds=0.05)) as deployment:
            async with opened(deployment, await deployment.credential("w", "worker")) as websocket:
                last, code, _ = await end_of(websocket)
            assert (last["problem"]["reason"], code) == ("unexpected_frame", 4400)

    asyncio.run(check())


def test_an_unknown_version_is_refused_before_the_connection_is_open(tmp_path: Path) -> None:
    async def check() -> None:
        async with deployed(tmp_path) as deployment:
            token = await deployment.credential("w", "worker")
            with pytest.raises(InvalidStatus) as refused:
                async with opened(deployment, token, **{"Tradewind-API-Version": "1999-01-01"}):
                    pass
            document = json.loads(refused.value.response.body or b"")
            assert (document["reason"], document["supported_versions"]) == ("unsupported_version", [VERSION])
            with pytest.raises(InvalidStatus):
                async with connect(
                    f"{deployment.session_url}?api-version=1999-01-01",
                    additional_headers={"Authorization": f"Bearer {token}"},
                ):
                    pass

    asyncio.run(check())


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (hello(), "unexpected_frame"),
        ('{"frame": "cancel", "dispatch_id": "x", "message": "y"}', "unexpected_frame"),
        ("{", "malformed_frame"),
        (json.dumps({"frame": "offer", "capacity": {"execute_task": "many"}}), "wrong_type"),
        (json.dumps({"frame": "request", "request_id": 0, "operation": "x", "parameters": {}}), "invalid_value"),
        (
            json.dumps({"frame": "request", "request_id": 1, "operation": "x", "parameters": {}, "x": 1}),
            "unknown_field",
        ),
        (
            json.dumps({"frame": "request", "request_id": 1, "operation": "x" * MAX_FRAME, "parameters": {}}),
            "frame_too_large",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_later_frame_closes_the_connection(tmp_path: Path, frame: str, reason: str) -> None:
    async def check() -> None:
        async with deployed(tmp_path) as deployment, deployment.session() as (websocket, _):
            await websocket.send(frame)
            last, code, _ = await end_of(websocket)
            assert (last["frame"], last["problem"]["reason"]) == ("refused", reason)
            assert code == 4000 + last["problem"]["status"]

    asyncio.run(check())


def test_a_frame_out_of_all_proportion_is_cut_off_while_it_arrives(tmp_path: Path) -> None:
    async def check() -> None:
        async with deployed(tmp_path) as deployment, deployment.session() as (websocket, _):
            await websocket.send(" " * (MAX_FRAME * 3))
            _, code, _ = await end_of(websocket)
            assert code == 1009

    asyncio.run(check())


def test_requests_that_name_no_operation_are_refused_and_the_connection_stays(tmp_path: Path) -> None:
    async def check() -> None:
        async with deployed(tmp_path) as deployment:
            victims = await prepare(deployment)
            async with deployment.session() as (websocket, _):
                ask = SessionCaller(websocket)
                for operation, reason in (
                    ("none", "unknown_operation"),
                    ("open_session", "unknown_operation"),
                    ("get_snapshot_file", "http_only"),
                    ("get_snapshot_files", "http_only"),
                ):
                    status, answer = await ask(operation, {}, victims.own.token, None)
                    assert (status, answer["reason"]) in {(404, reason), (400, reason)}
                status, answer = await ask("get_versions", {}, None, None)
                assert (status, answer["newest"]) == (200, VERSION)
                status, answer = await ask("get_versions", {}, None, {"surprise": 1})
                assert (status, answer["reason"], answer["field"]) == (422, "unknown_field", "body")

    asyncio.run(check())


def test_a_newer_connection_of_an_instance_fences_the_older_one(tmp_path: Path) -> None:
    async def check() -> None:
        async with deployed(tmp_path) as deployment:
            instance = str(uuid.uuid4())
            async with (
                deployment.session(instance_id=instance) as (older, first),
                deployment.session(instance_id=instance) as (newer, second),
            ):
                assert second.session_id == first.session_id
                assert second.connection_epoch > first.connection_epoch
                last, code, _ = await end_of(older)
                assert (last["problem"]["reason"], code) == ("stale_connection", 4409)
                (row,) = await deployment.store.read(sessions.list_sessions)
                assert row.connected, "the end of the older connection says nothing about the newer one"
                renewal = {"instance_id": instance, "dispatches": []}
                status, _ = await SessionCaller(newer)("renew_leases", {}, None, renewal)
                assert status == 200

    asyncio.run(check())


def test_a_newer_connection_to_another_process_fences_the_older_one_at_its_next_sign_of_life(tmp_path: Path) -> None:
    async def check() -> None:
        async with deployed(tmp_path) as deployment:
            mine = deployment.services
            other = replace(mine, executor=WorkerSessionExecutor(), connections=OpenConnections())
            listener = bind(mine.settings.api)
            elsewhere = replace(deployment, port=listener.getsockname()[1])
            instance = str(uuid.uuid4())
            async with (
                serving(create_app(other), listener, mine.settings.api),
                deployment.session(instance_id=instance) as (older, _),
                elsewhere.session(instance_id=instance) as (newer, _),
            ):
                renewal = {"instance_id": instance, "dispatches": []}
                status, answer = await SessionCaller(older)("renew_leases", {}, None, renewal)
                assert (status, answer["reason"]) == (409, "stale_connection")
                last, code, _ = await end_of(older)
                assert (last["problem"]["reason"], code) == ("stale_connection", 4409)
                assert (await SessionCaller(newer)("renew_leases", {}, None, renewal))[0] == 200

    asyncio.run(check())


def test_a_session_renews_its_own_instance_alone(tmp_path: Path) -> None:
    async def check() -> None:
        async with deployed(tmp_path) as deployment, deployment.session() as (websocket, _):
            body = {"instance_id": str(uuid.uuid4()), "dispatches": []}
            status, answer = await SessionCaller(websocket)("renew_leases", {}, None, body)
            assert (status, answer["reason"], answer["field"]) == (422, "invalid_value", "instance_id")

    asyncio.run(check())


def test_a_server_that_stops_says_so_and_marks_its_sessions(tmp_path: Path) -> None:
    async def check() -> None:
        async with contextlib.AsyncExitStack() as outlives:
            async with deployed(tmp_path) as deployment:
                websocket, _ = await outlives.enter_async_context(deployment.session())
            _, code, _ = await end_of(websocket)
            assert code == 1012
        async with deployed(tmp_path) as deployment:
            assert await deployment.store.read(sessions.list_sessions) == [], "nothing was in its hands"

    asyncio.run(check())


def test_the_end_of_a_connection_is_known_and_leaves_the_lease(tmp_path: Path) -> None:
    async def check() -> None:
        async with deployed(tmp_path, dispatching=True) as deployment:
            await deployment.publish(make_dag("pushed", {"a": []}, executor=SESSION_EXECUTOR))
            await deployment.trigger("pushed")
            async with deployment.session() as (websocket, _):
                delivery = (await frame_of(websocket, "deliver"))["delivery"]
                (row,) = await deployment.store.read(sessions.list_sessions)
                assert row.connected
            async with asyncio.timeout(10):
                while (row := (await deployment.store.read(sessions.list_sessions))[0]).connected:
                    pass
            assert len(deployment.services.connections) == 0
            assert row.lease_until > row.opened_at
            answer = await deployment.call("GET", "/execution/variables/none", delivery["token"])
            assert answer.json()["reason"] == "not_found", "the dispatch is live all the same"

    asyncio.run(check())


def test_work_is_pushed_and_its_outcome_frees_the_place(tmp_path: Path) -> None:
    async def check() -> None:
        async with deployed(tmp_path, dispatching=True) as deployment:
            await deployment.publish(make_dag("pushed", {"a": [], "b": []}, executor=SESSION_EXECUTOR))
            await deployment.trigger("pushed")
            instance = str(uuid.uuid4())
            async with deployment.session(instance_id=instance, capacity={"execute_task": 1}) as (websocket, _):
                ask = SessionCaller(websocket)
                seen = []
                for _ in range(2):
                    delivery = (await frame_of(websocket, "deliver"))["delivery"]
                    seen.append(delivery["activity"]["task_try"]["task_id"])
                    at, token = {"dispatch_id": delivery["dispatch_id"]}, delivery["token"]
                    assert (await ask("report_started", at, token, started_now()))[0] == 204
                    outcome = succeeded_now()
                    first = await ask("finish", at, token, outcome)
                    assert first[0] == 200
                    if len(seen) == 2:
                        assert await ask("finish", at, token, outcome) == first
                assert sorted(seen) == ["a", "b"]

    asyncio.run(check())


def test_what_a_worker_lost_on_the_way_comes_again_with_its_next_connection(tmp_path: Path) -> None:
    async def check() -> None:
        async with deployed(tmp_path, dispatching=True) as deployment:
            await deployment.publish(make_dag("pushed", {"a": []}, executor=SESSION_EXECUTOR))
            await deployment.trigger("pushed")
            instance = str(uuid.uuid4())
            async with deployment.session(instance_id=instance) as (websocket, _):
                first = (await frame_of(websocket, "deliver"))["delivery"]
            async with deployment.session(instance_id=instance) as (websocket, _):
                again = (await frame_of(websocket, "deliver"))["delivery"]
                assert again["dispatch_id"] == first["dispatch_id"]
                assert again["activity"] == first["activity"]
            live = [first["dispatch_id"]]
            async with deployment.session(instance_id=instance, live=live) as (websocket, welcome):
                assert welcome.ended == []
                ask = SessionCaller(websocket)
                at = {"dispatch_id": first["dispatch_id"]}
                assert (await ask("finish", at, again["token"], succeeded_now()))[0] == 200
            async with deployment.session(instance_id=instance, live=live) as (_, welcome):
                assert welcome.ended == live

    asyncio.run(check())


def test_a_worker_that_does_not_read_loses_only_its_own_connection(tmp_path: Path) -> None:
    limits = SessionLimits(line_frames=4, line_bytes=1 << 10, in_flight=64)

    async def check() -> None:
        async with deployed(tmp_path, session_limits=limits) as deployment:
            victims = await prepare(deployment)
            async with deployment.session("starter") as (slow, _), deployment.session("stranger") as (good, _):
                slow.transport.pause_reading()
                frame: dict[str, Any] = {"frame": "request", "operation": "get_snapshot", "token": victims.own.token}
                frame["parameters"] = {"snapshot": victims.own.delivery.activity.code.snapshot}
                number = 0
                while len(deployment.services.connections) == 2:
                    number += 1
                    try:
                        await slow.send(json.dumps({**frame, "request_id": number}))
                    except ConnectionClosed:
                        break
                status, _ = await SessionCaller(good)("get_versions", {}, None, None)
                assert status == 200
                slow.transport.resume_reading()

    asyncio.run(check())


def test_many_requests_at_once_are_all_answered(tmp_path: Path) -> None:
    async def check() -> None:
        async with deployed(tmp_path, session_limits=SessionLimits(in_flight=4)) as deployment:
            victims = await prepare(deployment)
            async with deployment.session() as (websocket, _):
                for number in range(1, 101):
                    frame: dict[str, Any] = {"frame": "request", "request_id": number, "operation": "get_variable"}
                    frame |= {"parameters": {"key": "greeting"}, "token": victims.own.token}
                    await websocket.send(json.dumps(frame))
                answers = [await frame_of(websocket, "response") for _ in range(100)]
                assert {answer["request_id"] for answer in answers} == set(range(1, 101))
                assert {answer["status"] for answer in answers} == {200}

    asyncio.run(check())
