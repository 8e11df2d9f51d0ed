"""DAG runs: trigger, look, and wait for the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import StreamingResponse

from tradewind.server.api.public.access import Given, Limit, Offset, User
from tradewind.server.api.public.run_filters import Filter, Order
from tradewind.server.api.public.shapes import Body, Moment, Shape, legible, seconds_between
from tradewind.server.contract import DAG_RUN_FINAL, DagRunState, JsonValue, ProblemReason, Reason, to_plain
from tradewind.server.domain.reason_words import message
from tradewind.server.domain.reasons import explain_run
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import dags, runs, views

if TYPE_CHECKING:
    from tradewind.server.api.services import Services
    from tradewind.server.store import Subscription, Transaction
    from tradewind.server.store.rows import Page, RunRow

router = APIRouter(tags=["DAG runs"])

ALL_DAGS: Final = "~"
"""Stands for every DAG in a path, as in Airflow's API."""
PROGRESS_SECONDS: Final = 0.25
"""Shortest time between two lines of progress; the end of the run is told at once."""


class RunDagVersion(Shape):
    """The version of its DAG that a run is pinned to."""

    id: str
    version_number: int
    dag_id: str
    dag_display_name: str
    bundle_name: str
    bundle_version: str | None


class DagRun(Shape):
    """A DAG run. `reason` and `reason_text` say why it has not started, or ended early."""

    dag_run_id: str
    dag_id: str
    dag_display_name: str
    logical_date: datetime | None
    queued_at: datetime | None
    start_date: datetime | None
    end_date: datetime | None
    duration: float | None
    data_interval_start: datetime | None
    data_interval_end: datetime | None
    run_after: datetime
    last_scheduling_decision: datetime | None
    run_type: str
    state: DagRunState
    triggered_by: str
    triggering_user_name: str | None
    conf: dict[str, JsonValue]
    note: str | None
    dag_versions: list[RunDagVersion]
    bundle_version: str | None
    reason: dict[str, Any] | None
    reason_text: str | None


class DagRunCollection(Shape):
    """DAG runs and how many there are in all."""

    dag_runs: list[DagRun]
    total_entries: int


class Trigger(Body):
    """What a new run is given."""

    dag_run_id: Annotated[str, Field(min_length=1, max_length=250)] | None = None
    logical_date: Moment | None = None
    data_interval_start: Moment | None = None
    data_interval_end: Moment | None = None
    run_after: Moment | None = None
    conf: dict[str, JsonValue] | None = None
    note: Annotated[str, Field(max_length=1000)] | None = None

    def data_interval(self) -> tuple[datetime, datetime] | None:
        """Both ends of the data interval.

        Raises:
            Refused: one of them is missing.
        """
        start, end = self.data_interval_start, self.data_interval_end
        if start is not None and end is not None:
            return start, end
        if start is None and end is None:
            return None
        missing = "data_interval_start" if start is None else "data_interval_end"
        detail = f"{missing} is missing: a data interval has both ends or is inferred from the logical date"
        raise Refused(ProblemReason.MISSING_FIELD, detail, field=missing)


@router.post("/dags/{dag_id}/dagRuns")
async def trigger_dag_run(services: Given, user: User, dag_id: str, body: Trigger) -> DagRun:
    """Create a run. Its `conf` must meet the JSON Schemas of the parameters that the DAG declares."""
    data_interval = body.data_interval()

    def create(tx: Transaction) -> DagRun:
        row = runs.create_run(
            tx,
            dag_id,
            run_id=body.dag_run_id,
            conf=body.conf,
            logical_date=body.logical_date,
            data_interval=data_interval,
            run_after=body.run_after,
            user=user.credential.name,
            note=body.note,
        )
        return run_shape(tx, row)

    return await services.store.write(create)


@router.get("/dags/{dag_id}/dagRuns")
async def list_dag_runs(
    *,
    services: Given,
    dag_id: str,
    chosen: Filter,
    limit: Limit = 50,
    offset: Offset = 0,
    order_by: Order = None,
) -> DagRunCollection:
    """Runs of one DAG, or with `~` of all."""

    def find(tx: Transaction) -> tuple[Page[RunRow], list[DagRun]]:
        if dag_id != ALL_DAGS:
            dags.get_dag(tx, dag_id)
        page = runs.list_runs(
            tx,
            None if dag_id == ALL_DAGS else dag_id,
            chosen=chosen,
            limit=limit,
            offset=offset,
            order=order_by or ("-run_after",),
        )
        return page, [run_shape(tx, row) for row in page.items]

    page, found = await services.store.read(find)
    return DagRunCollection(dag_runs=found, total_entries=page.total)


