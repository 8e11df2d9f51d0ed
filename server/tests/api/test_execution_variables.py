"""Variables as tasks write, delete and list them, within their grants."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from tests.api.deployment import Deployment, running_task

from tradewind.server.contract import Grants, Variable
from tradewind.server.store import audit, secrets


async def put(d: Deployment, key: str, value: str, description: str | None = None) -> None:
    await d.store.write(lambda tx: secrets.put_variable(tx, Variable(key=key, value=value), description))


async def value_of(d: Deployment, key: str) -> str | None:
    found = await d.store.read(lambda tx: secrets.get_variable(tx, key))
    return None if found is None else found.value


def setting(value: str, **more: Any) -> dict[str, Any]:
    return {"op_id": str(uuid.uuid4()), "value": value, **more}


def test_a_variable_is_written_once_for_an_operation(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        _, token = await running_task(d)
        body = setting("1")
        for _ in range(2):
            assert (await d.call("PUT", "/execution/variables/a/b", body, token=token)).status == 204
            await put(d, "a/b", "changed meanwhile")
        assert await value_of(d, "a/b") == "changed meanwhile"

    play(scenario)


def test_a_description_stays_until_another_is_given(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        _, token = await running_task(d)
        await put(d, "x", "1", "words")
        for body, words in ((setting("2"), "words"), (setting("3", description="others"), "others")):
            await d.call("PUT", "/execution/variables/x", body, token=token)
            row = await d.store.read(lambda tx: secrets.variable_row(tx, "x"))
            assert row is not None
            assert (row.value, row.description) == (body["value"], words)

    play(scenario)


def test_a_repeated_delete_does_not_miss_what_it_deleted(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        _, token = await running_task(d)
        await put(d, "x", "1")
        path = f"/execution/variables/x?op_id={uuid.uuid4()}"
        for _ in range(2):
            assert (await d.call("DELETE", path, token=token)).status == 204
        other = await d.call("DELETE", f"/execution/variables/x?op_id={uuid.uuid4()}", token=token)
        assert (other.status, other.json["reason"]) == (404, "not_found")

    play(scenario)


@pytest.mark.parametrize(
    ("mode", "declared", "status"), [("deny", True, 204), ("deny", False, 403), ("audit", False, 204)]
)
@pytest.mark.parametrize(("method", "action"), [("PUT", "write_variable"), ("DELETE", "delete_variable")])
def test_writes_follow_the_grants_and_are_audited(
    *, play: Callable[..., None], mode: str, declared: bool, status: int, method: str, action: str
) -> None:
    async def scenario(d: Deployment) -> None:
        await put(d, "state/x", "1")
        # To read a variable is another right than to write it.
        handout, token = await running_task(
            d, grants=Grants(connections=[], variables=["*"], write_variables=["state/*"] if declared else None)
        )
        if method == "PUT":
            reply = await d.call("PUT", "/execution/variables/state/x", setting("2"), token=token)
        else:
            reply = await d.call("DELETE", f"/execution/variables/state/x?op_id={uuid.uuid4()}", token=token)
        assert reply.status == status, reply.content
        entry = (await d.store.read(audit.list_audit)).items[0]
        assert entry.dispatch_id == handout.dispatch_id
        if status == 204:
            assert (entry.action, entry.subject, entry.detail["declared"]) == (action, "state/x", declared)
        else:
            assert (entry.action, entry.detail["reason"], entry.detail["field"]) == ("refused", "not_allowed", "key")
            assert await value_of(d, "state/x") == "1"

    play(scenario, security={"grants": mode})


@pytest.mark.parametrize(
    ("mode", "prefix", "keys"),
    [
        ("deny", "", ["lake/a", "lake/b"]),
        ("deny", "sea", []),
        ("audit", "", ["Sea", "lake/a", "lake/b", "lakes"]),
        ("audit", "lake/", ["lake/a", "lake/b"]),
        ("audit", "sea", []),
        ("audit", "%", []),
    ],
)
def test_keys_are_those_that_may_be_read(play: Callable[..., None], mode: str, prefix: str, keys: list[str]) -> None:
    async def scenario(d: Deployment) -> None:
        for key in ("lakes", "lake/b", "lake/a", "Sea"):
            await put(d, key, "1")
        _, token = await running_task(d, grants=Grants(connections=[], variables=["lake/*"]))
        path = "/execution/variable_keys" + (f"?prefix={prefix}" if prefix else "")
        assert await d.get(path, token=token) == {"keys": keys}

    play(scenario, security={"grants": mode})
