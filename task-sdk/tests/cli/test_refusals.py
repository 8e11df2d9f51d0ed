"""Wrong use of each command: a sentence, an exit code, and nothing sent."""

from pathlib import Path

import pytest

from tests.cli.program import UNKNOWN, Program, problem

WRONG = [
    (("no-such-command",), "No such command"),
    (("dags", "show"), "DAG_ID"),
    (("dags", "list", "--limit", "0"), "--limit"),
    (("dags", "list", "-o", "yaml"), "--output"),
    (("dags", "trigger", "d", "--conf", "{"), "--conf is not JSON"),
    (("dags", "trigger", "d", "--conf", "[1]"), "JSON object"),
    (("dags", "trigger", "d", "--conf", "@nowhere.json"), "nowhere.json cannot be read"),
    (("dags", "trigger", "d", "--conf", '{"n": NaN}'), "NaN is no number of JSON"),
    (("dags", "trigger", "d", "--conf", "[" * 100_000), "nested too deep"),
    (("dags", "trigger", "d", "--conf", '{"n": "\\ud800"}'), "no character of UTF-8"),
    (("dags", "trigger", "d", "--run-id", "\udcff"), "no character of UTF-8"),
    (("dags", "versions", "\udcff"), "no character of UTF-8"),
    (("dags", "pause"), "DAG_IDS"),
    (("dags", "unpause"), "DAG_IDS"),
    (("dags", "next-runs", "d", "-n", "0"), "--count"),
    (("dags", "versions", "d", "0"), "NUMBER"),
    (("dags", "versions", "d", "--since", "1"), "name that, too"),
    (("dags", "test", "nowhere.py"), "there is no file nowhere.py"),
    (("runs", "list", "--state", "skipped"), "--state"),
    (("runs", "show"), "DAG_ID"),
    (("runs", "cancel"), "DAG_ID"),
    (("runs", "clear"), "DAG_ID"),
    (("runs", "clear", "d", "r", "extra"), "unexpected extra argument"),
    (("runs", "mark", "d", "r"), "success|failed|skipped"),
    (("runs", "mark", "d", "r", "running"), "'running' is not one of"),
    (("runs", "mark", "d", "r", "skipped"), "a run cannot be marked skipped"),
    (("runs", "mark", "d", "r", "success", "--downstream"), "--downstream need tasks"),
    (("runs", "note", "d", "r"), "TEXT"),
    (("runs", "delete", "d"), "RUN_IDS"),
    (("tasks", "logs", "d", "t", "--try", "0"), "--try"),
    (("tasks", "clear", "d"), "TASK_ID"),
    (("tasks", "state", "d"), "TASK_ID"),
    (("tasks", "why", "d"), "TASK_ID"),
    (("variables", "get"), "KEY"),
    (("variables", "set", "k"), "VALUE"),
    (("variables", "set", "k", "{a}", "--json"), "VALUE is not JSON"),
    (("variables", "delete"), "KEYS"),
    (("variables", "import", "nowhere.json"), "nowhere.json cannot be read"),
    (("variables", "import", "x.json", "--on-existing", "merge"), "--on-existing"),
    (("connections", "set", "c"), "give one of"),
    (("connections", "set", "c", "--conn-uri", "a://b", "--conn-type", "a"), "give one of"),
    (("connections", "set", "c", "--conn-uri", "nothing"), "connection c"),
    (("connections", "set", "c", "--conn-json", "[]"), "--conn-json must be a JSON object"),
    (("connections", "set", "c", "--conn-json", "{"), "--conn-json is not JSON"),
    (("connections", "set", "c", "--conn-json", '{"colour": 1}'), "colour"),
    (("connections", "set", "c", "--conn-type", "x", "--conn-extra", "1"), "--conn-extra must be a JSON object"),
    (("connections", "set", "c", "--conn-type", "x", "--conn-port", "70000"), "--conn-port"),
    (("connections", "delete"), "CONN_IDS"),
    (("connections", "import", "nowhere.json"), "nowhere.json cannot be read"),
    (("pools", "set", "p"), "SLOTS"),
    (("pools", "set", "p", "many"), "SLOTS"),
    (("pools", "set", "p", "--", "-2"), "SLOTS"),
    (("pools", "delete"), "NAMES"),
    (("pools", "import", "pools.yaml"), "not from YAML"),
    (("workers", "drain"), "WORKER"),
    (("completion", "tcsh"), "'tcsh' is not one of"),
]

