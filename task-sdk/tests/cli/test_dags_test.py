"""Rules of `dags test`: a run of a file, here, without a server."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TWO_DAGS = """
from tradewind.sdk import DAG, Connection, Variable, task

print("imported")

with DAG("first", params={"rows": 1}) as first:

    @task
    def load(params, dag_run):
        print("loading")
        if params["rows"] < 1:
            raise ValueError("no rows")
        return [params["rows"], str(dag_run.logical_date)]

    @task
    def send(found):
        return [Variable.get("to"), Connection.get("mail").host]

    send(load())

with DAG("second") as second:

    @task
    def step():
        return 1

    step()
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "two.py"
    path.write_text(TWO_DAGS)
    (tmp_path / "variables.json").write_text('{"to": "ops"}')
    (tmp_path / "connections.json").write_text('{"mail": "smtp://mail.example.org"}')
    return path


def run(file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TRADEWIND_")}
    return subprocess.run(
        [sys.executable, "-m", "tradewind.sdk", "dags", "test", file.name, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=file.parent,
        env={**clean, "TRADEWIND_HOME": str(file.parent)},
    )


SECRETS = ("--variables", "variables.json", "--connections", "connections.json")


def test_a_run_that_goes_well_ends_with_0_and_its_json_is_pure(file: Path) -> None:
    done = run(file, "first", *SECRETS, "--conf", '{"rows": 5}', "--logical-date", "2026-03-01", "-o", "json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["state"], answer["dag_id"]) == ("success", "first")
    assert [one["state"] for one in answer["task_instances"]] == ["success", "success"]
    assert "2026-03-01T00:00:00+00:00" in answer["dag_run_id"]
    assert "loading" in done.stderr


def test_a_run_that_fails_ends_with_1_and_says_why(file: Path) -> None:
    done = run(file, "first", *SECRETS, "--conf", '{"rows": 0}')
    assert done.returncode == 1
    assert "no rows" in done.stdout
    assert "upstream_failed" in done.stdout


def test_tasks_that_fit_the_pattern_are_not_run(file: Path) -> None:
    done = run(file, "first", "--mark-success-pattern", "load|send")
    assert done.returncode == 0, done.stderr
    assert "loading" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "two.py declares these DAGs: first, second; name one of them"),
        (("third",), "two.py declares these DAGs: first, second; name one of them"),
        (("second", "--conf", "1"), "JSON object"),
        (("second", "--logical-date", "soon"), "--logical-date 'soon' is not ISO 8601"),
        (("second", "--mark-success-pattern", "("), "no regular expression"),
        (("second", "--variables", "nowhere.json"), "nowhere.json, cannot be read"),
        (("second", "--connections", "two.py"), "is no JSON"),
    ],
)
def test_wrong_use_is_refused(file: Path, arguments: tuple[str, ...], words: str) -> None:
    done = run(file, *arguments)
    assert done.returncode == 2
    assert words in done.stderr


def test_a_file_that_cannot_be_imported_is_a_failure_with_its_line(file: Path) -> None:
    file.write_text("import os\n\n1 / 0\n")
    done = run(file)
    assert done.returncode == 1
    assert "two.py, line 3: ZeroDivisionError" in done.stderr


def test_a_file_without_a_dag_has_none_to_test(file: Path) -> None:
    file.write_text("x = 1\n")
    done = run(file)
    assert done.returncode == 2
    assert "declares no DAG" in done.stderr


def test_the_files_of_secrets_serve_the_import_too(tmp_path: Path) -> None:
    path = tmp_path / "top.py"
    path.write_text(
        "from tradewind.sdk import DAG, Connection, Variable, task\n"
        "to, host = Variable.get('to'), Connection.get('mail').host\n"
        "with DAG('top'):\n"
        "    task(task_id='t')(lambda: print('it is', to, host))()\n"
    )
    (tmp_path / "variables.json").write_text('{"to": "ops"}')
    (tmp_path / "connections.json").write_text('{"mail": "smtp://mail.example.org"}')
    done = run(path, "--variables", "variables.json", "--connections", "connections.json")
    assert done.returncode == 0, done.stderr
    assert "it is ops mail.example.org" in done.stdout + done.stderr
    done = run(path)
    assert done.returncode == 1
    assert "top.py, line 2: VariableNotFound: There is no variable 'to'." in done.stderr
    assert "TRADEWIND_VAR_TO" in done.stderr
