"""Every operation refuses every kind of wrong credential, for the right reason and without any effect."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.tei.attacks import FOR_PARSES, attacks_on
from tests.tei.deployment import Deployment, deployed, start_request, started_now
from tests.tei.victims import SECRET, SessionCaller, Victims, call_http, prepare
from tests.tei.walk import Call, observe, over_http, walk_credentials
from tradewind.server.api.execution.calls import OperationCall, OperationResult
from tradewind.server.api.execution.table import HANDLERS, HTTP_ONLY
from tradewind.server.contract import OPERATIONS, Operation, Variable
from tradewind.server.store import secrets

GUARDED = [row for row in OPERATIONS.values() if row.caller != "anyone" and not row.stream]
OVER_SESSION = [row for row in GUARDED if row.caller == "activity" and row.id not in HTTP_ONLY]
"""A session is a worker's own from its handshake on, so that only tokens of activities can be wrong in its frames."""


def over_session(ask: SessionCaller) -> Call:
    async def call(
        operation: Operation, parameters: Mapping[str, str], token: str | None, body: Any
    ) -> tuple[int, Any]:
        return await ask(operation.id, parameters, token, body)

    return call


@pytest.mark.parametrize("operation", GUARDED, ids=lambda row: row.id)
def test_over_http(tmp_path: Path, operation: Operation) -> None:
    async def check() -> None:
        async with deployed(tmp_path) as deployment:
            victims = await prepare(deployment)
            assert await walk_credentials(victims, [operation], over_http(deployment)) == []
            status, answer = await right_call(victims, operation, over_http(deployment))
            assert status == operation.status, answer

    asyncio.run(check())


@pytest.mark.parametrize("operation", OVER_SESSION, ids=lambda row: row.id)
def test_over_a_session(tmp_path: Path, operation: Operation) -> None:
    async def check() -> None:
        async with deployed(tmp_path) as deployment:
            victims = await prepare(deployment)
            async with deployment.session() as (websocket, _):
                call = over_session(SessionCaller(websocket))
                assert await walk_credentials(victims, [operation], call) == []
                status, answer = await right_call(victims, operation, call)
                assert status == operation.status, answer

    asyncio.run(check())


def test_over_http_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    async def check() -> None:
        async with deployed(tmp_path, url=postgres_url) as deployment:
            victims = await prepare(deployment)
            assert await walk_credentials(victims, GUARDED, over_http(deployment)) == []

    asyncio.run(check())


def test_a_session_is_refused_before_it_is_open(tmp_path: Path) -> None:
    async def check() -> None:
        async with deployed(tmp_path) as deployment:
            victims = await prepare(deployment)
            operation = OPERATIONS["open_session"]
            attacks = list(attacks_on(operation, victims))
            assert len(attacks) > 5
            for attack in attacks:

                async def upgrade(token: str | None = attack.token) -> tuple[int, Any]:
                    return await handshake(deployment, token)

                async def plain(token: str | None = attack.token) -> tuple[int, Any]:
                    return await call_http(deployment, operation, {}, token, None)

                for attempt in (upgrade, plain):
                    found = observe(deployment, operation.id, attack.reason, attempt)
                    assert [fault async for fault in found] == [], attack.name

    asyncio.run(check())


async def handshake(deployment: Deployment, token: str | None) -> tuple[int, Any]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        async with connect(deployment.session_url, additional_headers=headers):
            return 101, None
    except InvalidStatus as refused:
        return refused.response.status_code, json.loads(refused.response.body or b"null")


async def right_call(victims: Victims, operation: Operation, call: Call) -> tuple[int, Any]:
    """The call that all attacks are made from: it must work, or the attacks prove nothing."""
    return await call(operation, victims.parameters(operation), victims.token(operation), victims.body(operation))


def test_what_anyone_may_call_needs_no_token_and_minds_none(tmp_path: Path) -> None:
    async def check() -> None:
        async with deployed(tmp_path) as deployment:
            for operation in (row for row in OPERATIONS.values() if row.caller == "anyone"):
                for token in (None, "nonsense"):
                    status, _ = await call_http(deployment, operation, {}, token, None)
                    assert status == operation.status, operation.id

    asyncio.run(check())


