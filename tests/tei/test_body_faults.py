"""Every operation with a body refuses what the contract does not know, naming the field, without any effect."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.tei.deployment import MAX_BODY, Deployment, deployed
from tests.tei.victims import EXAMPLES, SessionCaller, path_of, prepare
from tests.tei.walk import observe
from tradewind.server.api.execution.table import HTTP_ONLY
from tradewind.server.contract import OPERATIONS, Operation, from_plain

WITH_BODY = [row for row in OPERATIONS.values() if row.request is not None]
IN_A_FRAME = [row for row in WITH_BODY if row.id not in HTTP_ONLY]
INSTEAD: list[Any] = ["words", 1, 1.5, [], {}, None, True]


@dataclass(frozen=True)
class Fault:
    """A body that must be refused."""

    name: str
    body: Any
    reason: str
    field: str | None


def faults_of(operation: Operation, right: dict[str, Any]) -> Iterator[Fault]:
    """Faults of JSON bodies, made from a right one."""
    yield Fault("an unknown field", {**right, "surprise": 1}, "unknown_field", "surprise")
    for key, present in right.items():
        less = {name: value for name, value in right.items() if name != key}
        if not accepted(operation, less):
            yield Fault(f"{key} missing", less, "missing_field", key)
        wrong = [value for value in INSTEAD if not same_type(value, present)]
        wrong = [value for value in wrong if not accepted(operation, {**right, key: value})]
        if key == "outcome":
            continue  # the tag of the union: another value names no variant, see below
        for value in wrong:
            yield Fault(f"{key} = {value!r}", {**right, key: value}, "wrong_type", key)
    if "outcome" in right:
        yield Fault("an unknown outcome", {**right, "outcome": "won"}, "invalid_value", "outcome")


def accepted(operation: Operation, body: Any) -> bool:
    try:
        from_plain(operation.request, body)
    except ValidationError:
        return False
    return True


def same_type(one: Any, other: Any) -> bool:
    numbers = (int, float)
    return type(one) is type(other) or (type(one) in numbers and type(other) in numbers)


def bytes_of(operation: Operation) -> Iterator[tuple[str, bytes, str]]:
    """Bodies that are no JSON of the contract's size."""
    yield "half a body", b'{"op_id": ', "malformed_body"
    yield "no body", b"", "malformed_body"
    yield "no UTF-8", b'{"op_id": "\xff"}', "malformed_body"
    yield "too large", b'{"x": "' + b"x" * MAX_BODY + b'"}', "body_too_large"
    yield "no object", b"[]", "wrong_type"
    yield "only a null", b"null", "wrong_type"


@pytest.mark.parametrize("operation", WITH_BODY, ids=lambda row: row.id)
def test_over_http(tmp_path: Path, operation: Operation) -> None:
    async def check() -> None:
        async with deployed(tmp_path) as deployment:
            victims = await prepare(deployment)
            path, token = path_of(operation, victims.parameters(operation)), victims.token(operation)

            async def send(body: Any) -> tuple[int, Any]:
                answer = await deployment.call(operation.method, path, token, body)
                return answer.status_code, answer.json()

            cases = list(faults_of(operation, victims.body(operation)))
            assert len(cases) >= 3
            for fault in cases:
                await must_refuse(deployment, operation, fault, lambda body=fault.body: send(body))
            for name, content, reason in bytes_of(operation):
                fault = Fault(name, content, reason, None)
                await must_refuse(deployment, operation, fault, lambda body=content: send(body))

    asyncio.run(check())


@pytest.mark.parametrize("operation", IN_A_FRAME, ids=lambda row: row.id)
def test_over_a_session(tmp_path: Path, operation: Operation) -> None:
    async def check() -> None:
        async with deployed(tmp_path) as deployment:
            victims = await prepare(deployment)
            token = victims.own.token if operation.caller == "activity" else None
            async with deployment.session() as (websocket, _):
                ask = SessionCaller(websocket)
                for fault in faults_of(operation, victims.body(operation)):
                    await must_refuse(
                        deployment,
                        operation,
                        fault,
                        lambda body=fault.body: ask(operation.id, victims.parameters(operation), token, body),
                    )
                nothing = Fault("no body", None, "missing_field", "body")
                await must_refuse(
                    deployment,
                    operation,
                    nothing,
                    lambda: ask(operation.id, victims.parameters(operation), token, None),
                )

    asyncio.run(check())


@pytest.mark.parametrize("operation", WITH_BODY, ids=lambda row: row.id)
def test_a_body_in_pieces_is_cut_off_at_the_limit(tmp_path: Path, operation: Operation) -> None:
    async def check() -> None:
        async with deployed(tmp_path) as deployment:
            victims = await prepare(deployment)
            answer = await deployment.http.request(
                operation.method,
                path_of(operation, victims.parameters(operation)),
                headers={"Authorization": f"Bearer {victims.token(operation)}"},
                content=endless(),
            )
            assert (answer.status_code, answer.json()["reason"]) == (413, "body_too_large")

    asyncio.run(check())


