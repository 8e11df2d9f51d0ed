"""Logs of tries: as a whole, or followed while they are written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from tradewind.server.api.logs import LogPlace
from tradewind.server.api.public.access import LARGEST, Given, Number
from tradewind.server.api.public.task_instances import InstanceKey, Key
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import runs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tradewind.server.api.services import Services
    from tradewind.server.store import Subscription, Transaction
    from tradewind.server.store.rows import TryRow

log = logging.getLogger(__name__)

router = APIRouter(prefix="/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances", tags=["Task instances"])

LOOK_SECONDS: Final = 0.5
"""How often to look for segments that came to another API process, which gives no hint here."""

STATE_SECONDS: Final = 0.25
"""Shortest time between two looks at the state of the try."""

TAIL_SECONDS: Final = 10.0
"""How long a worker is told to send the log as it comes; it is told again in half that time."""

SIGN_OF_LIFE_SECONDS: Final = 15.0
"""After so long without a record an empty line is sent: proxies cut connections on which nothing happens."""


@router.get("/{task_id}/logs/{try_number}", response_class=Response)  # noqa: FAST003 - in InstanceKey
async def get_log(
    *,
    services: Given,
    key: Key,
    try_number: Number,
    follow: Annotated[bool, Query(description="Stream JSON lines until the try has ended.")] = False,
    offset: Annotated[int, Query(ge=0, le=LARGEST, description="Records to leave out at the beginning.")] = 0,
    token: Annotated[
        int | None, Query(ge=0, le=LARGEST, description="`continuation_token` of an earlier answer.")
    ] = None,
) -> Response:
    """The log of a try: `content` has a log record of the contract per element.

    While the try runs, `continuation_token` is the number of records so far: with it as `token` the next answer has
    what came since. Afterwards it is null. With `follow` the answer is a record a line, as they come, and ends with
    the try; a client whose connection breaks goes on with `offset`, the number of records that it has got. Empty lines
    mean nothing.
    """
    skip = offset if token is None else token
    task_try = await services.store.read(lambda tx: _find(tx, key, try_number))
    place = LogPlace.of_try(key.dag_id, key.dag_run_id, key.task_id, key.map_index, try_number)
    if follow:
        lines = _Follower(services, key, try_number, place, skip).lines(task_try)
        return StreamingResponse(lines, media_type="application/x-ndjson")
    # The lines were held against the contract when they came, and are JSON as they stand.
    records = await asyncio.to_thread(lambda: list(services.logs.records(place, skip)))
    position = b"null" if task_try.ended_at is not None else b'"%d"' % (skip + len(records))
    content = b'{"content":[' + b",".join(records) + b'],"continuation_token":' + position + b"}"
    return Response(content, media_type="application/json")


class _Follower:
    """One client that reads a log while it is written."""

    def __init__(self, services: Services, key: InstanceKey, try_number: int, place: LogPlace, skip: int) -> None:
        self._services = services
        self._key = key
        self._try_number = try_number
        self._place = place
        self._reader = services.logs.reader(place, skip)
        self._loop = asyncio.get_running_loop()
        self._asked_at = float("-inf")
        self._looked_at = float("-inf")
        self._wrote_at = self._loop.time()

    async def lines(self, task_try: TryRow) -> AsyncIterator[bytes]:
        """Records as lines of JSON until the try has ended and all of its log is told."""
        segments = self._services.logs.subscribe(self._place)
        states = self._services.store.hints.subscribe("runs")
        try:
            while True:
                ended = task_try.ended_at is not None
                if not ended:
                    self._ask_for_tail(task_try.dispatch_id)
                # After the state: what a try has written is there before its end is.
                content = await asyncio.to_thread(self._read, whole=ended)
                if content or self._is_silent():
                    self._wrote_at = self._loop.time()
                    yield content or b"\n"
                if ended:
                    return
                await _either(segments, states)
                task_try = await self._look(task_try)
        finally:
            segments.close()
            states.close()

    def _read(self, *, whole: bool) -> bytes:
        records: Iterator[bytes] = self._reader.all() if whole else self._reader.new()
        return b"".join(record + b"\n" for record in records)

    def _ask_for_tail(self, dispatch_id: str) -> None:
        """Have the worker send what it has at once; one that is connected elsewhere sends each second."""
        if self._loop.time() - self._asked_at >= TAIL_SECONDS / 2:
            self._asked_at = self._loop.time()
            self._services.executor.tail(dispatch_id, TAIL_SECONDS)

    def _is_silent(self) -> bool:
        return self._loop.time() - self._wrote_at >= SIGN_OF_LIFE_SECONDS

    async def _look(self, known: TryRow) -> TryRow:
        """The try as it is now; as it was known when that is a moment ago, or the store does not answer."""
        now = self._loop.time()
        if now - self._looked_at < STATE_SECONDS:
            return known
        self._looked_at = now
        try:
            return await self._services.store.read(lambda tx: _find(tx, self._key, self._try_number))
        except Refused as refusal:
            log.info("a followed log waits for the store", extra={"why": str(refusal)})
            return known


def _find(tx: Transaction, key: InstanceKey, try_number: int) -> TryRow:
    return runs.get_try(tx, key.find(tx).pk, try_number)


async def _either(*subscriptions: Subscription) -> None:
    """Wait for a hint, or until it is time to look without one."""
    waits = [asyncio.create_task(subscription.wait()) for subscription in subscriptions]
    try:
        await asyncio.wait(waits, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
