"""What a task does not declare is refused where grants are strict, whatever the operation and the transport."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.tei.deployment import deployed
from tests.tei.test_wrong_credentials import over_session
from tests.tei.victims import SessionCaller, Victims, prepare
from tests.tei.walk import Call, observe, over_http
from tradewind.server.contract import OPERATIONS, ExecuteTask, Operation, VariableKeys

NAMES_SOMETHING = {"key", "conn_id", "dag_id"}
"""Parameters that name what grants decide about; an XCom key does not where the run is the own one."""

GRANTED = [
    row
    for row in OPERATIONS.values()
    if row.caller == "activity"
    and {parameter.name for parameter in row.parameters} & NAMES_SOMETHING
    and row.id not in {"get_xcom", "set_xcom"}
]


def parameters_of(operation: Operation, victims: Victims) -> dict[str, str]:
    """As a right call, but on the DAG of the victim, which the other task does not declare."""
    parameters = victims.parameters(operation)
    own = victims.own.delivery.activity
    assert isinstance(own, ExecuteTask)
    elsewhere = {"dag_id": "victim", "run_id": own.dag_run.run_id}
    return {**parameters, **{name: value for name, value in elsewhere.items() if name in parameters}}


async def faults_of(operation: Operation, victims: Victims, call: Call) -> list[str]:
    async def attempt() -> tuple[int, Any]:
        return await call(operation, parameters_of(operation, victims), victims.other.token, victims.body(operation))

    return [fault async for fault in observe(victims.deployment, operation.id, "not_allowed", attempt)]


def test_there_is_something_to_declare() -> None:
    assert {row.id for row in GRANTED} == {
        "delete_variable",
        "find_xcom",
        "get_connection",
        "get_run",
        "get_variable",
        "set_variable",
        "trigger_run",
    }


@pytest.mark.parametrize("operation", GRANTED, ids=lambda row: row.id)
def test_an_undeclared_use_is_refused_over_both_transports(tmp_path: Path, operation: Operation) -> None:
    async def check() -> None:
        async with deployed(tmp_path, grants="deny") as deployment:
            victims = await prepare(deployment)
            assert await faults_of(operation, victims, over_http(deployment)) == []
            async with deployment.session() as (websocket, _):
                assert await faults_of(operation, victims, over_session(SessionCaller(websocket))) == []

    asyncio.run(check())


def test_keys_of_variables_that_nobody_declared_are_not_told(tmp_path: Path) -> None:
    async def check() -> None:
        async with deployed(tmp_path, grants="deny") as deployment:
            victims = await prepare(deployment)
            for token, keys in ((victims.own.token, ["greeting"]), (victims.other.token, [])):
                answer = await deployment.call("GET", "/execution/variable_keys", token)
                assert VariableKeys.model_validate_json(answer.content).keys == keys

    asyncio.run(check())
