"""Calls as the fake server hears them: what an HTTP request says, in the words of the contract."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tradewind.sdk.contract import OPERATIONS


@dataclass
class Received:
    """One call that came, and the way by which it came."""

    operation: str
    parameters: dict[str, str]
    token: str | None
    body: Any
    text: str | None
    via: str
    connection: int = 0


async def read_head(reader: asyncio.StreamReader) -> bytes:
    try:
        return (await reader.readuntil(b"\r\n\r\n")).removesuffix(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


def http_call(method: str, target: str, headers: dict[str, str], content: bytes) -> Received:
    parts = urlsplit(target)
    for operation in sorted(OPERATIONS.values(), key=lambda known: -known.path.count("/")):
        found = _match(operation.path, unquote(parts.path))
        if operation.method == method and found is not None:
            ndjson = operation.request_media == "application/x-ndjson"
            return Received(
                operation.id,
                {**found, **dict(parse_qsl(parts.query))},
                headers["authorization"].removeprefix("Bearer "),
                json.loads(content) if content and not ndjson else None,
                content.decode() if ndjson else None,
                "http",
            )
    raise AssertionError(f"no operation for {method} {target}")


def _match(template: str, path: str) -> dict[str, str] | None:
    """Parameters of a path; the last one may contain slashes."""
    names, parts = template.split("/"), path.split("/", template.count("/"))
    if len(names) != len(parts):
        return None
    found: dict[str, str] = {}
    for name, part in zip(names, parts, strict=True):
        if name.startswith("{"):
            found[name[1:-1]] = part
        elif name != part:
            return None
    return found
