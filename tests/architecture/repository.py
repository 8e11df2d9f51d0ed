"""What is in this repository: its files, and the functions of its Python sources."""

import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE_TREES = ("server/src/", "task-sdk/src/")
_GENERATED_MARK = re.compile(r"^(#|//) Code generated .*DO NOT EDIT", re.MULTILINE)


@dataclass(frozen=True)
class Function:
    """A function and its length in lines, without its docstring: documentation is never too long to keep."""

    file: str
    name: str
    lines: int

    def __str__(self) -> str:
        return f"{self.file}: {self.name} has {self.lines} lines"


@cache
def files() -> tuple[str, ...]:
    """Every file that is, or would be, in a commit, by its path from the top."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return tuple(name for name in sorted(listed.split("\0")) if name and (ROOT / name).is_file())


def read(name: str) -> str | None:
    """Return a file's text, None where it is not text."""
    try:
        return (ROOT / name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def hand_written(*suffixes: str) -> Iterator[str]:
    """Name the sources with these suffixes that people write: neither generated nor a database migration."""
    for name in files():
        if not name.endswith(suffixes) or "/migrations/versions/" in name or "/_generated/" in name:
            continue
        if not _GENERATED_MARK.search((read(name) or "")[:400]):
            yield name


def functions(name: str) -> Iterator[Function]:
    """Measure the functions and methods of one Python file."""
    for node in ast.walk(ast.parse((ROOT / name).read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            yield Function(name, node.name, length - _docstring_lines(node))


def _docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    if ast.get_docstring(node, clean=False) is None:
        return 0
    return (node.body[0].end_lineno or 0) - node.body[0].lineno + 1


def imported_packages(name: str) -> set[str]:
    """Name the top-level packages that a Python file imports, inside functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / name).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found
