"""What happened to a run: its events, one per change of state."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query

from tradewind.server.api.public.access import Given, Limit, Offset
from tradewind.server.api.public.shapes import Shape
from tradewind.server.store import runs

if TYPE_CHECKING:
    from tradewind.server.store.rows import EventRow

router = APIRouter(prefix="/eventLogs", tags=["Event logs"])


class EventLog(Shape):
    """One change of state of a run (`task_id` null) or of a task instance."""

    event_log_id: int
    when: datetime
    dag_id: str
    run_id: str
    task_id: str | None
    map_index: int | None
    event: str
    from_state: str | None
    to_state: str
    owner: str
    extra: dict[str, Any]


class EventLogCollection(Shape):
    """Events, newest first, and how many there are in all."""

    event_logs: list[EventLog]
    total_entries: int


@router.get("")
async def list_event_logs(
    *,
    services: Given,
    dag_id: Annotated[str | None, Query(description="Only events of runs of this DAG.")] = None,
    run_id: Annotated[str | None, Query(description="Only events of runs of this name.")] = None,
    task_id: Annotated[str | None, Query(description="Only events of this task.")] = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> EventLogCollection:
    """What happened to runs and their task instances."""
    page = await services.store.read(
        lambda tx: runs.list_all_events(tx, dag_id=dag_id, run_id=run_id, task_id=task_id, limit=limit, offset=offset)
    )
    return EventLogCollection(event_logs=[_shape(row) for row in page.items], total_entries=page.total)


def _shape(row: EventRow) -> EventLog:
    return EventLog(
        event_log_id=row.id,
        when=row.at,
        dag_id=row.dag_id,
        run_id=row.run_id,
        task_id=row.task_id,
        map_index=row.map_index,
        event=row.event,
        from_state=row.from_state,
        to_state=row.to_state,
        owner=row.actor,
        extra=row.detail,
    )
