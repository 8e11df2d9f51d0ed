"""Two transactions at once: one is held back before its commit until another is done or waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tests.properties.deployment.databases import Bench, Gate
from tests.properties.deployment.processes import ControlProcess

POLL_SECONDS = 0.002


async def race(
    bench: Bench, first: ControlProcess, held: Callable[[], Awaitable[object]], other: Callable[[], Awaitable[object]]
) -> None:
    """Let one thing happen at a process while what happens at another one is not committed.

    Args:
        bench: the database; SQLite has one writer, so that this is for PostgreSQL.
        first: the process whose commits are held back.
        held: what happens there.
        other: what happens elsewhere.
    """
    gate = first.database.gate = Gate()
    before = asyncio.ensure_future(held())
    while not gate.reached.is_set() and not before.done():  # noqa: ASYNC110 - the gate is in another thread
        await asyncio.sleep(POLL_SECONDS)
    meanwhile = asyncio.ensure_future(other())
    # What waits for the one that is held would wait for ever.
    while not meanwhile.done() and not bench.somebody_waits():  # noqa: ASYNC110 - a lock of the database tells nobody
        await asyncio.sleep(POLL_SECONDS)
    first.database.gate = None
    gate.open()
    await asyncio.gather(before, meanwhile)
