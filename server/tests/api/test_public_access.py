"""Who may call which route of the public API, and how the API says no."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from tests.api.deployment import Deployment

from tradewind.server.api.problems import MEDIA_TYPE

OPEN = {"/api/v2/version", "/api/v2/monitor/health", "/health", "/health/ready"}


def routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Method and path of every operation that the API describes."""
    for path, item in app.openapi()["paths"].items():
        for method in item:
            yield method.upper(), path.replace("{", "").replace("}", "")


def test_every_route_needs_a_credential_that_may_call_it(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await d.publish("dag", {"a": []})
        await d.call("POST", "/api/v2/dags/dag/dagRuns", {})
        await d.schedule()
        execution = d.token_of(await d.claim())
        viewer, worker = await d.credential("viewer"), await d.credential("worker")
        seen = 0
        for method, path in routes(d.app):
            if path in OPEN:
                assert (await d.call(method, path, token=None)).status in {200, 503}, path
                continue
            seen += 1
            for token, status, reason in (
                (None, 401, "missing_token"),
                ("nonsense", 401, "malformed_token"),
                (execution, 401, "malformed_token"),
                ("tw_" + "A" * 43, 401, "unknown_credential"),
                (worker, 403, "not_allowed"),
            ):
                reply = await d.call(method, path, {}, token=token)
                assert (reply.status, reply.json["reason"]) == (status, reason), (method, path)
            reply = await d.call(method, path, {}, token=viewer)
            if method == "GET":
                assert reply.status not in {401, 403}, path
            else:
                assert (reply.status, reply.json["reason"]) == (403, "not_allowed"), (method, path)
        assert seen > 20

    play(scenario)


def test_what_does_not_exist_is_a_problem_document(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        for method, path, status, reason in (
            ("GET", "/nowhere", 404, "not_found"),
            ("GET", "/api/v2/nowhere", 404, "not_found"),
            ("GET", "/api/v2/dags/none", 404, "not_found"),
            ("GET", "/api/v2/dags/none/dagRuns/none", 404, "not_found"),
            ("GET", "/api/v2/dags/none/dagRuns/none/wait", 404, "not_found"),
            ("GET", "/api/v2/dags/none/dagRuns/none/taskInstances/none/logs/1", 404, "not_found"),
            ("DELETE", "/api/v2/dags/none", 405, "method_not_allowed"),
            ("GET", "/execution/nowhere", 404, "unknown_operation"),
            ("DELETE", "/execution/versions", 405, "method_not_allowed"),
        ):
            reply = await d.call(method, path)
            assert (reply.status, reply.json["reason"]) == (status, reason), path
            assert reply.headers["content-type"] == MEDIA_TYPE
            assert reply.json["action"]

    play(scenario)


def test_a_body_that_is_too_large_is_refused(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        reply = await d.call("POST", "/api/v2/variables", {"key": "k", "value": "x" * 2000})
        assert (reply.status, reply.json["reason"]) == (413, "body_too_large")
        declared = await d.call("POST", "/api/v2/variables", b"{}", content_length="5000")
        assert (declared.status, declared.json["reason"]) == (413, "body_too_large")

    play(scenario, api={"max_body_bytes": 1000})


@pytest.mark.parametrize(
    ("body", "reason", "field"),
    [
        ({"surprise": 1}, "unknown_field", "surprise"),
        ({"dag_run_id": 5}, "wrong_type", "dag_run_id"),
        ({"dag_run_id": ""}, "invalid_value", "dag_run_id"),
        ({"dag_run_id": "a b"}, "invalid_value", None),
        ({"conf": []}, "wrong_type", "conf"),
        ({"logical_date": "2026-01-01T00:00:00"}, "invalid_value", "logical_date"),
        (b'{"conf": {"a": NaN}}', "invalid_value", "conf.a"),
        (b"{", "malformed_body", None),
        (b"[]", "wrong_type", None),
        (None, "missing_field", None),
    ],
)
def test_a_fault_in_a_body_names_the_field(
    play: Callable[..., None], body: Any, reason: str, field: str | None
) -> None:
    async def scenario(d: Deployment) -> None:
        await d.publish("dag", {"a": []})
        reply = await d.call("POST", "/api/v2/dags/dag/dagRuns", body)
        assert (reply.json["reason"], reply.status in {400, 422}) == (reason, True), reply.content
        if field is not None:
            assert reply.json["field"] == field
        assert (await d.get("/api/v2/dags/dag/dagRuns"))["total_entries"] == 0

    play(scenario)


@pytest.mark.parametrize(
    ("query", "field"), [("limit=0", "limit"), ("limit=many", "limit"), ("offset=-1", "offset"), ("paused=x", "paused")]
)
def test_a_fault_in_a_query_names_the_parameter(play: Callable[..., None], query: str, field: str) -> None:
    async def scenario(d: Deployment) -> None:
        reply = await d.call("GET", f"/api/v2/dags?{query}")
        assert (reply.status, reply.json["field"]) == (422, field)

    play(scenario)


def test_an_unexpected_exception_is_a_problem_with_an_incident(
    play: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> None:
        raise ValueError("the password is 1234")

    async def scenario(d: Deployment) -> None:
        d.app.router.routes.append(APIRoute("/broken", broken))
        with caplog.at_level(logging.ERROR), pytest.raises(ValueError, match="1234"):
            await d.call("GET", "/broken")
        assert "incident" in caplog.text

    play(scenario)