@router.get("/dags/{dag_id}/dagRuns/{dag_run_id}")
async def get_dag_run(services: Given, dag_id: str, dag_run_id: str) -> DagRun:
    """One run."""
    return await services.store.read(lambda tx: run_shape(tx, runs.get_run(tx, dag_id, dag_run_id)))


@router.get("/dags/{dag_id}/dagRuns/{dag_run_id}/wait", response_class=StreamingResponse)
async def wait_dag_run(services: Given, dag_id: str, dag_run_id: str) -> StreamingResponse:
    """Follow a run: a line of JSON at once, one after changes, and a last one when the run has ended."""
    await services.store.read(lambda tx: runs.get_run(tx, dag_id, dag_run_id))
    return StreamingResponse(_progress(services, dag_id, dag_run_id), media_type="application/x-ndjson")


async def _progress(services: Services, dag_id: str, run_id: str) -> AsyncIterator[str]:
    """Lines of progress. Hints wake it; a look from time to time makes up for hints that were lost."""
    loop = asyncio.get_running_loop()
    poll = services.settings.scheduler.poll_seconds
    # A change of the run itself is told at once, what its task instances do is gathered for a moment.
    changes, states = (services.store.hints.subscribe(topic) for topic in ("runs", "run_states"))
    last: dict[str, Any] | None = None
    told_at = float("-inf")
    try:
        while True:
            now = await services.store.read(lambda tx: _standing(tx, dag_id, run_id))
            final = now["state"] in DAG_RUN_FINAL
            pause = told_at + PROGRESS_SECONDS - loop.time()
            if now != last and (final or pause <= 0):
                yield json.dumps(now, separators=(",", ":")) + "\n"
                last, told_at = now, loop.time()
            if final:
                return
            if now == last:
                await _either(changes, states, timeout=poll)
            else:
                await states.wait(max(pause, 0.0))
    finally:
        changes.close()
        states.close()


async def _either(*subscriptions: Subscription, timeout: float) -> None:
    waits = [asyncio.create_task(subscription.wait()) for subscription in subscriptions]
    try:
        await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def _standing(tx: Transaction, dag_id: str, run_id: str) -> dict[str, Any]:
    row = runs.get_run(tx, dag_id, run_id)
    counts = {str(state): count for state, count in sorted(runs.instance_states(tx, row.pk).items())}
    duration = seconds_between(row.started_at, row.ended_at, tx.now) if row.ended_at is not None else None
    return {"state": row.state.value, "duration": duration, "task_instances": counts}


def run_shape(tx: Transaction, row: RunRow) -> DagRun:
    """A run as the API shows it."""
    # A started run is explained by its task instances, unless it ended before them.
    asked = row.state is DagRunState.QUEUED or row.end_reason is not None
    reason: Reason | None = explain_run(views.run_view(tx, row)) if asked else None
    name = dags.dag_version(tx, row.dag_version_pk).display_name or row.dag_id
    version = RunDagVersion(
        id=str(row.dag_version_pk),
        version_number=row.version_number,
        dag_id=row.dag_id,
        dag_display_name=name,
        bundle_name=row.bundle,
        bundle_version=row.snapshot,
    )
    return DagRun(
        dag_run_id=row.run_id,
        dag_id=row.dag_id,
        dag_display_name=name,
        logical_date=row.logical_date,
        queued_at=row.queued_at,
        start_date=row.started_at,
        end_date=row.ended_at,
        duration=seconds_between(row.started_at, row.ended_at, tx.now),
        data_interval_start=row.data_interval_start,
        data_interval_end=row.data_interval_end,
        run_after=row.run_after,
        last_scheduling_decision=row.changed_at,
        run_type=row.run_type,
        state=row.state,
        triggered_by=row.triggered_by,
        triggering_user_name=row.triggering_user,
        conf=legible(row.conf),
        note=row.note,
        dag_versions=[version],
        bundle_version=row.snapshot,
        reason=None if reason is None else to_plain(reason),
        reason_text=None if reason is None else message(reason),
    )
