"""Runs a function with another Python interpreter: its source, its arguments and its result go through files."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pickle
import sys
import tempfile
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from tradewind.sdk.exceptions import DagAuthoringError, TradewindException, TradewindSkipException
from tradewind.sdk.standard.shell import ShellCommand

SERIALIZERS = {"pickle": "pickle", "cloudpickle": "cloudpickle", "dill": "dill"}
"""How arguments and result travel, with the module that does it. The other interpreter needs it; where the worker has
none, pickle stands in for it here: the others read what pickle writes, and write plain values as pickle does."""

_SCRIPT = """\
from __future__ import annotations

import json as _json
import sys as _sys
import traceback as _traceback
import {serializer} as _serializer

with open(_sys.argv[3], encoding="utf-8") as _file:
    virtualenv_string_args = _json.load(_file)

{source}

try:
    with open(_sys.argv[1], "rb") as _file:
        _given = _serializer.load(_file)
    _result = {name}(*_given["args"], **_given["kwargs"])
    with open(_sys.argv[2], "wb") as _file:
        _serializer.dump(_result, _file)
except Exception as _error:
    _traceback.print_exc()
    with open(_sys.argv[4], "w", encoding="utf-8") as _file:
        _json.dump({{"type": type(_error).__name__, "message": str(_error)}}, _file)
    _sys.exit(1)
"""


@dataclass(frozen=True)
class ForeignCall:
    """A call of a function in another interpreter.

    Attributes:
        function: the function; its source is all that the other interpreter gets of the DAG file.
        args: its positional arguments.
        kwargs: its keyword arguments.
        string_args: texts that the function finds as `virtualenv_string_args`.
        serializer: a key of `SERIALIZERS`.
        skip_on_exit_code: exit codes by which the task ends as skipped.
    """

    function: Callable[..., Any]
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    string_args: Sequence[str] = ()
    serializer: str = "pickle"
    skip_on_exit_code: frozenset[int] = frozenset()

    def run(self, python: str, environment: Mapping[str, str], on_line: Callable[[str], None]) -> Any:
        """Call the function and return what it returns.

        Args:
            python: the interpreter.
            environment: its whole environment.
            on_line: called with each line that it writes.

        Raises:
            TradewindSkipException: it ended with an exit code that says so.
            TradewindException: the function raised an exception, or an argument or the result cannot travel.
        """
        with tempfile.TemporaryDirectory(prefix="tradewind") as folder:
            place = Path(folder)
            self._write(place)
            paths = [str(place / name) for name in ("script.py", "input", "output", "strings.json", "error.json")]
            command = ShellCommand([python, *paths], environment=environment, directory=folder, encoding="utf-8")
            code = command.run(on_line).exit_code
            if code in self.skip_on_exit_code:
                raise TradewindSkipException(f"The process exited with code {code}. Skipping.")
            if code:
                raise TradewindException(self._failure(place / "error.json", code))
            return self._result(place / "output")

    def _write(self, place: Path) -> None:
        script = _SCRIPT.format(
            serializer=SERIALIZERS[self.serializer], source=source_of(self.function), name=self.function.__name__
        )
        (place / "script.py").write_text(script, encoding="utf-8")
        (place / "strings.json").write_text(json.dumps([str(text) for text in self.string_args]), encoding="utf-8")
        module = self._module()
        try:
            data = module.dumps({"args": list(self.args), "kwargs": dict(self.kwargs)})
        except Exception as error:
            raise TradewindException(
                f"The arguments of {self.function.__name__}() cannot be passed on by {module.__name__}: {error}."
                f"{self._remedy(module)}"
            ) from error
        (place / "input").write_bytes(data)

    def _result(self, path: Path) -> Any:
        module = self._module()
        try:
            with path.open("rb") as file:
                return module.load(file)
        except Exception as error:
            raise TradewindException(
                f"What {self.function.__name__}() returned cannot be read back by {module.__name__}: {error}. "
                f"Return values of types that this worker's Python knows, too.{self._remedy(module)}"
            ) from error

    def _failure(self, path: Path, code: int) -> str:
        if not path.exists():
            return f"Process returned non-zero exit status {code}."
        told = json.loads(path.read_text(encoding="utf-8"))
        return f"{self.function.__name__}() raised {told['type']}: {told['message']}"

    def _module(self) -> Any:
        try:
            return importlib.import_module(SERIALIZERS[self.serializer])
        except ModuleNotFoundError:
            return pickle

    def _remedy(self, used: ModuleType) -> str:
        name = SERIALIZERS[self.serializer]
        return "" if used.__name__ == name else f" The package {name} is not installed on this worker; install it."


def source_of(function: Callable[..., Any]) -> str:
    """The source of a function without its decorators.

    Raises:
        DagAuthoringError: it has none, or is a lambda.
    """
    name = getattr(function, "__name__", "")
    try:
        text = textwrap.dedent(inspect.getsource(function))
        (node,) = [one for one in ast.parse(text).body if isinstance(one, ast.FunctionDef)]
    except (OSError, TypeError, ValueError, SyntaxError) as error:
        raise DagAuthoringError(
            f"{name or function!r} cannot run in another Python: it must be a function, no lambda, in a readable file."
        ) from error
    node.decorator_list = []
    return ast.unparse(node)


def version_of(python: str) -> str:
    """The version of an interpreter, such as `3.12.4`.

    Raises:
        TradewindException: there is no such program, or it is no Python.
    """
    lines: list[str] = []
    code = "import platform; print(platform.python_version())"
    command = ShellCommand([python, "-c", code], environment={}, directory=tempfile.gettempdir(), encoding="utf-8")
    try:
        result = command.run(lines.append)
    except OSError as error:
        raise TradewindException(f"There is no Python at {python!r} on this worker: {error.strerror}.") from error
    if result.exit_code:
        raise TradewindException(f"{python!r} is no Python on this worker: {' '.join(lines)}")
    return lines[-1]


def same_minor(version: str) -> bool:
    """Whether a version shares major and minor with this interpreter."""
    return version.split(".")[:2] == [str(part) for part in sys.version_info[:2]]
