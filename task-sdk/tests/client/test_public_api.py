"""Rules of calls of the public API, against a real server."""

import json
import threading
from collections.abc import Iterator

import pytest

from tests.client.loopback import Answer, Loopback
from tradewind.sdk.client.calls import ProblemError
from tradewind.sdk.client.http import PublicApi
from tradewind.sdk.exceptions import ServerUnreachable

PROBLEM = json.dumps(
    {
        "type": "x",
        "title": "Not found",
        "status": 404,
        "detail": "There is no DAG 'x'.",
        "reason": "not_found",
        "field": "dag_id",
        "action": "Look at the list.",
    }
).encode()


def test_answers_come_as_plain_values(server: Loopback) -> None:
    server.answers = [Answer(body=b'{"dags": []}'), Answer(201, b'{"a": 1}'), Answer(body=b"{}"), Answer(204)]
    with PublicApi(server.url, "token") as api:
        assert api.get("/api/v2/dags", limit=5, state=["a", "b"], tags=None) == {"dags": []}
        assert api.post("/api/v2/dags/x/dagRuns", {"conf": {"ü": 1}}) == {"a": 1}
        assert api.patch("/api/v2/dags/x", {"is_paused": True}) == {}
        api.delete("/api/v2/variables/x")
    assert [(request.method, request.path) for request in server.received] == [
        ("GET", "/api/v2/dags?limit=5&state=a&state=b"),
        ("POST", "/api/v2/dags/x/dagRuns"),
        ("PATCH", "/api/v2/dags/x"),
        ("DELETE", "/api/v2/variables/x"),
    ]
    assert {request.headers["Authorization"] for request in server.received} == {"Bearer token"}
    assert json.loads(server.received[1].body) == {"conf": {"ü": 1}}
    assert server.connections == 1


def test_a_refusal_is_an_error_with_all_that_the_server_said(server: Loopback) -> None:
    server.answers = [Answer(404, PROBLEM, "application/problem+json")]
    with PublicApi(server.url, None) as api, pytest.raises(ProblemError) as refused:
        api.get("/api/v2/dags/x")
    problem = refused.value
    assert (problem.status, problem.reason, problem.detail) == (404, "not_found", "There is no DAG 'x'.")
    assert (problem.field, problem.action, problem.is_transient) == ("dag_id", "Look at the list.", False)
    assert "Authorization" not in server.received[0].headers


def test_lines_are_read_as_they_come(server: Loopback) -> None:
    seen = threading.Event()

    def chunks() -> Iterator[bytes]:
        yield b'{"state": "running"}\n'
        assert seen.wait(30)
        yield b'\n{"state": '
        yield b'"success"}\n'

    server.answers = [Answer(media="application/x-ndjson", chunks=chunks)]
    states = []
    with PublicApi(server.url, None) as api:
        for line in api.stream("/api/v2/wait", interval=1):
            states.append(line["state"])
            seen.set()
    assert states == ["running", "success"]
    assert server.received[0].path == "/api/v2/wait?interval=1"


def test_a_stream_that_is_refused_is_an_error(server: Loopback) -> None:
    server.answers = [Answer(404, PROBLEM, "application/problem+json")]
    with PublicApi(server.url, None) as api, pytest.raises(ProblemError, match="There is no DAG"):
        next(api.stream("/api/v2/wait"))


def test_a_stream_that_breaks_is_an_unreachable_server(server: Loopback) -> None:
    server.answers = [Answer(body=b'{"state": "running"}\n', headers={"X": "y"}), Answer(cut=True)]
    with PublicApi(server.url, None) as api:
        assert list(api.stream("/api/v2/wait")) == [{"state": "running"}]
        with pytest.raises(ServerUnreachable):
            list(api.stream("/api/v2/wait"))
