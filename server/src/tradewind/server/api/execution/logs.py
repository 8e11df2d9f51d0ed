"""Log segments of tries and parses."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tradewind.server.api.execution.calls import OperationCall
from tradewind.server.api.execution.live import own_dispatch
from tradewind.server.api.logs import LogPlace, check_segment

if TYPE_CHECKING:
    from tradewind.server.store.handouts import Dispatch


async def put_log_segment(call: OperationCall) -> None:
    """Append a segment to the log of the own try. It costs the database a read and no write."""
    content: bytes = call.body
    services = call.services
    dispatch = await services.store.read(lambda tx: own_dispatch(tx, call.activity))
    await asyncio.to_thread(_keep, call, dispatch, content)


def _keep(call: OperationCall, dispatch: Dispatch, content: bytes) -> None:
    check_segment(content)
    call.services.logs.put_segment(_place(dispatch), call.parameters["sequence"], content)


def _place(dispatch: Dispatch) -> LogPlace:
    task = dispatch.task
    if task is None:
        return LogPlace.of_parse(dispatch.activity_id)
    return LogPlace.of_try(task.dag_id, task.run_id, task.task_id, task.map_index, task.try_number)
