"""The runs that the schedule of a DAG makes next."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query

from tradewind.server.api.public.access import Given
from tradewind.server.api.public.shapes import Shape
from tradewind.server.store import schedules

router = APIRouter(tags=["DAGs"])


class NextRun(Shape):
    """A run that is to be expected."""

    run_after: datetime
    logical_date: datetime
    data_interval_start: datetime
    data_interval_end: datetime


class NextRunCollection(Shape):
    """Runs that are to be expected, the next one first."""

    next_runs: list[NextRun]
    total_entries: int


@router.get("/dags/{dag_id}/nextRuns")
async def list_next_runs(
    services: Given,
    dag_id: str,
    count: Annotated[int, Query(ge=1, le=1000, description="Runs to answer with, at most.")] = 10,
) -> NextRunCollection:
    """The next runs by the schedule, as if the DAG were not paused."""
    found = await services.store.read(lambda tx: schedules.next_runs(tx, dag_id, count))
    runs = [
        NextRun(
            run_after=run.run_after,
            logical_date=run.logical_date,
            data_interval_start=run.data_interval.start,
            data_interval_end=run.data_interval.end,
        )
        for run in found
    ]
    return NextRunCollection(next_runs=runs, total_entries=len(runs))
