"""The shape of the rows in the table of operations."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

__all__ = ["Operation", "Parameter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A path or query parameter; `type` is what `decode_text` takes."""

    name: str
    location: Literal["path", "query"]
    required: bool
    type: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation of the interface.

    `request` and `response` are the types of the JSON bodies, None where there is none or where the media type says
    otherwise. `from_task` marks what a supervisor forwards for user code. `stream` marks a WebSocket. `refusals` are
    words of `ProblemReason`.
    """

    id: str
    summary: str
    method: str
    path: str
    caller: Literal["anyone", "worker", "activity"]
    from_task: bool
    parameters: tuple[Parameter, ...]
    request: Any
    request_media: str | None
    response: Any
    response_media: str | None
    stream: bool
    status: int
    refusals: tuple[StrEnum, ...]
