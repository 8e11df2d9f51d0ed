"""Rules of calls over HTTP, against a real server."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.client.loopback import Answer, Loopback
from tradewind.sdk.client.calls import Call, Reply
from tradewind.sdk.client.http import HttpTransport, operation_path, query_of, server_url
from tradewind.sdk.contract import OPERATIONS, UNSET, VERSION
from tradewind.sdk.exceptions import ServerUnreachable, TradewindRuntimeError


def send(server: Loopback, *calls: Call, credential: str | None = "worker-token", **options: Any) -> list[Reply]:
    async def all_of_them() -> list[Reply]:
        async with HttpTransport(server.url, credential, **options) as transport:
            return [await transport.send(call) for call in calls]

    return asyncio.run(all_of_them())


def refused(act: Callable[[], Awaitable[Any]]) -> None:
    asyncio.run(act())  # type: ignore[arg-type]  # an awaitable of our own is a coroutine


def test_a_call_is_what_its_operation_says(server: Loopback) -> None:
    server.answers = [Answer(body=b'{"value": [1]}')]
    (reply,) = send(server, Call("get_xcom", {"task_id": "a", "key": "k", "map_index": "-1"}, token="try-token"))
    assert reply == Reply(200, {"value": [1]})
    (request,) = server.received
    assert (request.method, request.path, request.body) == ("GET", "/execution/xcoms/a/k?map_index=-1", b"")
    assert request.headers["Authorization"] == "Bearer try-token"
    assert request.headers["Tradewind-API-Version"] == VERSION
    assert request.headers["User-Agent"].startswith("tradewind-task-sdk/")
    assert "Content-Type" not in request.headers


def test_the_caller_of_an_operation_decides_on_the_token(server: Loopback) -> None:
    send(
        server,
        Call("get_versions", token="try-token"),
        Call("renew_leases", body={"instance_id": "i", "dispatches": []}, token="try-token"),
        Call("get_variable", {"key": "v"}, token="try-token"),
        Call("get_variable", {"key": "v"}),
    )
    assert [request.headers.get("Authorization") for request in server.received] == [
        None,
        "Bearer worker-token",
        "Bearer try-token",
        None,
    ]


def test_bodies_are_json_or_the_text_of_another_media_type(server: Loopback) -> None:
    server.answers = [Answer(status=204)]
    replies = send(
        server,
        Call("set_xcom", {"key": "k"}, body={"value": "ü"}, token="t"),
        Call("put_log_segment", {"dispatch_id": "d", "sequence": "0"}, text='{"a":1}\n', token="t"),
    )
    assert replies == [Reply(204), Reply(204)]
    first, second = server.received
    assert (json.loads(first.body), first.headers["Content-Type"]) == ({"value": "ü"}, "application/json")
    assert (second.body, second.headers["Content-Type"]) == (b'{"a":1}\n', "application/x-ndjson")


def test_a_file_comes_as_bytes(server: Loopback) -> None:
    server.answers = [Answer(body=b"\xff\x00", media="application/octet-stream"), Answer(body=b"")]
    call = Call("get_snapshot_file", {"snapshot": "s", "path": "lib/a b.py"}, token="t")
    assert [reply.body for reply in send(server, call, call)] == [b"\xff\x00", UNSET]
    assert server.received[0].path == "/execution/snapshots/s/files/lib/a%20b.py"


@pytest.mark.parametrize(
    ("operation", "parameters", "path"),
    [
        ("get_xcom", {"task_id": "a/b", "key": "x/y?z#1%"}, "/execution/xcoms/a%2Fb/x/y%3Fz%231%25"),
        ("get_xcom", {"task_id": "..", "key": "."}, "/execution/xcoms/%2E%2E/%2E"),
        ("get_variable", {"key": "a/../b"}, "/execution/variables/a/%2E%2E/b"),
        ("get_connection", {"conn_id": "ü"}, "/execution/connections/%C3%BC"),
        ("put_log_segment", {"dispatch_id": "d/e", "sequence": "1"}, "/execution/dispatches/d%2Fe/logs/1"),
    ],
)
def test_parameters_are_quoted_and_stay_where_they_are(
    server: Loopback, operation: str, parameters: dict[str, str], path: str
) -> None:
    assert operation_path(OPERATIONS[operation], parameters) == path
    send(server, Call(operation, parameters, token="t"))
    assert server.received[0].path == path


def test_query_parameters_are_apart_from_the_path() -> None:
    assert query_of(OPERATIONS["get_xcom"], {"task_id": "a", "key": "k", "map_index": "3"}) == {"map_index": "3"}
    assert query_of(OPERATIONS["get_xcom"], {"task_id": "a", "key": "k"}) == {}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (Call("nonsense"), "no operation 'nonsense'"),
        (Call("get_variable"), "needs a value for its parameter 'key'"),
        (Call("get_variable", {"key": ""}), "needs a value for its parameter 'key'"),
        (Call("get_variable", {"key": "k", "x": "y"}), "no parameter 'x'"),
    ],
)
def test_a_call_that_cannot_be_is_not_sent(server: Loopback, call: Call, words: str) -> None:
    with pytest.raises(TradewindRuntimeError, match=words):
        send(server, call)
    assert server.received == []


def test_a_refusal_is_a_reply_with_the_problem(server: Loopback) -> None:
    server.answers = [Answer(403, b'{"reason": "not_allowed"}', "application/problem+json; charset=utf-8")]
    assert send(server, Call("get_versions")) == [Reply(403, {"reason": "not_allowed"})]


def test_a_refusal_without_a_problem_says_who_answered(server: Loopback) -> None:
    server.answers = [Answer(500, b"<html>", "text/html")]
    (reply,) = send(server, Call("get_versions"))
    assert reply.status == 500
    assert "answered 500 with no details" in reply.body["detail"]


def test_a_gateway_that_finds_no_server_is_an_unreachable_server(server: Loopback) -> None:
    server.answers = [Answer(502, b"<html>", "text/html")]
    with pytest.raises(ServerUnreachable, match="a gateway before it says 502"):
        send(server, Call("get_versions"))


def test_connections_are_kept_alive(server: Loopback) -> None:
    server.answers = [Answer(body=b"{}")]
    send(server, *[Call("get_versions")] * 5)
    assert (len(server.received), server.connections) == (5, 1)


def test_nobody_listening_is_an_unreachable_server(server: Loopback) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        server.url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(ServerUnreachable, match="cannot be reached"):
            send(server, Call("get_versions"))


def test_a_connection_that_breaks_is_an_unreachable_server(server: Loopback) -> None:
    server.answers = [Answer(cut=True)]
    with pytest.raises(ServerUnreachable, match="cannot be reached"):
        send(server, Call("get_versions"))


def test_a_server_that_does_not_answer_is_an_unreachable_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = Loopback()
        server.url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ServerUnreachable, match="does not answer in time"):
            send(server, Call("get_versions"), answer_seconds=0.05)


def test_something_else_that_answers_is_named(server: Loopback) -> None:
    server.answers = [Answer(body=b"<html>", media="text/html")]
    with pytest.raises(TradewindRuntimeError, match=r"answered with text/html: is this a Tradewind server\?"):
        send(server, Call("get_versions"))
    server.answers = [Answer(body=b"{")]
    with pytest.raises(TradewindRuntimeError, match="broken JSON"):
        send(server, Call("get_versions"))
    server.answers = [Answer(301, headers={"Location": "https://elsewhere"})]
    with pytest.raises(TradewindRuntimeError, match="sends to https://elsewhere"):
        send(server, Call("get_versions"))


@pytest.mark.parametrize("url", ["", "127.0.0.1:8080", "ftp://host", "http://", "http://host:port", "http://[::1"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(TradewindRuntimeError, match="The server URL"):
        server_url(url)


def test_a_url_may_have_a_path_and_a_slash() -> None:
    assert server_url(" https://host/tradewind/ ") == "https://host/tradewind"


def test_a_token_that_cannot_be_a_header_is_refused_without_showing_it(server: Loopback) -> None:
    with pytest.raises(TradewindRuntimeError, match="The token holds characters") as refusal:
        send(server, Call("renew_leases", body={}), credential="sécret\n")
    assert "cret" not in str(refusal.value)
