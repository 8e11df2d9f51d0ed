"""A DAG file that is broken in whatever way is named with its line, and hurts nothing but itself."""

from typing import Any

import pytest

from tests.e2e.processes import eventually
from tests.e2e.system import System

HEAD = "from tradewind.sdk import DAG\nfrom tradewind.sdk.standard.operators.empty import EmptyOperator\n"
HEALTHY = HEAD + 'with DAG(dag_id="{dag_id}"):\n    EmptyOperator(task_id="only")\n'
BROKEN: dict[str, tuple[str, set[int | None], str]] = {
    # File to its text, the lines of which one is to blame, and a word of the reason.
    "does_not_compile.py": (HEAD + "with DAG(dag_id='never') as dag\n    pass\n", {3}, "SyntaxError"),
    "raises.py": (HEAD + "\n\n1 / 0\n", {5}, "ZeroDivisionError"),
    "has_a_cycle.py": (
        HEAD
        + "with DAG(dag_id='round'):\n"
        + "    one, two = EmptyOperator(task_id='one'), EmptyOperator(task_id='two')\n"
        + "    one >> two >> one\n",
        {3, 5},
        "cycle",
    ),
    "loops.py": (HEAD + "total = 0\nwhile True:\n    total += 1\n", {4, 5}, "1 s"),
    "exits.py": (HEAD + "import os\nos._exit(3)\n", {None}, "code 3"),
    "crashes.py": (HEAD + "import os\nos.kill(os.getpid(), 11)\n", {4, None}, "SIGSEGV"),
}


@pytest.fixture
def broken(sqlite_system: System) -> System:
    """A system whose folder holds every broken file and a healthy one."""
    sqlite_system.setting("DAGS__PARSE_TIMEOUT_SECONDS", "1")
    for name, (text, _, _) in BROKEN.items():
        (sqlite_system.dags / name).write_text(text)
    (sqlite_system.dags / "healthy.py").write_text(HEALTHY.format(dag_id="healthy"))
    sqlite_system.standalone()
    return sqlite_system


def import_errors(system: System) -> dict[str, dict[str, Any]]:
    answer = system.tradewind("dags", "import-errors", "-o", "json")
    assert answer.code == 0, answer.output
    return {error["filename"]: error for error in answer.json}


def place(name: str, line: int | None) -> str:
    return f"{name}:{line}: " if line else f"{name}: "


def test_each_error_names_file_line_and_reason_and_other_files_work(broken: System) -> None:
    run_id = broken.trigger("healthy")
    assert broken.wait_for_end("healthy", run_id) == "success"

    errors = eventually(
        "all import errors", lambda: found if (found := import_errors(broken)).keys() == BROKEN.keys() else None
    )

    shown = broken.tradewind("dags", "import-errors").output
    for name, (_, lines, reason) in BROKEN.items():
        assert errors[name]["line"] in lines, errors[name]
        assert reason in f"{errors[name]['type']}: {errors[name]['message']}", errors[name]
        assert any(line.startswith(place(name, errors[name]["line"])) for line in shown.splitlines()), shown
    assert [dag["dag_id"] for dag in broken.listed_dags()] == ["healthy"]


def test_a_mended_file_loses_its_error_and_gets_its_dag(broken: System) -> None:
    eventually("the error", lambda: "raises.py" in import_errors(broken))

    (broken.dags / "raises.py").write_text(HEALTHY.format(dag_id="mended"))

    broken.wait_for_dag("mended")
    assert "raises.py" not in import_errors(broken)


def test_a_check_without_a_server_says_the_same(sqlite_system: System) -> None:
    for name, (text, lines, reason) in BROKEN.items():
        path = sqlite_system.dags / name
        path.write_text(text)
        answer = sqlite_system.tradewind("dags", "check", "--timeout", "1", str(path))
        assert answer.code == 1
        assert reason in answer.output
        assert any(place(name, line) in answer.output for line in lines), answer.output
    good = sqlite_system.dags / "healthy.py"
    good.write_text(HEALTHY.format(dag_id="healthy"))
    answer = sqlite_system.tradewind("dags", "check", str(good))
    assert (answer.code, "healthy, 1 tasks" in answer.output) == (0, True)
