"""The commands of `tradewind`, as far as they need no server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from tradewind.sdk.cli.lazy import LazyGroup
from tradewind.sdk.cli.main import COMMANDS, tradewind
from tradewind.sdk.cli.output import text_of

GOOD = """
from tradewind.sdk import dag, task

@dag
def numbers():
    @task
    def one():
        return 1

    @task
    def double(value):
        return 2 * value

    double(one())

numbers()
"""
CYCLE = """
from tradewind.sdk import DAG
from tradewind.sdk.standard.operators.empty import EmptyOperator

with DAG("ring"):
    a = EmptyOperator(task_id="a")
    b = EmptyOperator(task_id="b")
    a >> b >> a
"""


def run(*arguments: str, home: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TRADEWIND_")}
    return subprocess.run(
        [sys.executable, "-m", "tradewind.sdk", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**clean, "TRADEWIND_HOME": str(home), **environ},
    )


def check(home: Path, name: str, text: str, *options: str) -> tuple[int, dict[str, Any]]:
    file = home / name
    file.write_text(text)
    done = run("dags", "check", str(file), "-o", "json", *options, home=home)
    return done.returncode, json.loads(done.stdout)[0]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_command_of_the_table_exists(name: str) -> None:
    assert isinstance(tradewind.get_command(click.Context(tradewind), name), click.Command)


def test_help_lists_the_commands_of_other_distributions_without_importing_them() -> None:
    further = {"pods": ("no.such.module:pods", "Look at pods.")}
    group = LazyGroup("tradewind", commands_at=COMMANDS, more_commands=lambda: further)
    context = click.Context(group)
    assert "Look at pods." in group.get_help(context)
    with pytest.raises(ModuleNotFoundError):
        group.get_command(context, "pods")


def test_check_names_the_dags_of_a_good_file(tmp_path: Path) -> None:
    code, report = check(tmp_path, "good.py", GOOD)
    assert code == 0
    assert report["dags"] == [{"dag_id": "numbers", "tasks": 2}]


def test_check_names_file_and_line_of_a_syntax_error(tmp_path: Path) -> None:
    code, report = check(tmp_path, "broken.py", "x = 1\ndef broken(:\n    pass\n")
    assert code == 1
    assert (report["error"]["type"], report["error"]["line"]) == ("SyntaxError", 2)


def test_check_names_the_tasks_of_a_cycle(tmp_path: Path) -> None:
    code, report = check(tmp_path, "ring.py", CYCLE)
    assert code == 1
    assert "cycle" in report["error"]["message"].lower()
    assert report["error"]["line"] == 5


def test_check_gives_up_a_file_that_loops_and_names_the_line(tmp_path: Path) -> None:
    code, report = check(tmp_path, "loop.py", "import time\nx = 0\nwhile True:\n    x += 1\n", "--timeout", "0.5")
    assert code == 1
    assert report["error"]["line"] in {3, 4}


def test_check_survives_a_file_that_ends_its_process(tmp_path: Path) -> None:
    code, report = check(tmp_path, "abrupt.py", "import os\nos._exit(3)\n")
    assert code == 1
    assert report["error"]["message"]


def test_a_file_that_does_not_exist_is_an_error_of_its_own(tmp_path: Path) -> None:
    done = run("dags", "check", str(tmp_path / "nowhere.py"), home=tmp_path)
    assert done.returncode == 1
    assert "no such file" in done.stdout


def test_without_a_server_the_command_says_how_to_start_one(tmp_path: Path) -> None:
    done = run("dags", "list", home=tmp_path)
    assert done.returncode == 3
    assert "tradewind standalone" in done.stderr


def test_a_server_that_does_not_answer_is_named_with_where_its_url_came_from(tmp_path: Path) -> None:
    done = run("dags", "list", home=tmp_path, TRADEWIND_API_URL="http://127.0.0.1:1", TRADEWIND_API_TOKEN="tw_nothing")
    assert done.returncode == 3
    assert "http://127.0.0.1:1 (from TRADEWIND_API_URL)" in done.stderr


def test_conf_that_is_no_object_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    done = run("dags", "trigger", "d", "--conf", "[1]", home=tmp_path, TRADEWIND_API_URL="http://127.0.0.1:1")
    assert done.returncode == 2
    assert "JSON object" in done.stderr


def test_a_worker_without_a_credential_says_which_variable_to_set(tmp_path: Path) -> None:
    done = run("worker", home=tmp_path, TRADEWIND_API_URL="http://127.0.0.1:1")
    assert done.returncode == 2
    assert "TRADEWIND_API_TOKEN" in done.stderr


def test_version_names_sdk_contract_and_python(tmp_path: Path) -> None:
    versions = json.loads(run("version", "-o", "json", home=tmp_path).stdout)
    assert {"tradewind-task-sdk", "contract", "python"} <= set(versions)


def test_doctor_finds_a_secret_that_others_may_read(tmp_path: Path) -> None:
    token = tmp_path / "admin.token"
    token.write_text("tw_x")
    token.chmod(0o644)
    done = run("doctor", home=tmp_path)
    assert done.returncode == 1
    assert "admin.token" in done.stdout


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (True, "yes"), (1.23456, "1.23"), (["a", "b"], "a, b"), ({"a": None}, '{"a": null}'), ("2", "2")],
)
def test_cells_are_readable(value: object, text: str) -> None:
    assert text_of(value) == text


@pytest.mark.parametrize(("redirection", "code"), [(">/dev/full", 1), (">&-", 0)])
def test_an_output_that_takes_nothing_is_no_traceback(redirection: str, code: int) -> None:
    command = f'"$0" -m tradewind.sdk completion bash {redirection}'
    done = subprocess.run(
        ["/bin/sh", "-c", command, sys.executable], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_names_that_the_terminal_cannot_write_are_shown_by_their_numbers(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_text("raise ValueError('\\N{SNOWMAN}')\n")
    done = run("dags", "check", str(file), home=tmp_path, PYTHONIOENCODING="latin-1")
    assert done.returncode == 1
    assert "\\u2603" in done.stdout


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_a_url_of_standalone_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "api.url"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    done = run("dags", "list", home=tmp_path)
    assert done.returncode == 3
    assert f"{file} cannot be read" in done.stderr
    assert "TRADEWIND_API_URL" in done.stderr


def test_a_url_with_a_character_that_no_url_has_is_refused(tmp_path: Path) -> None:
    done = run("dags", "list", home=tmp_path, TRADEWIND_API_URL="http://h\x01", TRADEWIND_API_TOKEN="tw_x")
    assert done.returncode == 3
    assert "must look like" in done.stderr