async def endless() -> AsyncIterator[bytes]:
    for _ in range(MAX_BODY // 1024 * 3):
        yield b"x" * 1024


def test_a_log_segment_is_held_against_the_contract(tmp_path: Path) -> None:
    operation = OPERATIONS["put_log_segment"]

    async def check() -> None:
        async with deployed(tmp_path) as deployment:
            victims = await prepare(deployment)
            path, token = path_of(operation, victims.parameters(operation)), victims.own.token
            for name, content, reason, field in (
                ("no JSON", b"hello\n", "malformed_body", "1"),
                ("no record", b"{}\n", "malformed_body", "1.timestamp"),
                ("too large", b"x" * (MAX_BODY + 1), "body_too_large", None),
            ):

                async def send(body: bytes = content) -> tuple[int, Any]:
                    answer = await deployment.call("PUT", path, token, body)
                    return answer.status_code, answer.json()

                await must_refuse(deployment, operation, Fault(name, content, reason, field), send)
            assert not list(deployment.services.settings.logs_directory.rglob("*.jsonl"))

    asyncio.run(check())


@pytest.mark.parametrize("operation", WITH_BODY, ids=lambda row: row.id)
def test_every_invalid_example_of_the_contract_is_refused(tmp_path: Path, operation: Operation) -> None:
    async def check() -> None:
        async with deployed(tmp_path) as deployment:
            victims = await prepare(deployment)
            before = await deployment.dump()
            path, token = path_of(operation, victims.parameters(operation)), victims.token(operation)
            for example in examples_of(operation)["invalid"]:
                if example["refused_by"] in {"server", "both"}:
                    answer = await deployment.call(operation.method, path, token, example["value"])
                    assert answer.status_code in {400, 422}, (example["name"], answer.text)
            assert await deployment.dump() == before

    asyncio.run(check())


def examples_of(operation: Operation) -> Any:
    name = operation.request.__name__ if isinstance(operation.request, type) else "Outcome"
    assert isinstance(operation.request, type) or operation.id == "finish"
    return json.loads((EXAMPLES / f"{name}.json").read_text())


@pytest.mark.parametrize(
    ("id", "change", "reason", "field"),
    [
        ("get_xcom", {"map_index": "two"}, "wrong_type", "map_index"),
        ("get_xcom", {"map_index": "-2"}, "invalid_value", "map_index"),
        ("get_xcom", {"surprise": "1"}, "unknown_field", "surprise"),
        ("get_xcom", {"task_id": "a b"}, "invalid_value", "task_id"),
        ("find_xcom", {"include_prior_dates": "often"}, "wrong_type", "include_prior_dates"),
        ("find_xcom", {"run_id": "a b"}, "invalid_value", "run_id"),
        ("find_xcom", {"dag_id": "a b"}, "invalid_value", "dag_id"),
        ("delete_variable", {"op_id": "once"}, "invalid_value", "op_id"),
        ("list_variable_keys", {"prefix": "x" * 251}, "invalid_value", "prefix"),
        ("get_run", {"run_id": "a b"}, "invalid_value", "run_id"),
        ("get_previous_run", {"state": "lunar"}, "invalid_value", "state"),
        ("put_log_segment", {"sequence": "-1"}, "invalid_value", "sequence"),
        ("put_log_segment", {"sequence": "x"}, "wrong_type", "sequence"),
        ("get_snapshot", {"snapshot": "nonsense"}, "invalid_value", "snapshot"),
    ],
)
def test_a_wrong_parameter_is_named(tmp_path: Path, id: str, change: dict[str, str], reason: str, field: str) -> None:
    operation = OPERATIONS[id]

    async def check() -> None:
        async with deployed(tmp_path) as deployment:
            victims = await prepare(deployment)
            parameters = {**victims.parameters(operation), **change}
            path = path_of(operation, parameters)

            async def over_http() -> tuple[int, Any]:
                answer = await deployment.call(
                    operation.method,
                    path,
                    victims.own.token,
                    victims.body(operation).encode() if id == "put_log_segment" else None,
                )
                return answer.status_code, answer.json()

            await must_refuse(deployment, operation, Fault("http", None, reason, field), over_http)
            async with deployment.session() as (websocket, _):
                ask = SessionCaller(websocket)
                await must_refuse(
                    deployment,
                    operation,
                    Fault("session", None, reason, field),
                    lambda: ask(id, parameters, victims.own.token, victims.body(operation)),
                )

    asyncio.run(check())


async def must_refuse(deployment: Deployment, operation: Operation, fault: Fault, send: Any) -> None:
    answers: list[Any] = []

    async def attempt() -> tuple[int, Any]:
        status, answer = await send()
        answers.append(answer)
        return status, answer

    found = [text async for text in observe(deployment, operation.id, fault.reason, attempt)]
    assert found == [], fault.name
    assert answers[0].get("field") == fault.field, (fault.name, answers[0])
