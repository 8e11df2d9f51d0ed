"""What a worker gives its tasks beyond what the server sends."""

from pathlib import Path
from typing import Any

import pytest

from tests.worker.fake_server import FakeServer
from tests.worker.rig import Worker, run_with_server, run_with_worker, working

READ = """
def run(child):
    answer = child.call({operation!r}, {parameters!r})
    print(answer["body"])
    return child.succeed(answer)
"""
KEEP = "def run(child): return child.succeed([child.assignment.get(name) for name in ('xcom_backend', 'xcom_classes')])"


def reading(operation: str, **parameters: str) -> str:
    return READ.format(operation=operation, parameters=parameters)


def value_of(outcome: dict[str, Any]) -> Any:
    return outcome["xcoms"][0]["value"]


@pytest.mark.parametrize(
    ("operation", "parameters", "body"),
    [
        ("get_variable", {"key": "report_to"}, {"key": "report_to", "value": "hidden-word"}),
        (
            "get_connection",
            {"conn_id": "lake"},
            {"conn_id": "lake", "conn_type": "my_sql", "host": "h", "login": "u", "password": "hidden-word"},
        ),
        (
            "get_connection",
            {"conn_id": "Sea"},
            {"conn_id": "Sea", "conn_type": "http", "extra": '{"token": "hidden-word"}'},
        ),
    ],
)
def test_secrets_of_the_workers_environment_come_before_those_of_the_server(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    parameters: dict[str, str],
    body: dict[str, Any],
) -> None:
    monkeypatch.setenv("TRADEWIND_VAR_REPORT_TO", "hidden-word")
    monkeypatch.setenv("TRADEWIND_CONN_LAKE", "my-sql://u:hidden-word@h")
    monkeypatch.setenv("TRADEWIND_CONN_SEA", '{"conn_type": "http", "extra": {"token": "hidden-word"}}')

    async def work(server: FakeServer, worker: Worker) -> None:
        dispatch_id = server.deliver(server.task(reading(operation, **parameters)))
        found = value_of(await server.outcome(dispatch_id))
        assert (found["status"], found["body"]) == (200, body)
        assert server.of(operation) == []
        [record] = server.log(dispatch_id)
        assert "***" in record["message"]
        assert "hidden-word" not in record["message"]

    run_with_worker(tmp_path, work)


def test_what_the_environment_has_not_is_asked_of_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWIND_VAR_OTHER", "x")

    async def work(server: FakeServer, worker: Worker) -> None:
        server.handlers["get_variable"] = lambda call: (200, b'{"key": "k", "value": "v"}')
        outcome = await server.outcome(server.deliver(server.task(reading("get_variable", key="k"))))
        assert value_of(outcome)["body"] == {"key": "k", "value": "v"}
        assert len(server.of("get_variable")) == 1

    run_with_worker(tmp_path, work)


def test_a_connection_of_the_environment_that_is_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWIND_CONN_LAKE", "hidden-word")

    async def work(server: FakeServer, worker: Worker) -> None:
        outcome = await server.outcome(server.deliver(server.task(reading("get_connection", conn_id="lake"))))
        problem = value_of(outcome)["body"]
        assert (problem["status"], problem["reason"]) == (422, "invalid_value")
        assert problem["detail"].startswith("TRADEWIND_CONN_LAKE of the worker's environment is wrong: ")
        assert "hidden-word" not in str(problem)

    run_with_worker(tmp_path, work)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, [None, None]),
        ({"xcom_backend": "acme.xcoms:Store", "xcom_classes": ("acme.*",)}, ["acme.xcoms:Store", ["acme.*"]]),
    ],
)
def test_a_task_is_told_how_its_worker_keeps_xcoms(tmp_path: Path, settings: dict[str, Any], told: list[Any]) -> None:
    async def work(server: FakeServer) -> None:
        async with working(server, tmp_path, **settings):
            await server.until(lambda: server.connections)
            assert value_of(await server.outcome(server.deliver(server.task(KEEP)))) == told

    run_with_server(work)
