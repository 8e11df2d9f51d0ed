"""Frames of a worker session as a test takes them: by kind, in order, whichever messages they came in."""

import asyncio
import json
from typing import Any
from weakref import WeakKeyDictionary

from websockets.asyncio.client import ClientConnection

_KEPT: WeakKeyDictionary[ClientConnection, list[dict[str, Any]]] = WeakKeyDictionary()


async def frame_of(websocket: ClientConnection, kind: str) -> dict[str, Any]:
    """The next frame of a kind; others are kept until they are asked for."""
    kept = _KEPT.setdefault(websocket, [])
    async with asyncio.timeout(10):
        while True:
            for index, frame in enumerate(kept):
                if frame["frame"] == kind:
                    return kept.pop(index)
            kept += map(json.loads, str(await websocket.recv()).split("\n"))
