"""The interface of tasks over HTTP: what its operations do for the one who may call them."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.api.deployment import Deployment, running_task

from tradewind.server.api.app import create_app
from tradewind.server.api.execution.table import HANDLERS
from tradewind.server.auth.tokens import KeySet, TokenSigner
from tradewind.server.contract import VERSION, ActivityKind, Connection, ExecuteTask, Grants, Variable
from tradewind.server.store import audit, secrets

VERSIONS = "/execution/versions"


async def with_secrets(d: Deployment) -> None:
    await d.store.write(lambda tx: secrets.put_variable(tx, Variable(key="a/b", value="v")))
    await d.store.write(lambda tx: secrets.put_connection(tx, Connection(conn_id="c/d", conn_type="x", password="p")))


def test_every_answer_names_the_version(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        for path, status in ((VERSIONS, 200), ("/execution/variables/x", 401), ("/execution/none", 404)):
            for version in ({}, {"tradewind_api_version": VERSION}):
                reply = await d.call("GET", path, token=None, **version)
                assert (reply.status, reply.headers["tradewind-api-version"]) == (status, VERSION)
        old = await d.call("GET", VERSIONS, token=None, tradewind_api_version="1999-01-01")
        assert (old.status, old.json["reason"], old.json["supported_versions"]) == (
            400,
            "unsupported_version",
            [VERSION],
        )

    play(scenario)


def test_versions_tell_the_limits(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        offered = await d.get(VERSIONS, token=None)
        assert (offered["newest"], offered["max_body_bytes"], offered["max_frame_bytes"]) == (VERSION, 5000, 4000)
        assert offered["kinds"] == ["execute_task", "parse_dag_file"]

    play(scenario, api={"max_body_bytes": 5000, "max_frame_bytes": 4000})


def test_tokens_verify_with_the_published_keys(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        handout, token = await running_task(d)
        (published,) = (await d.get("/execution/jwks", token=None))["keys"]
        claims = jwt.decode(token, jwt.PyJWK(published).key, ["EdDSA"], audience="tradewind-execution")
        assert claims["dispatch_id"] == handout.dispatch_id

    play(scenario)


def test_a_key_that_another_process_made_is_learned(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        _, token = await running_task(d)
        stranger = Ed25519PrivateKey.generate()
        d.services.signer.replace_keys(KeySet("theirs", stranger, {"theirs": stranger.public_key()}))
        reply = await d.call("GET", "/execution/variables/none", token=token)
        assert reply.json["reason"] == "not_found", "the keys were read anew"

    play(scenario)


def test_a_made_up_key_does_not_make_the_server_look_each_time(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        stranger = Ed25519PrivateKey.generate()
        theirs = TokenSigner(KeySet("theirs", stranger, {"theirs": stranger.public_key()}), lifetime_seconds=60)
        token = theirs.mint(ActivityKind.EXECUTE_TASK, str(uuid.uuid4()), str(uuid.uuid4()), datetime.now(UTC)).token
        for _ in range(2):
            before = d.services.signer.public_keys()
            reply = await d.call("GET", "/execution/variables/x", token=token)
            assert (reply.json["reason"], d.services.signer.public_keys()) == ("forged_token", before)

    play(scenario)


def test_an_xcom_is_written_once_for_an_operation_and_read_in_the_own_run(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        _, token = await running_task(d)
        op_id = str(uuid.uuid4())
        for value in ({"a": [1, None, "ü"]}, "a repeat with another value"):
            reply = await d.call("PUT", "/execution/xcoms/dir/key", {"op_id": op_id, "value": value}, token=token)
            assert (reply.status, reply.content) == (204, b"")
        path = "/execution/xcoms/extract/dir/key"
        assert await d.get(path, token=token) == {"value": {"a": [1, None, "ü"]}}
        assert await d.get(path + "?map_index=-1", token=token) == {"value": {"a": [1, None, "ü"]}}
        other = await d.call("GET", path + "?map_index=0", token=token)
        assert (other.status, other.json["reason"]) == (404, "not_found")
        twice = await d.call("GET", path + "?map_index=0&map_index=1", token=token)
        assert (twice.json["reason"], twice.json["field"]) == ("invalid_value", "map_index")
        both = await d.call("GET", path + "?task_id=extract", token=token)
        assert (both.json["reason"], both.json["field"]) == ("invalid_value", "task_id")

    play(scenario)


def test_an_activity_gets_the_snapshot_that_it_runs(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        handout, token = await running_task(d)
        code = handout.activity.code
        manifest = await d.get(f"/execution/snapshots/{code.snapshot}", token=token)
        reply = await d.call("GET", f"/execution/snapshots/{code.snapshot}/files/{code.file}", token=token)
        assert reply.headers["content-type"] == "application/octet-stream"
        assert hashlib.sha256(reply.content).hexdigest() == manifest["files"][code.file]["digest"]
        missing = await d.call("GET", f"/execution/snapshots/{code.snapshot}/files/a/b.py", token=token)
        assert missing.json["reason"] == "not_found"
        other = await d.call("GET", f"/execution/snapshots/{'0' * 64}", token=token)
        assert (other.json["reason"], other.json["field"]) == ("not_allowed", "snapshot")

    play(scenario)


def test_an_activity_gets_files_of_its_snapshot_in_one_answer(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        handout, token = await running_task(d)
        code = handout.activity.code
        place = f"/execution/snapshots/{code.snapshot}"
        digest = (await d.get(place, token=token))["files"][code.file]["digest"]
        one = (await d.call("GET", f"{place}/files/{code.file}", token=token)).content
        twice = await d.call("POST", f"{place}/files", token=token, body={"digests": [digest, digest]})
        assert (twice.status, twice.content) == (200, one + one)
        missing = await d.call("POST", f"{place}/files", token=token, body={"digests": ["0" * 64]})
        assert (missing.json["reason"], missing.json["field"]) == ("not_found", "digests")
        other = await d.call("POST", f"/execution/snapshots/{'0' * 64}/files", token=token, body={"digests": [digest]})
        assert (other.json["reason"], other.json["field"]) == ("not_allowed", "snapshot")

    play(scenario)


def test_what_workers_fetch_together_is_answered_however_small_a_request_must_be(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        handout, token = await running_task(d)
        code = handout.activity.code
        place = f"/execution/snapshots/{code.snapshot}"
        digest = (await d.get(place, token=token))["files"][code.file]["digest"]
        one = (await d.call("GET", f"{place}/files/{code.file}", token=token)).content
        limit = d.services.settings.api.max_body_bytes
        assert len(one) * 20 > limit
        together = await d.call("POST", f"{place}/files", token=token, body={"digests": [digest] * 20})
        assert (together.status, together.content) == (200, one * 20)

    play(scenario, api={"max_body_bytes": 1400})


@pytest.mark.parametrize(
    ("mode", "declared", "status"),
    [("deny", True, 200), ("deny", False, 403), ("audit", False, 200), ("allow", False, 200), ("allow", True, 200)],
)
@pytest.mark.parametrize(
    ("path", "action"), [("variables/a/b", "read_variable"), ("connections/c/d", "read_connection")]
)
def test_reads_of_secrets_follow_the_grants_and_are_audited(
    *, play: Callable[..., None], mode: str, declared: bool, status: int, path: str, action: str
) -> None:
    grants = Grants(connections=["c/*"], variables=["a/b"]) if declared else Grants(connections=["x"], variables=["a"])

    async def scenario(d: Deployment) -> None:
        await with_secrets(d)
        handout, token = await running_task(d, grants=grants)
        reply = await d.call("GET", f"/execution/{path}", token=token)
        assert reply.status == status
        entry = (await d.store.read(audit.list_audit)).items[0]
        assert entry.dispatch_id == handout.dispatch_id
        assert isinstance(handout.activity, ExecuteTask)
        assert entry.actor == f"execute_task:{handout.activity.task_try.try_id}"
        if status == 200:
            assert (entry.action, entry.subject) == (action, path.partition("/")[2])
            assert entry.detail == {"declared": declared, "dag_id": "etl", "task_id": "extract"}
        else:
            assert (entry.action, entry.detail["reason"]) == ("refused", "not_allowed")
            assert reply.json["field"] in {"key", "conn_id"}

    play(scenario, security={"grants": mode})


def test_a_secret_that_does_not_exist_is_not_found_and_no_read(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        _, token = await running_task(d)
        before = (await d.store.read(audit.list_audit)).total
        for path in ("variables/none", "connections/none"):
            reply = await d.call("GET", f"/execution/{path}", token=token)
            assert (reply.status, reply.json["reason"]) == (404, "not_found")
        assert (await d.store.read(audit.list_audit)).total == before

    play(scenario)


def test_an_outcome_has_one_receipt_and_no_second_outcome(play: Callable[..., None]) -> None:
    now = datetime.now(UTC)
    outcome = {"outcome": "skipped", "started_at": now.isoformat(), "ended_at": now.isoformat()}

    async def scenario(d: Deployment) -> None:
        handout, token = await running_task(d)
        path = f"/execution/dispatches/{handout.dispatch_id.upper()}/outcome"
        first, second = [(await d.call("PUT", path, outcome, token=token)).json for _ in range(2)]
        assert first == second
        later = {**outcome, "ended_at": (now + timedelta(seconds=1)).isoformat()}
        other = await d.call("PUT", path, later, token=token)
        assert (other.status, other.json["reason"]) == (410, "dispatch_ended")

    play(scenario)


def test_an_unexpected_exception_of_a_handler_is_a_problem(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        async def broken(_: Any) -> None:
            raise ValueError("the password is 1234")

        d.app = create_app(d.services, {**HANDLERS, "get_versions": broken})
        reply = await d.call("GET", VERSIONS, token=None)
        assert (reply.status, reply.json["reason"]) == (500, "internal_error")
        assert b"1234" not in reply.content

    play(scenario)


@pytest.mark.parametrize("change", ["less", "more"])
def test_a_table_that_differs_from_the_contract_does_not_start(play: Callable[..., None], change: str) -> None:
    handlers = dict(HANDLERS)
    if change == "less":
        del handlers["finish"]
    else:
        handlers["open_session"] = handlers["finish"]

    async def scenario(d: Deployment) -> None:
        with pytest.raises(RuntimeError, match="finish" if change == "less" else "open_session"):
            create_app(d.services, handlers)

    play(scenario)
