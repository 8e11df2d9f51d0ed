"""Files of variables, connections and pools: read with clear errors, written whole or not at all."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from tradewind.sdk.cli.connection import EXIT_WRONG_USE, CommandFailed

_ENV_ENDINGS = {".env"}
_YAML_ENDINGS = {".yaml", ".yml"}


def read_objects(path: str, what: str) -> dict[str, Any]:
    """The object that a file holds: JSON, or lines of `KEY=VALUE` in a file that ends with `.env`.

    Args:
        path: the file; `-` for the standard input, as JSON.
        what: what is in it, in words.

    Raises:
        CommandFailed: it cannot be read, or holds something else.
    """
    ending = Path(path).suffix.lower()
    if ending in _YAML_ENDINGS:
        raise CommandFailed(f"{path}: {what} are read from JSON or .env files, not from YAML", EXIT_WRONG_USE)
    text = text_of_file(path)
    if ending in _ENV_ENDINGS or Path(path).name == ".env":
        return _lines(path, text)
    found = json_value(text, "the standard input" if path == "-" else path)
    if not isinstance(found, dict):
        raise CommandFailed(f"{path} must hold one JSON object of {what} by name", EXIT_WRONG_USE)
    return found


def json_value(text: str, source: str) -> Any:
    """The value that a JSON text stands for.

    Args:
        text: what was given.
        source: the option or file that it is from, for messages.

    Raises:
        CommandFailed: it is no JSON. NaN and Infinity are none either.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise CommandFailed(f"{source} is not JSON: {error}", EXIT_WRONG_USE) from None
    except RecursionError:
        raise CommandFailed(f"{source} is not JSON that can be read: it is nested too deep", EXIT_WRONG_USE) from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def write_objects(path: str, objects: dict[str, Any], what: str) -> None:
    """Write an object as JSON, readable by its owner alone.

    Args:
        path: the file, which is replaced; `-` for the standard output.
        objects: what to write.
        what: what it is, in words.

    Raises:
        CommandFailed: it cannot be written; a file that was there is as it was.
    """
    text = json.dumps(objects, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    if path == "-":
        click.echo(text, nl=False)
        return
    partial: str | None = None
    try:
        descriptor, partial = tempfile.mkstemp(dir=Path(path).absolute().parent, prefix=".tradewind-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(partial).replace(path)
    except OSError as error:
        if partial is not None:
            Path(partial).unlink(missing_ok=True)
        raise CommandFailed(f"{path} cannot be written: {error.strerror}", EXIT_WRONG_USE) from None
    click.echo(f"{len(objects)} {what} written to {path}")


def text_of_file(path: str) -> str:
    """What a text file holds.

    Args:
        path: the file; `-` for the standard input.

    Raises:
        CommandFailed: it cannot be read, or is not UTF-8.
    """
    try:
        if path == "-":
            return sys.stdin.read()
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise CommandFailed(f"{path} cannot be read: {error.strerror}", EXIT_WRONG_USE) from None
    except UnicodeDecodeError as error:
        raise CommandFailed(f"{path} is not UTF-8: {error.reason} at byte {error.start}", EXIT_WRONG_USE) from None


def _lines(path: str, text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        key, separator, value = stripped.partition("=")
        if not separator or not key.strip():
            raise CommandFailed(f"{path}, line {number}: must be KEY=VALUE, not {stripped!r}", EXIT_WRONG_USE)
        found[key.strip()] = value.strip()
    return found
