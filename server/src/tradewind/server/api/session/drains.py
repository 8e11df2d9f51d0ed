"""Tells a connected worker to drain, whichever process was asked for it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from tradewind.server.contract import Drain
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import Store, worker_drains

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 30.0
"""How often to look without a hint: hints may be lost."""


async def relay_drain(store: Store, session_id: str, send: Callable[[Drain], None]) -> None:
    """Send the frame once a drain is asked for, at once when it was before the worker connected; then end.

    Args:
        store: the metadata database.
        session_id: the worker's session.
        send: puts a frame in line for the worker.

    Raises:
        SessionClosed: the connection is closed.
    """
    hints = store.hints.subscribe(worker_drains.TOPIC)
    try:
        while (reason := await _reason(store, session_id)) is None:
            await hints.wait(LOOK_SECONDS)
        send(Drain(message=reason))
    finally:
        hints.close()


async def _reason(store: Store, session_id: str) -> str | None:
    try:
        return await store.read(lambda tx: worker_drains.drain_reason(tx, session_id))
    except Refused as refusal:
        log.warning("whether a worker is to drain is not known now", extra={"why": str(refusal)})
        return None
