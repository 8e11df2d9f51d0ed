"""Rules of the operations of a worker, over HTTP."""

import asyncio
import datetime as dt
import json
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from tests.client.loopback import Answer, Loopback
from tradewind.sdk.client.calls import ProblemError
from tradewind.sdk.client.http import HttpTransport
from tradewind.sdk.client.worker_client import WorkerClient
from tradewind.sdk.contract import (
    Delivery,
    ExecuteTask,
    LeaseRenewal,
    Started,
    StartRequest,
    TaskSucceeded,
    XComEntry,
    decode,
)
from tradewind.sdk.exceptions import TradewindRuntimeError

Result = TypeVar("Result")

NOW = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
DIGEST = "0" * 64
DELIVERY = {
    "dispatch_id": "d",
    "activity": {
        "kind": "execute_task",
        "task_try": {"dag_id": "x", "run_id": "r", "task_id": "t", "map_index": -1, "try_number": 1, "try_id": "i"},
        "dag_run": {
            "dag_id": "x",
            "run_id": "r",
            "run_type": "manual",
            "run_after": "2024-01-01T00:00:00Z",
            "conf": {},
            "dag_version": 1,
        },
        "code": {"bundle": "dags", "snapshot": DIGEST, "file": "f.py"},
        "max_tries": 1,
        "isolation": "fork",
        "on_cut": "continue",
    },
    "token": "try-token",
    "token_expires_at": "2024-01-01T00:10:00Z",
    "takeover_after_seconds": 300,
    "secrets": {"connections": [], "variables": []},
    "contract": "2026-12-01",
    "of_a_newer_server": True,
}


def act(server: Loopback, use: Callable[[WorkerClient], Awaitable[Result]]) -> Result:
    async def run() -> Result:
        async with HttpTransport(server.url, "worker-token") as transport:
            return await use(WorkerClient(transport))

    return asyncio.run(run())


def test_a_ticket_becomes_a_delivery_open_to_what_a_newer_server_adds(server: Loopback) -> None:
    server.answers = [Answer(body=json.dumps(DELIVERY).encode())]
    request = StartRequest(
        ticket="t" * 43, nonce="n" * 16, instance_id="i", hostname="h", pid=1, sdk_version="0", language="python"
    )
    delivery = act(server, lambda client: client.start_activity("d", request))
    assert isinstance(delivery, Delivery)
    assert isinstance(delivery.activity, ExecuteTask)
    (received,) = server.received
    assert (received.method, received.path) == ("POST", "/execution/dispatches/d/start")
    assert received.headers["Authorization"] == "Bearer worker-token"
    assert decode(StartRequest, received.body) == request


def test_a_worker_renews_and_reports(server: Loopback) -> None:
    server.answers = [
        Answer(body=b'{"lease_seconds": 15, "ended": ["d"]}'),
        Answer(body=b'{"token": "new", "token_expires_at": "2024-01-01T00:00:00Z"}'),
        Answer(204),
        Answer(204),
        Answer(body=json.dumps({"dispatch_id": "d", "digest": DIGEST, "recorded_at": "2024-01-01T00:00:00Z"}).encode()),
    ]
    outcome = TaskSucceeded(started_at=NOW, ended_at=NOW, xcoms=[XComEntry(key="return_value", value=None)])

    async def use(client: WorkerClient) -> None:
        assert (await client.renew_leases(LeaseRenewal(instance_id="i", dispatches=["d"]))).ended == ["d"]
        assert (await client.renew_token("d", "old")).token == "new"
        await client.report_started("d", Started(hostname="h", pid=1, started_at=NOW), token="t")
        await client.put_log_segment("d", 7, "{}\n", token="t")
        assert (await client.finish("d", outcome, token="t")).digest == DIGEST

    act(server, use)
    assert [(one.method, one.path) for one in server.received] == [
        ("POST", "/execution/leases"),
        ("POST", "/execution/dispatches/d/renew"),
        ("PUT", "/execution/dispatches/d/started"),
        ("PUT", "/execution/dispatches/d/logs/7"),
        ("PUT", "/execution/dispatches/d/outcome"),
    ]
    assert json.loads(server.received[4].body) == {
        "outcome": "success",
        "started_at": "2024-01-01T00:00:00Z",
        "ended_at": "2024-01-01T00:00:00Z",
        "xcoms": [{"key": "return_value", "value": None}],
    }


def test_snapshots_are_read_by_manifest_and_file(server: Loopback) -> None:
    manifest = {"snapshot": DIGEST, "bundle": "dags", "files": {"a.py": {"digest": DIGEST, "size": 1}}}
    server.answers = [Answer(body=json.dumps(manifest).encode()), Answer(body=b"x", media="application/octet-stream")]

    async def use(client: WorkerClient) -> tuple[list[str], bytes]:
        found = await client.get_snapshot(DIGEST, token="t")
        return list(found.files), await client.get_snapshot_file(DIGEST, "a.py", token="t")

    assert act(server, use) == (["a.py"], b"x")


def test_versions_need_no_credential(server: Loopback) -> None:
    answer = {
        "versions": [{"version": "2026-12-01", "released": False}],
        "newest": "2026-12-01",
        "server_version": "0.1.0",
        "server_time": "2024-01-01T00:00:00Z",
        "kinds": ["execute_task"],
        "max_frame_bytes": 1,
        "max_body_bytes": 2,
    }
    server.answers = [Answer(body=json.dumps(answer).encode())]
    assert act(server, lambda client: client.get_versions()).newest == "2026-12-01"
    assert "Authorization" not in server.received[0].headers


def test_a_refusal_is_an_error_even_with_a_reason_of_a_newer_server(server: Loopback) -> None:
    body = b'{"reason": "brand_new", "detail": "x", "retry_after_seconds": 2, "supported_versions": ["2030-01-01"]}'
    server.answers = [Answer(429, body, "application/problem+json")]
    with pytest.raises(ProblemError, match="get_versions was refused, brand_new: x") as refused:
        act(server, lambda client: client.get_versions())
    assert refused.value.retry_after_seconds == 2
    assert refused.value.supported_versions == ["2030-01-01"]


def test_an_answer_that_is_not_of_the_contract_is_an_error(server: Loopback) -> None:
    server.answers = [Answer(body=b'{"lease_seconds": "long"}')]
    with pytest.raises(TradewindRuntimeError, match="renew_leases is not what the contract says"):
        act(server, lambda client: client.renew_leases(LeaseRenewal(instance_id="i", dispatches=[])))


def test_an_operation_of_an_activity_needs_its_token(server: Loopback) -> None:
    with pytest.raises(TradewindRuntimeError, match="get_snapshot acts for an activity and needs its token"):
        act(server, lambda client: client.get_snapshot("s", token=""))
    assert server.received == []