def test_an_expired_token_is_accepted_by_its_renewal_alone(tmp_path: Path) -> None:
    async def check() -> None:
        async with deployed(tmp_path) as deployment:
            victims = await prepare(deployment)
            renewal, read = OPERATIONS["renew_token"], OPERATIONS["get_variable"]
            with deployment.clock_ahead(timedelta(hours=1)):
                status, answer = await right_call(victims, read, over_http(deployment))
                assert (status, answer["reason"]) == (401, "expired_token")
                status, answer = await right_call(victims, renewal, over_http(deployment))
                assert status == 200, answer
                path = "/execution/variables/greeting"
                assert (await deployment.call("GET", path, answer["token"])).json()["value"] == SECRET

    asyncio.run(check())


def test_a_start_whose_reply_was_lost_succeeds_when_it_is_repeated(tmp_path: Path) -> None:
    async def check() -> None:
        async with deployed(tmp_path) as deployment:
            victims = await prepare(deployment)
            waiting = victims.waiting
            path = f"/execution/dispatches/{waiting.dispatch_id}/start"
            body = start_request(waiting.ticket)
            first, second = [(await deployment.call("POST", path, victims.worker, body)).json() for _ in range(2)]
            fresh = {"token", "token_expires_at"}
            assert {key: first[key] for key in first.keys() - fresh} == {
                key: second[key] for key in second.keys() - fresh
            }
            for delivery in (first, second):
                answer = await deployment.call("GET", "/execution/variables/greeting", delivery["token"])
                assert answer.status_code == 200
            other = await deployment.call("POST", path, victims.worker, start_request(waiting.ticket, "m" * 32))
            assert (other.status_code, other.json()["reason"]) == (409, "spent_ticket")

    asyncio.run(check())


async def _reads_without_looking(call: OperationCall) -> OperationResult:
    """A planted hole: it answers without a look at the dispatch."""
    return await call.services.store.read(lambda tx: secrets.get_variable(tx, call.parameters["key"]))


async def _writes_without_looking(call: OperationCall) -> OperationResult:
    """A planted hole: it writes without a look at the dispatch."""
    variable = Variable(key=f"written by {call.activity.dispatch_id}", value="x")
    await call.services.store.write(lambda tx: secrets.put_variable(tx, variable))
    return None


@pytest.mark.parametrize(
    ("id", "hole", "signs"),
    [
        ("get_variable", _reads_without_looking, ["answered with 200", "tells a secret"]),
        ("set_xcom", _writes_without_looking, ["answered with 204", "changed the table variable"]),
    ],
)
def test_the_walk_finds_a_planted_hole(tmp_path: Path, id: str, hole: Any, signs: list[str]) -> None:
    async def check() -> list[str]:
        async with deployed(tmp_path, handlers={**HANDLERS, id: hole}) as deployment:
            victims = await prepare(deployment)
            return await walk_credentials(victims, [OPERATIONS[id]], over_http(deployment))

    faults = asyncio.run(check())
    conditions = {"an ended dispatch", "a dispatch that never was", *(() if id in FOR_PARSES else ("a parse's token",))}
    for condition in conditions:
        assert any(condition in fault for fault in faults), condition
    for sign in signs:
        assert any(sign in fault for fault in faults), sign
    assert not any("no token" in fault for fault in faults), "the handler is not to blame for what comes before it"


def test_a_late_start_of_a_dispatch_that_ended_by_its_outcome_changes_nothing(tmp_path: Path) -> None:
    async def check() -> None:
        async with deployed(tmp_path) as deployment:
            victims = await prepare(deployment)
            before = await deployment.dump()
            path = f"/execution/dispatches/{victims.ended.dispatch_id}/started"
            answer = await deployment.call("PUT", path, victims.ended.token, started_now())
            assert answer.status_code == 204
            assert await deployment.dump() == before

    asyncio.run(check())
