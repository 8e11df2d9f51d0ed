"""What happened to a run: its events, one per change of state."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query

from tradewind.server.api.public.access import Given, Limit
from tradewind.server.api.public.shapes import Shape
from tradewind.server.store import runs

if TYPE_CHECKING:
    from tradewind.server.store import Transaction
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
    """Events, oldest first; the next page begins `after_id` of the last one."""

    event_logs: list[EventLog]
    total_entries: int


@router.get("")
async def list_event_logs(
    *,
    services: Given,
    dag_id: Annotated[str, Query(description="DAG of the run.")],
    run_id: Annotated[str, Query(description="The run.")],
    task_id: Annotated[str | None, Query(description="Only events of this task.")] = None,
    map_index: Annotated[int, Query(ge=-1)] = -1,
    after_id: Annotated[int, Query(ge=0, description="Leave out events up to this id.")] = 0,
    limit: Limit = 50,
) -> EventLogCollection:
    """Events of a run."""

    def find(tx: Transaction) -> list[EventRow]:
        run = runs.get_run(tx, dag_id, run_id)
        instance_pk = None if task_id is None else runs.get_instance(tx, dag_id, run_id, task_id, map_index).pk
        return runs.list_events(tx, run.pk, instance_pk=instance_pk, after_id=after_id, limit=limit)

    found = [_shape(row, dag_id, run_id) for row in await services.store.read(find)]
    return EventLogCollection(event_logs=found, total_entries=len(found))


def _shape(row: EventRow, dag_id: str, run_id: str) -> EventLog:
    return EventLog(
        event_log_id=row.id,
        when=row.at,
        dag_id=dag_id,
        run_id=run_id,
        task_id=row.task_id,
        map_index=row.map_index,
        event=row.event,
        from_state=row.from_state,
        to_state=row.to_state,
        owner=row.actor,
        extra=row.detail,
    )
