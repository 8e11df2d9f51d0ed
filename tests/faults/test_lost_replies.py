"""The reply to any operation that changes something may get lost: asked again, it is answered the same, done once."""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.tei.deployment import Deployment, deployed
from tests.tei.victims import SessionCaller, Victims, call_http, prepare
from tradewind.server.api.execution.table import HTTP_ONLY
from tradewind.server.contract import OPERATIONS, Operation

CHANGING = [one for one in OPERATIONS.values() if one.method != "GET"]
WAYS = [(one, way) for one in CHANGING for way in ("http", "session") if way == "http" or one.id not in HTTP_ONLY]
RENEWED_EACH_TIME = {"start_activity": ("token", "token_expires_at"), "renew_token": ("token", "expires_at")}
"""What an answer may have anew each time: a token for the same dispatch."""

Call: TypeAlias = Callable[[], Awaitable[tuple[int, Any]]]


def answer(operation: Operation, said: Any) -> Any:
    """Return an answer without what may differ from time to time."""
    left_out = RENEWED_EACH_TIME.get(operation.id, ())
    return {name: value for name, value in said.items() if name not in left_out} if isinstance(said, dict) else said


async def rows(deployment: Deployment) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row, without the moments of signs of life, which each call gives."""
    tables = await deployment.dump()
    return {name: found for name, found in tables.items() if name not in {"worker_session", "api_process"}}


async def repeat(deployment: Deployment, operation: Operation, call: Call) -> list[str]:
    """Make the same call three times, as a worker does that hears no answer; say what was wrong."""
    first_status, first = await call()
    if first_status != operation.status:
        return [f"{operation.id} was refused: {first_status} {first}"]
    after_first = await rows(deployment)
    problems: list[str] = []
    for _ in range(2):
        status, said = await call()
        if (status, answer(operation, said)) != (first_status, answer(operation, first)):
            problems.append(f"{operation.id}: {status} {said} instead of {first_status} {first}")
        now = await rows(deployment)
        problems += [f"{operation.id} changed {name} again" for name in now if now[name] != after_first[name]]
    return problems


@pytest.mark.parametrize(("operation", "transport"), WAYS, ids=[f"{one.id}-{way}" for one, way in WAYS])
def test_an_operation_that_is_asked_for_again_is_done_once(
    operation: Operation, transport: str, tmp_path: Path
) -> None:
    async def test() -> list[str]:
        async with deployed(tmp_path) as deployment:
            victims = await prepare(deployment)
            parameters, body = victims.parameters(operation), victims.body(operation)
            token = victims.token(operation)
            if transport == "http":
                return await repeat(
                    deployment, operation, lambda: call_http(deployment, operation, parameters, token, body)
                )
            return await over_session(deployment, victims, operation, body)

    assert asyncio.run(test()) == []


async def over_session(deployment: Deployment, victims: Victims, operation: Operation, body: Any) -> list[str]:
    instance_id = str(uuid.uuid4())
    body = {**body, "instance_id": instance_id} if operation.id == "renew_leases" else body
    async with deployment.session(instance_id=instance_id) as (websocket, _):
        caller = SessionCaller(websocket)
        token = victims.own.token if operation.caller == "activity" else None
        parameters = victims.parameters(operation)
        return await repeat(deployment, operation, lambda: caller(operation.id, parameters, token, body))


def test_the_same_operation_may_come_over_another_way_the_second_time(tmp_path: Path) -> None:
    async def test() -> list[str]:
        async with deployed(tmp_path) as deployment:
            victims = await prepare(deployment)
            operation = OPERATIONS["finish"]
            parameters, body = victims.parameters(operation), victims.body(operation)
            status, first = await call_http(deployment, operation, parameters, victims.own.token, body)
            async with deployment.session() as (websocket, _):
                again = await SessionCaller(websocket)("finish", parameters, victims.own.token, body)
            return [] if (status, first) == again else [json.dumps([status, first, again])]

    assert asyncio.run(test()) == []
