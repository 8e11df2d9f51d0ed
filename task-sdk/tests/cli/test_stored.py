"""Rules of the commands of variables, connections and pools."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import EXISTS, UNKNOWN, Program, answer, problem

KINDS = ["variables", "connections", "pools"]
WAREHOUSE = {
    "conn_type": "postgres",
    "host": "db.example.org",
    "login": "etl",
    "password": "s3same",
    "schema": "sales",
    "port": 5432,
}
NOTHING = dict.fromkeys(["conn_type", "description", "host", "login", "password", "schema", "port", "extra"])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "things.json"


def write(file: Path, value: Any) -> str:
    file.write_text(json.dumps(value))
    return str(file)


def test_a_new_variable_is_created(tradewind: Program) -> None:
    tradewind.answers(answer({}, 201))
    done = tradewind("variables", "set", "a/b", "[1]", "--json", "--description", "numbers")
    assert (done.exit_code, done.stdout) == (0, "created a/b\n")
    assert tradewind.sent == [("POST", "/variables", {"key": "a/b", "value": "[1]", "description": "numbers"})]


def test_a_variable_that_exists_is_changed(tradewind: Program) -> None:
    tradewind.answers(EXISTS, {})
    assert tradewind("variables", "set", "a/b", "x").stdout == "changed a/b\n"
    assert tradewind.sent[1] == ("PATCH", "/variables/a%2Fb", {"value": "x"})


def test_get_prints_the_value_alone(tradewind: Program) -> None:
    tradewind.answers({"key": "k", "value": " two\nlines"})
    assert tradewind("variables", "get", "k").stdout == " two\nlines\n"


def test_a_default_stands_for_a_variable_that_does_not_exist_and_for_nothing_else(tradewind: Program) -> None:
    tradewind.answers(UNKNOWN)
    assert tradewind("variables", "get", "k", "-d", "none").stdout == "none\n"
    tradewind.answers(problem(403, "not_allowed"))
    assert tradewind("variables", "get", "k", "-d", "none").exit_code == 3


@pytest.mark.parametrize("arguments", [("get", "k"), ("export", "-")])
def test_a_viewer_sees_no_value(tradewind: Program, arguments: tuple[str, ...]) -> None:
    row = {"key": "k", "value": None, "description": None}
    tradewind.answers({**row, "variables": [row], "total_entries": 1})
    done = tradewind("variables", *arguments)
    assert done.exit_code == 3
    assert "your credential may not see" in done.stderr


def test_a_list_shows_no_values(tradewind: Program) -> None:
    row = {"key": "k", "value": "s3same", "description": "words", "updated_at": None}
    tradewind.answers({"variables": [row], "total_entries": 1})
    for output in ("table", "json"):
        shown = tradewind("variables", "list", "-o", output).stdout
        assert "words" in shown
        assert "s3same" not in shown


@pytest.mark.parametrize("kind", KINDS)
def test_lists_are_read_page_after_page(tradewind: Program, kind: str) -> None:
    rows = [{"key": name, "connection_id": name, "name": name, "description": None} for name in "abc"]
    tradewind.answers({kind: rows[:2], "total_entries": 3}, {kind: rows[2:], "total_entries": 3})
    assert len(json.loads(tradewind(kind, "list", "-o", "json").stdout)) == 3
    assert [path for _, path, _ in tradewind.sent] == [f"/{kind}?limit=1000&offset={offset}" for offset in (0, 2)]


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_does_not_exist_keeps_no_other_from_being_deleted(tradewind: Program, kind: str) -> None:
    tradewind.answers(None, UNKNOWN, None)
    done = tradewind(kind, "delete", "a", "b", "c")
    assert (done.exit_code, done.stdout) == (2, "deleted a\ndeleted c\n")
    assert [(method, path) for method, path, _ in tradewind.sent] == [("DELETE", f"/{kind}/{name}") for name in "abc"]
    assert done.stderr == "Error: There is none.\n"


def test_variables_are_imported_from_json(tradewind: Program, file: Path) -> None:
    things = {"a": "text", "b": {"rows": 3}, "c": {"value": 1, "description": "one"}, "d": {"value": 1, "more": 2}}
    tradewind.answers(answer({}, 201))
    done = tradewind("variables", "import", write(file, things))
    assert (done.exit_code, done.stdout) == (0, "4 variables imported\n")
    assert [body for _, _, body in tradewind.sent] == [
        {"key": "a", "value": "text"},
        {"key": "b", "value": {"rows": 3}},
        {"key": "c", "value": 1, "description": "one"},
        {"key": "d", "value": {"value": 1, "more": 2}},
    ]


def test_variables_are_imported_from_lines(tradewind: Program, tmp_path: Path) -> None:
    file = tmp_path / "prod.env"
    file.write_text("# secrets\n\nA = x=y \nB=\n")
    tradewind.answers(answer({}, 201))
    assert tradewind("variables", "import", str(file)).exit_code == 0
    assert [body for _, _, body in tradewind.sent] == [{"key": "A", "value": "x=y"}, {"key": "B", "value": ""}]


def test_an_import_reads_the_standard_input(tradewind: Program) -> None:
    tradewind.answers(answer({}, 201))
    assert tradewind("pools", "import", "-", given='{"p": {"slots": 2}}').exit_code == 0
    assert tradewind.sent == [("POST", "/pools", {"name": "p", "slots": 2, "include_deferred": False})]


@pytest.mark.parametrize(
    ("how", "ending", "requests"),
    [
        ("overwrite", (0, "2 variables imported\n"), ["POST", "PATCH", "POST"]),
        ("skip", (0, "1 variables imported, 1 skipped\n"), ["POST", "POST"]),
        ("fail", (1, "1 variables imported\n"), ["POST", "POST"]),
    ],
)
def test_an_import_does_with_those_that_exist_what_it_is_told(
    tradewind: Program, file: Path, how: str, ending: tuple[int, str], requests: list[str]
) -> None:
    tradewind.answers(EXISTS, answer({}), answer({}, 201))
    done = tradewind("variables", "import", write(file, {"a": 1, "b": 2}), "--on-existing", how)
    assert (done.exit_code, done.stdout) == ending
    assert [method for method, _, _ in tradewind.sent] == requests
    assert ("a: exists already" in done.stderr) is (how == "fail")


def test_an_import_goes_on_after_one_that_cannot_be(tradewind: Program, file: Path) -> None:
    tradewind.answers(problem(422, "invalid_value", "The key is too long."), answer({}, 201))
    done = tradewind("variables", "import", write(file, {"a": 1, "b": 2}))
    assert (done.exit_code, done.stdout) == (1, "1 variables imported\n")
    assert "a: The key is too long." in done.stderr


def test_an_export_is_its_owners_alone_and_can_be_imported(tradewind: Program, file: Path) -> None:
    file.write_text("old")
    file.chmod(0o644)
    rows = [{"key": "b", "value": "ä", "description": "umlaut"}, {"key": "a", "value": "x", "description": None}]
    tradewind.answers({"variables": rows, "total_entries": 2})
    done = tradewind("variables", "export", str(file))
    assert done.stdout == f"2 variables written to {file}\n"
    assert json.loads(file.read_text()) == {"a": "x", "b": {"value": "ä", "description": "umlaut"}}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    tradewind.answers(answer({}, 201))
    assert tradewind("variables", "import", str(file)).stdout == "2 variables imported\n"


@pytest.mark.parametrize("target", ["nowhere/things.json", "folder"])
def test_an_export_that_cannot_be_written_leaves_nothing(tradewind: Program, tmp_path: Path, target: str) -> None:
    (tmp_path / "folder").mkdir()
    tradewind.answers({"pools": [], "total_entries": 0})
    done = tradewind("pools", "export", str(tmp_path / target))
    assert done.exit_code == 2
    assert "cannot be written" in done.stderr
    assert [path.name for path in tmp_path.rglob("*")] == ["folder"]


def test_a_connection_is_created_from_a_uri(tradewind: Program) -> None:
    tradewind.answers(answer({}, 201))
    uri = "postgres://etl:s3same@db.example.org:5432/sales"
    assert tradewind("connections", "set", "w", "--conn-uri", uri).stdout == "created w\n"
    assert tradewind.sent == [("POST", "/connections", {"connection_id": "w", **WAREHOUSE})]


@pytest.mark.parametrize("way", ["--conn-uri", "--conn-json"])
def test_a_whole_connection_replaces_the_one_that_exists(tradewind: Program, way: str) -> None:
    tradewind.answers(EXISTS, {})
    text = "http://example.org" if way == "--conn-uri" else '{"conn_type": "http", "host": "example.org"}'
    assert tradewind("connections", "set", "w", way, text).stdout == "changed w\n"
    assert tradewind.sent[1][2] == {**NOTHING, "conn_type": "http", "host": "example.org"}


def test_single_fields_change_only_themselves(tradewind: Program) -> None:
    tradewind.answers(EXISTS, {})
    assert tradewind("connections", "set", "w", "--conn-type", "http", "--conn-port", "80").exit_code == 0
    assert tradewind.sent[1] == ("PATCH", "/connections/w", {"conn_type": "http", "port": 80})
    tradewind.server.received.clear()
    tradewind.answers({})
    assert tradewind("connections", "set", "w", "--conn-host", "other").stdout == "changed w\n"
    assert tradewind.sent == [("PATCH", "/connections/w", {"host": "other"})]


def test_a_new_connection_needs_a_type(tradewind: Program) -> None:
    tradewind.answers(UNKNOWN)
    done = tradewind("connections", "set", "w", "--conn-host", "other")
    assert done.exit_code == 2
    assert "--conn-type is needed to create it" in done.stderr


def test_a_password_is_asked_for_and_not_shown(tradewind: Program) -> None:
    tradewind.answers(answer({}, 201))
    done = tradewind("connections", "set", "w", "--conn-type", "x", "--conn-password", "-", given="s3same\n")
    assert done.exit_code == 0
    assert tradewind.sent[0][2]["password"] == "s3same"
    assert "s3same" not in done.output


@pytest.mark.parametrize("uri", ["postgres://etl:s3same@db:port/x", "etl:s3same@db"])
def test_a_wrong_uri_is_refused_without_its_password(tradewind: Program, uri: str) -> None:
    done = tradewind("connections", "set", "w", "--conn-uri", uri)
    assert done.exit_code == 2
    assert "s3same" not in done.output


def test_connections_are_imported_as_uris_and_as_objects(tradewind: Program, file: Path) -> None:
    tradewind.answers(answer({}, 201))
    things = {"a": "postgres://etl:s3same@db.example.org:5432/sales", "b": {"conn_type": "fs", "extra": {"path": "/"}}}
    assert tradewind("connections", "import", write(file, things)).exit_code == 0
    first, second = (body for _, _, body in tradewind.sent)
    assert first == {"connection_id": "a", **WAREHOUSE}
    assert json.loads(second.pop("extra")) == {"path": "/"}
    assert second == {"connection_id": "b", "conn_type": "fs"}


def test_connections_are_exported_with_their_secrets_by_the_route_that_is_noted(tradewind: Program) -> None:
    tradewind.answers({"connections": [{"connection_id": "w", **NOTHING, **WAREHOUSE}]})
    done = tradewind("connections", "export", "-")
    assert json.loads(done.stdout) == {"w": WAREHOUSE}
    assert tradewind.sent == [("POST", "/exports/connections", {})]


def test_a_pool_keeps_what_is_not_given(tradewind: Program) -> None:
    tradewind.answers(EXISTS, {})
    assert tradewind("pools", "set", "p", "3").stdout == "changed p\n"
    assert tradewind.sent[1] == ("PATCH", "/pools/p", {"slots": 3})


def test_a_pool_of_any_size_is_created(tradewind: Program) -> None:
    tradewind.answers(answer({}, 201))
    assert tradewind("pools", "set", "--include-deferred", "p", "--", "-1", "words").stdout == "created p\n"
    assert tradewind.sent[0][2] == {"name": "p", "slots": -1, "description": "words", "include_deferred": True}


def test_the_description_of_the_default_pool_stays(tradewind: Program) -> None:
    tradewind.answers(EXISTS, {})
    assert tradewind("pools", "set", "default_pool", "64", "words").exit_code == 0
    assert tradewind.sent[1][2] == {"slots": 64}


def test_pools_are_exported_as_they_are_imported(tradewind: Program) -> None:
    row = {"name": "p", "slots": 2, "description": None, "include_deferred": False, "open_slots": 1}
    tradewind.answers({"pools": [row], "total_entries": 1})
    assert json.loads(tradewind("pools", "export", "-").stdout) == {
        "p": {"slots": 2, "description": None, "include_deferred": False}
    }
