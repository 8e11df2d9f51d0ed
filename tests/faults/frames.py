"""WebSocket frames as bytes on a wire (RFC 6455): taken apart for looking at them, passed on as they are."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

TEXT = 1
CLOSE = 8


@dataclass(frozen=True)
class Frame:
    """One frame.

    Attributes:
        opcode: 1 for text; 8 and more for control.
        whole: whether it is a message of its own.
        payload: without its mask.
        raw: as it was read.
    """

    opcode: int
    whole: bool
    payload: bytes
    raw: bytes

    @property
    def is_message(self) -> bool:
        """Whether it carries whole frames of the worker session."""
        return self.opcode == TEXT and self.whole

    def said(self) -> list[dict[str, Any]]:
        """Return the frames of the session that it carries."""
        return [json.loads(line) for line in self.payload.split(b"\n")]

    def apart(self) -> list["Frame"]:
        """Return a message for each frame of the session that it carries."""
        lines = self.payload.split(b"\n")
        masked = bool(self.raw[1] & 0x80)
        return [self] if len(lines) == 1 else [Frame(TEXT, True, line, _written(line, masked=masked)) for line in lines]


async def read_frame(reader: asyncio.StreamReader) -> Frame:
    """Read the next frame.

    Raises:
        asyncio.IncompleteReadError: the connection has ended.
    """
    head = await reader.readexactly(2)
    opcode, whole = head[0] & 0x0F, bool(head[0] & 0x80)
    masked, size = bool(head[1] & 0x80), head[1] & 0x7F
    extended = await reader.readexactly({126: 2, 127: 8}.get(size, 0))
    if extended:
        size = int.from_bytes(extended)
    mask = await reader.readexactly(4 if masked else 0)
    body = await reader.readexactly(size)
    return Frame(opcode, whole, _unmasked(body, mask), head + extended + mask + body)


def _written(payload: bytes, *, masked: bool) -> bytes:
    """Write a text message; a mask of zeros leaves the payload as it is."""
    size = len(payload)
    mark, extended = size, b""
    if size >= 126:
        mark, extended = (126, size.to_bytes(2)) if size < 65_536 else (127, size.to_bytes(8))
    head = bytes([0x80 | TEXT, mark | (0x80 if masked else 0)])
    return head + extended + (bytes(4) if masked else b"") + payload


def _unmasked(body: bytes, mask: bytes) -> bytes:
    if not mask:
        return body
    size = len(body)
    key = int.from_bytes((mask * (size // 4 + 1))[:size])
    return (int.from_bytes(body) ^ key).to_bytes(size)
