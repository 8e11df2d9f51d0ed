"""What the documentation shows is run: DAG files by `dags check`, and console commands in the order of their page."""

import os
import re
from pathlib import Path

import pytest

from tests.e2e.processes import eventually, program
from tests.e2e.system import System, read

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "guide").glob("*.md"))
BLOCK = re.compile(r"^```(?P<kind>\w+)(?: file=(?P<file>\S+))?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
EXIT = re.compile(r"\s+# exit (?P<code>\d+)$")


def blocks(page: Path, kind: str) -> list[tuple[str | None, str]]:
    """Return the fenced blocks of a kind: the file that each is, if it is one, and its text."""
    found = BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [(match["file"], match["text"]) for match in found if match["kind"] == kind]


def commands(page: Path) -> list[tuple[str, int]]:
    """Return the commands of the console blocks of a page, each with the exit code that it must have."""
    found = []
    for _, text in blocks(page, "console"):
        for line in text.splitlines():
            assert line.startswith("$ "), f"{page.name}: a console block holds commands only, not {line!r}"
            code = EXIT.search(line)
            found.append((EXIT.sub("", line[2:]), int(code["code"]) if code else 0))
    return found


def write_files(page: Path, folder: Path) -> list[Path]:
    """Write the files of a page, and return those that are DAG files."""
    written = []
    for file, text in [*blocks(page, "python"), *(block for block in blocks(page, "sh") if block[0])]:
        assert file is not None, f"{page.name}: a python block names its file"
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        if path.parent.name == "dags" and path.suffix == ".py":
            written.append(path)
    return written


def test_the_dag_of_the_readme_is_one(sqlite_system: System) -> None:
    path = sqlite_system.directory / "readme.py"
    (_, text), *others = blocks(ROOT / "README.md", "python")
    path.write_text(text, encoding="utf-8")
    assert others == []
    assert sqlite_system.tradewind("dags", "check", str(path)).code == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_of_the_guide_does_what_it_shows(page: Path, sqlite_system: System) -> None:
    files = write_files(page, sqlite_system.directory)
    for file in files:
        assert sqlite_system.tradewind("dags", "check", str(file)).code == 0
    if not commands(page):
        return
    sqlite_system.standalone()
    if files:
        eventually("the DAGs of the page", lambda: len(sqlite_system.listed_dags()) == len(files))
    environment = {
        **sqlite_system.environment,
        "PATH": os.pathsep.join([str(Path(program("tradewind")).parent), os.environ.get("PATH", os.defpath)]),
        "TRADEWIND_API_URL": read(sqlite_system.home / "api.url"),
        "TRADEWIND_API_TOKEN": read(sqlite_system.home / "admin.token"),
    }
    for command, code in commands(page):
        answer = sqlite_system.call(["sh", "-c", command], environment)
        assert answer.code == code, f"{command}\n{answer.output}"


def test_the_secret_of_the_guide_is_masked(sqlite_system: System) -> None:
    page = ROOT / "docs" / "guide" / "secrets.md"
    password = re.findall(r'"password": "([^"]+)"', page.read_text(encoding="utf-8"))
    assert len(password) == 1
    write_files(page, sqlite_system.directory)
    sqlite_system.standalone()
    sqlite_system.api.post("variables", body={"key": "report_to", "value": "ops@example.org"})
    sqlite_system.api.post(
        "connections", body={"connection_id": "warehouse", "conn_type": "x", "password": password[0]}
    )
    run_id = sqlite_system.trigger("secrets")
    assert sqlite_system.wait_for_end("secrets", run_id) == "success"
    log = sqlite_system.tradewind("tasks", "logs", "secrets", "load", run_id).output
    assert "***" in log
    assert password[0] not in log