FILES = [
    ("variables", "x.json", "[1]", "must hold one JSON object of variables"),
    ("variables", "x.json", "{", "is not JSON"),
    ("variables", "x.env", "A=1\nB\n", "line 2: must be KEY=VALUE"),
    ("variables", "x.env", "=1\n", "line 1: must be KEY=VALUE"),
    ("connections", "x.json", '{"c": 1}', "must be a URI or an object"),
    ("connections", "x.env", "c=nothing", "connection c"),
    ("pools", "x.json", '{"p": 1}', "must be an object with slots"),
    ("pools", "x.json", '{"p": {}}', "must be an object with slots"),
]

ASKING = [
    ("dags", "list"),
    ("dags", "show", "d"),
    ("dags", "trigger", "d"),
    ("dags", "pause", "d"),
    ("dags", "unpause", "d"),
    ("dags", "next-runs", "d"),
    ("dags", "versions", "d"),
    ("dags", "import-errors"),
    ("runs", "list"),
    ("runs", "show", "d"),
    ("runs", "cancel", "d"),
    ("runs", "clear", "d", "--yes"),
    ("runs", "mark", "d", "r", "success"),
    ("runs", "mark", "d", "r", "skipped", "--task", "t"),
    ("runs", "trigger", "d"),
    ("runs", "note", "d", "r", "words"),
    ("runs", "delete", "d", "r", "--yes"),
    ("tasks", "list", "d"),
    ("tasks", "state", "d", "t"),
    ("tasks", "clear", "d", "t", "--yes"),
    ("tasks", "show", "d", "t"),
    ("tasks", "logs", "d", "t"),
    ("tasks", "why", "d", "t"),
    ("variables", "list"),
    ("variables", "get", "k"),
    ("variables", "set", "k", "v"),
    ("variables", "delete", "k"),
    ("variables", "export", "-"),
    ("connections", "list"),
    ("connections", "get", "c"),
    ("connections", "set", "c", "--conn-type", "x"),
    ("connections", "set", "c", "--conn-host", "h"),
    ("connections", "delete", "c"),
    ("connections", "export", "-"),
    ("pools", "list"),
    ("pools", "get", "p"),
    ("pools", "set", "p", "1"),
    ("pools", "delete", "p"),
    ("pools", "export", "-"),
    ("workers", "list"),
    ("workers", "drain", "w"),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG, ids=[ascii(" ".join(one))[:60] for one, _ in WRONG])
def test_wrong_use_is_refused_before_anything_is_sent(
    tradewind: Program, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(tradewind.home)
    done = tradewind(*arguments)
    assert done.exit_code == 2
    assert words in done.stderr
    assert tradewind.sent == []


@pytest.mark.parametrize(("kind", "name", "text", "words"), FILES)
def test_a_file_of_something_else_is_refused_before_anything_is_sent(
    tradewind: Program, kind: str, name: str, text: str, words: str
) -> None:
    file = tradewind.home / name
    file.write_text(text)
    done = tradewind(kind, "import", str(file))
    assert done.exit_code == 2
    assert words in done.stderr
    assert tradewind.sent == []


def test_a_file_that_is_no_text_is_refused(tradewind: Program) -> None:
    file = tradewind.home / "x.json"
    file.write_bytes(b'{"a": "\xff"}')
    done = tradewind("variables", "import", str(file))
    assert done.exit_code == 2
    assert "is not UTF-8" in done.stderr


@pytest.mark.parametrize("arguments", ASKING, ids=" ".join)
def test_a_name_that_does_not_exist_is_wrong_use(tradewind: Program, arguments: tuple[str, ...]) -> None:
    tradewind.answers(UNKNOWN)
    done = tradewind(*arguments)
    assert done.exit_code == 2
    assert "There is none." in done.stderr


@pytest.mark.parametrize("arguments", ASKING, ids=" ".join)
def test_a_credential_that_may_not_is_no_wrong_use(tradewind: Program, arguments: tuple[str, ...]) -> None:
    tradewind.answers(problem(403, "not_allowed", "A viewer may only read."))
    done = tradewind(*arguments)
    assert done.exit_code == 3
    assert "A viewer may only read." in done.stderr


@pytest.mark.parametrize("arguments", ASKING, ids=" ".join)
def test_a_server_that_is_away_is_named(tradewind: Program, arguments: tuple[str, ...]) -> None:
    done = tradewind.alone(*arguments)
    assert done.exit_code == 3
    assert "http://127.0.0.1:1 (from TRADEWIND_API_URL) cannot be reached" in done.stderr


def test_an_import_ends_at_a_credential_that_may_not(tradewind: Program, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text('{"a": 1, "b": 2}')
    tradewind.answers(problem(403, "not_allowed", "A viewer may only read."))
    assert tradewind("variables", "import", str(file)).exit_code == 3
    assert len(tradewind.sent) == 1
