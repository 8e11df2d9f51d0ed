"""Tells the deployment that this API process is there, so that silence of workers counts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable

from tradewind.server.domain.refusals import Refused
from tradewind.server.store import Store, api_processes

log = logging.getLogger(__name__)

Pause = Callable[[float], Awaitable[None]]


@contextlib.asynccontextmanager
async def presence(store: Store, name: str, *, pause: Pause = asyncio.sleep) -> AsyncIterator[None]:
    """Give signs of life until the block ends: three in a worker's lease, so that one may fail.

    Args:
        store: the metadata database.
        name: this process, for people.
        pause: waits some seconds.
    """
    # A second life under the same name has not heard what the first one would have.
    name = f"{name}-{secrets.token_hex(4)}"
    async with asyncio.TaskGroup() as group:
        signs = group.create_task(_keep_signing(store, name, pause), name="presence")
        try:
            yield
        finally:
            signs.cancel()
            await _leave(store, name)


async def _keep_signing(store: Store, name: str, pause: Pause) -> None:
    between = store.options.lease_seconds / 3
    while True:
        seconds = between
        try:
            await store.write(lambda tx: api_processes.sign(tx, name))
        except Refused as refusal:
            # Workers that cannot be heard meanwhile are excused by the gap.
            log.warning("no sign of life of the api server", extra={"why": str(refusal)})
            seconds = min(between, refusal.retry_after_seconds or between)
        except Exception:
            # The same excuse; requests are served meanwhile.
            log.exception("no sign of life of the api server")
        await pause(seconds)


async def _leave(store: Store, name: str) -> None:
    try:
        await store.write(lambda tx: api_processes.leave(tx, name))
    except Refused as refusal:
        log.warning("the sign of life runs out instead of being withdrawn", extra={"why": str(refusal)})
