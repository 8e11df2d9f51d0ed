"""Every import rule of pyproject.toml refuses what it is there to refuse."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.repository import ROOT

# The least tree that the rules speak of: each module holds what it is allowed to import.
ALLOWED = {
    "server/store/engine": "import alembic, psycopg, pysqlite3, sqlalchemy",
    "server/domain/states": "import enum",
    "server/executors/protocol": "",
    "server/api/app": "import fastapi",
    "server/scheduler/loop": "from tradewind.server.store import engine",
    "sdk/authoring/dag": "",
    "sdk/standard/bash": "from tradewind.sdk.authoring import dag",
    "sdk/client/http": "import httpx",
    "sdk/worker/session": "import websockets",
}
VIOLATIONS = {
    "server-layers": ("server/store/jobs", "from tradewind.server.api import app"),
    "sdk-layers": ("sdk/standard/http", "from tradewind.sdk.worker import session"),
    "sdk-and-server": ("sdk/worker/local", "import tradewind.server.api.app"),
    "sql-in-store": ("server/scheduler/claims", "import sqlalchemy"),
    "domain-is-pure": ("server/domain/clock", "import time"),
    "authoring-is-light": ("sdk/authoring/secrets", "from tradewind.sdk.client import http"),
    "one-http-module": ("sdk/worker/upload", "import httpx"),
    "one-session-module": ("sdk/client/socket", "import websockets.sync.client"),
    "no-cycles": ("server/scheduler/first", "from tradewind.server.scheduler import second"),
}
OTHER_HALF_OF_THE_CYCLE = ("server/scheduler/second", "def late():\n    from tradewind.server.scheduler import first")


def check(folder: Path, modules: dict[str, str], rule: str) -> str:
    """Write the modules below a folder, check one rule on them, and return the complaint, nothing if all is well."""
    for name, text in modules.items():
        path = folder / "tradewind" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        for package in (path.parent, path.parent.parent):
            if package.name != "tradewind":
                (package / "__init__.py").touch()
        path.write_text(text + "\n")
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"]
    answer = subprocess.run(
        [*command, "--config", str(ROOT / "pyproject.toml"), "--no-cache", "--contract", rule],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert ("BROKEN" in answer.stdout) == (answer.returncode != 0), answer.stdout + answer.stderr
    return answer.stdout if answer.returncode else ""


@pytest.mark.parametrize("rule", VIOLATIONS)
def test_a_rule_keeps_what_is_allowed_and_refuses_its_violation(rule: str, tmp_path: Path) -> None:
    assert check(tmp_path, ALLOWED, rule) == ""

    name, text = VIOLATIONS[rule]
    assert check(tmp_path, {name: text, OTHER_HALF_OF_THE_CYCLE[0]: OTHER_HALF_OF_THE_CYCLE[1]}, rule) != ""
