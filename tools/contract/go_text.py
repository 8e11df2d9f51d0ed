"""What the two Go emitters share: the mark of generated files, names, and the layout of gofmt."""

from __future__ import annotations

import re

MARK = "// Code generated from schemas/head by tools.contract. DO NOT EDIT."
FOLDER = "go-sdk"
INITIALISMS = {"api", "html", "http", "id", "ip", "json", "pid", "sdk", "sql", "uri", "url", "uuid"}


def go_name(name: str) -> str:
    """`dag_id` or `DagId` as `DagID`."""
    words = name.split("_") if name.islower() else re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z][a-z0-9]*|[a-z0-9]+", name)
    return "".join(word.upper() if word.lower() in INITIALISMS else word[:1].upper() + word[1:] for word in words)


def aligned(pairs: dict[str, str], indent: str) -> list[str]:
    """The members of a composite literal, one a line, values below each other."""
    width = max(map(len, pairs)) + 1
    return [f"{indent}{key + ':':<{width}} {value}," for key, value in pairs.items()]
