"""What the token of a parse is good for: the file reads secrets while it is imported, and nothing else of user code."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.tei.attacks import FOR_PARSES
from tests.tei.deployment import deployed
from tests.tei.test_wrong_credentials import over_session
from tests.tei.victims import SECRET, SessionCaller, Victims, prepare
from tests.tei.walk import Call, observe, over_http
from tradewind.server.contract import OPERATIONS, Operation, ParseDagFile
from tradewind.server.store import audit

OF_USER_CODE = [row for row in OPERATIONS.values() if row.from_task]


async def refusals(victims: Victims, operation: Operation, call: Call) -> list[str]:
    """What is wrong with the refusal of a right call that is made with the token of a parse."""

    async def attempt() -> tuple[int, Any]:
        return await call(operation, victims.parameters(operation), victims.parse.token, victims.body(operation))

    return [fault async for fault in observe(victims.deployment, operation.id, "not_allowed", attempt)]


def test_what_parses_may_call_is_a_part_of_what_user_code_may_call() -> None:
    assert {row.id for row in OF_USER_CODE} >= FOR_PARSES
    assert len(OF_USER_CODE) > len(FOR_PARSES)


@pytest.mark.parametrize("operation", [row for row in OF_USER_CODE if row.id not in FOR_PARSES], ids=lambda row: row.id)
@pytest.mark.parametrize("grants", ["allow", "deny"])
def test_a_parse_does_nothing_but_read_secrets(tmp_path: Path, operation: Operation, grants: str) -> None:
    async def check() -> None:
        async with deployed(tmp_path, grants=grants) as deployment:
            victims = await prepare(deployment)
            assert await refusals(victims, operation, over_http(deployment)) == []
            async with deployment.session() as (websocket, _):
                assert await refusals(victims, operation, over_session(SessionCaller(websocket))) == []

    asyncio.run(check())


@pytest.mark.parametrize("operation", [OPERATIONS[name] for name in sorted(FOR_PARSES)], ids=lambda row: row.id)
def test_where_grants_are_strict_a_parse_reads_nothing(tmp_path: Path, operation: Operation) -> None:
    async def check() -> None:
        async with deployed(tmp_path, grants="deny") as deployment:
            victims = await prepare(deployment)
            assert await refusals(victims, operation, over_http(deployment)) == []
            async with deployment.session() as (websocket, _):
                assert await refusals(victims, operation, over_session(SessionCaller(websocket))) == []

    asyncio.run(check())


@pytest.mark.parametrize("grants", ["allow", "audit"])
@pytest.mark.parametrize(
    ("id", "action", "subject"),
    [("get_variable", "read_variable", "greeting"), ("get_connection", "read_connection", "warehouse")],
)
def test_what_a_parse_reads_is_audited_in_its_own_name(
    tmp_path: Path, grants: str, id: str, action: str, subject: str
) -> None:
    async def check() -> None:
        async with deployed(tmp_path, grants=grants) as deployment:
            victims = await prepare(deployment)
            parse, operation = victims.parse.delivery.activity, OPERATIONS[id]
            assert isinstance(parse, ParseDagFile)
            call = over_http(deployment)
            status, answer = await call(operation, victims.parameters(operation), victims.parse.token, None)
            assert status == 200
            assert SECRET in repr(answer)
            entry = (await deployment.store.read(lambda tx: audit.list_audit(tx, limit=1))).items[0]
            assert (entry.action, entry.subject, entry.dispatch_id) == (action, subject, victims.parse.dispatch_id)
            assert parse.parse_id in entry.actor
            assert entry.detail == {"declared": False, "bundle": parse.code.bundle, "file": parse.code.file}

    asyncio.run(check())


def test_a_parse_lists_the_variables(tmp_path: Path) -> None:
    async def check() -> None:
        async with deployed(tmp_path) as deployment:
            victims = await prepare(deployment)
            status, answer = await over_http(deployment)(
                OPERATIONS["list_variable_keys"], {}, victims.parse.token, None
            )
            assert (status, answer) == (200, {"keys": ["greeting"]})

    asyncio.run(check())
