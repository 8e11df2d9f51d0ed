"""Rules of secrets for DAG files that no worker imports: what is looked at, in which order, and what an error says."""

import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tradewind.sdk import Connection, Variable
from tradewind.sdk.authoring.secret_source import reading_from
from tradewind.sdk.exceptions import ConnectionNotFound, VariableNotFound
from tradewind.sdk.local import LocalDeployment
from tradewind.sdk.local.outside import OutsideSource

OF_SERVER: Mapping[str, str | None] = {"site": "of the server", "north/a b": "slashes", "hidden": None}


class Answers(BaseHTTPRequestHandler):
    """The public API as far as it is asked here."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].removeprefix("/api/v2/variables").replace("%20", " ").strip("/")
        if not path:
            everything = [{"key": key, "value": value} for key, value in OF_SERVER.items()]
            self.answer(200, {"variables": everything, "total_entries": len(everything)})
        elif path in OF_SERVER:
            self.answer(200, {"key": path, "value": OF_SERVER[path]})
        else:
            self.answer(404, {"reason": "not_found", "detail": "there is none", "title": "Not found", "status": 404})

    def answer(self, status: int, body: Any) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()
        thread.join()


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment that knows of no server."""
    return {"TRADEWIND_HOME": str(tmp_path)}


def test_files_come_before_the_environment_and_the_environment_before_the_server(
    server: str, home: dict[str, str]
) -> None:
    environ = {**home, "TRADEWIND_API_URL": server, "TRADEWIND_API_TOKEN": "t", "TRADEWIND_VAR_SITE": "environment"}
    given = LocalDeployment(variables={"site": "file"})
    assert OutsideSource(environ, given).get_variable("site") == "file"
    assert OutsideSource(environ).get_variable("site") == "environment"
    del environ["TRADEWIND_VAR_SITE"]
    source = OutsideSource(environ, LocalDeployment(variables={"own": "1"}))
    assert source.get_variable("site") == "of the server"
    assert source.get_variable("north/a b") == "slashes"
    assert source.get_variable("nowhere") is None
    assert source.list_variable_keys() == ["hidden", "north/a b", "own", "site"]
    assert source.list_variable_keys("north/") == ["north/a b"]


def test_the_server_that_standalone_left_is_asked(server: str, home: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "api.url").write_text(f"{server}\n")
    (tmp_path / "admin.token").write_text("t\n")
    assert OutsideSource(home).get_variable("site") == "of the server"


def test_a_program_that_a_task_has_started_asks_no_server(server: str, home: dict[str, str]) -> None:
    environ = {**home, "TRADEWIND_API_URL": server, "TRADEWIND_API_TOKEN": "t", "TRADEWIND_CTX_DAG_ID": "d"}
    with reading_from(OutsideSource(environ)), pytest.raises(VariableNotFound, match="asks no server"):
        Variable.get("site")


def test_connections_are_in_files_and_in_the_environment(home: dict[str, str]) -> None:
    environ = {**home, "TRADEWIND_CONN_SHOP": "https://shop.example/v2"}
    with reading_from(OutsideSource(environ, LocalDeployment(connections={"mail": Connection("mail", "smtp")}))):
        assert Connection.get("shop").host == "shop.example"
        assert Connection.get("mail").conn_type == "smtp"
        with pytest.raises(ConnectionNotFound, match="TRADEWIND_CONN_WAREHOUSE, or in a file of connections"):
            Connection.get("warehouse")


@pytest.mark.parametrize(
    ("key", "settings", "why"),
    [
        ("x", {}, "no server is configured (TRADEWIND_API_URL and TRADEWIND_API_TOKEN)"),
        ("x", {"TRADEWIND_API_URL": "SERVER", "TRADEWIND_API_TOKEN": "t"}, "has none"),
        ("hidden", {"TRADEWIND_API_URL": "SERVER", "TRADEWIND_API_TOKEN": "t"}, "to an admin's credential only"),
        ("x", {"TRADEWIND_API_URL": "http://127.0.0.1:1", "TRADEWIND_API_TOKEN": "t"}, "cannot be reached"),
        ("x", {"TRADEWIND_API_URL": "nonsense", "TRADEWIND_API_TOKEN": "t"}, "must look like"),
    ],
)
def test_a_variable_that_is_nowhere_has_its_default_or_an_error_that_says_why(
    server: str, home: dict[str, str], key: str, settings: dict[str, str], why: str
) -> None:
    environ = home | {name: server if value == "SERVER" else value for name, value in settings.items()}
    with reading_from(OutsideSource(environ)):
        assert Variable.get(key, default="instead") == "instead"
        with pytest.raises(VariableNotFound) as missing:
            Variable.get(key)
    assert why in str(missing.value)
    assert f"TRADEWIND_VAR_{key.upper()}" in str(missing.value)
