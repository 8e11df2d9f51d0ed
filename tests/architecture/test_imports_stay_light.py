"""What a DAG file imports is paid by every task, so it brings no network client and no model library."""

import subprocess
import sys

from tests.architecture.repository import hand_written, imported_packages

HEAVY = {"click", "fastapi", "httpx", "pydantic", "rich", "sqlalchemy", "websockets"}
AUTHORING = "from tradewind.sdk import DAG, dag, task"


def imported_by(statement: str) -> set[str]:
    """Name the top-level packages that a fresh interpreter holds after a statement."""
    program = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return set(answer.stdout.split())


def test_authoring_imports_nothing_heavy() -> None:
    assert imported_by(AUTHORING) & HEAVY == set()


def test_httpx_is_imported_in_one_module_of_the_sdk() -> None:
    sources = [name for name in hand_written(".py") if name.startswith("task-sdk/src/")]
    assert [name for name in sources if "httpx" in imported_packages(name)] == [
        "task-sdk/src/tradewind/sdk/client/http.py"
    ]
