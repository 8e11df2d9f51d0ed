"""Reading of JSON files in the one strict way that the contract allows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def load(path: Path) -> Any:
    """The value in a JSON file.

    Raises:
        ValueError: not JSON, a name twice in one object, or a number that JSON does not know; names the file.
    """
    try:
        return json.loads(path.read_text("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError(f"a name occurs twice in an object that has {', '.join(result)}")
    return result


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON value")
