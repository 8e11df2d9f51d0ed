"""DAGs: what there is, how it is scheduled, and whether it is paused."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query

from tradewind.server.api.public.access import Given, Limit, Offset, UpdateMask, User
from tradewind.server.api.public.dag_versions import DagVersion, version_shape
from tradewind.server.api.public.shapes import Body, Shape, masked, time_delta
from tradewind.server.contract import UNSET, JsonValue, SerializedParam, Timetable, from_plain
from tradewind.server.domain.schedules import describe, summary
from tradewind.server.store import dags, runs

if TYPE_CHECKING:
    from tradewind.server.store import Transaction
    from tradewind.server.store.rows import DagRow, DagVersionRow

router = APIRouter(tags=["DAGs"])


class DagTag(Shape):
    """A label of a DAG."""

    name: str
    dag_id: str
    dag_display_name: str


class Dag(Shape):
    """A DAG. What begins with `next_dagrun` is about its next scheduled run; null without one."""

    dag_id: str
    dag_display_name: str
    is_paused: bool
    is_stale: bool
    last_parsed_time: datetime | None
    bundle_name: str
    bundle_version: str | None
    relative_fileloc: str
    fileloc: str
    description: str | None
    timetable_summary: str | None
    timetable_description: str | None
    tags: list[DagTag]
    max_active_runs: int
    max_active_tasks: int
    max_consecutive_failed_dag_runs: int
    has_import_errors: bool
    next_dagrun_logical_date: datetime | None
    next_dagrun_data_interval_start: datetime | None
    next_dagrun_data_interval_end: datetime | None
    next_dagrun_run_after: datetime | None
    owners: list[str]


class DagCollection(Shape):
    """DAGs and how many there are in all."""

    dags: list[Dag]
    total_entries: int


class DagDetails(Dag):
    """A DAG with what is declared beyond its list entry."""

    doc_md: str | None
    start_date: datetime | None
    end_date: datetime | None
    timezone: str | None
    catchup: bool
    fail_fast: bool
    is_paused_upon_creation: bool | None
    dag_run_timeout: dict[str, Any] | None
    params: dict[str, dict[str, JsonValue]]
    owner_links: dict[str, str]
    active_runs_count: int
    latest_dag_version: DagVersion


class DagPatch(Body):
    """What may be changed of a DAG."""

    is_paused: bool


@router.get("/dags")
async def list_dags(
    *,
    services: Given,
    limit: Limit = 50,
    offset: Offset = 0,
    paused: bool | None = None,
    dag_id_pattern: Annotated[str | None, Query(description="Part of the DAG id.")] = None,
    tags: Annotated[list[str] | None, Query()] = None,
    exclude_stale: Annotated[bool, Query(description="Leave out DAGs that no file declares any more.")] = True,
) -> DagCollection:
    """DAGs in alphabetical order."""
    page = await services.store.read(
        lambda tx: dags.list_dags(
            tx,
            limit=limit,
            offset=offset,
            paused=paused,
            stale=False if exclude_stale else None,
            pattern=dag_id_pattern,
            tags=tuple(tags or ()),
        )
    )
    return DagCollection(dags=[_dag(row) for row in page.items], total_entries=page.total)


@router.get("/dags/{dag_id}")
async def get_dag(services: Given, dag_id: str) -> Dag:
    """One DAG."""
    return _dag(await services.store.read(lambda tx: dags.get_dag(tx, dag_id)))


@router.get("/dags/{dag_id}/details")
async def get_dag_details(services: Given, dag_id: str) -> DagDetails:
    """One DAG with its documentation, dates, parameters and version."""

    def find(tx: Transaction) -> DagDetails:
        row = dags.get_dag(tx, dag_id)
        version = dags.get_dag_version(tx, row.dag_version_pk)
        return _details(
            row, version, runs.list_runs(tx, dag_id, chosen=runs.RunFilter(states=["running"]), limit=1).total
        )

    return await services.store.read(find)


@router.patch("/dags/{dag_id}")
async def patch_dag(services: Given, user: User, dag_id: str, body: DagPatch, update_mask: UpdateMask = None) -> Dag:
    """Pause a DAG, or let it go on; its next run is determined anew then."""
    is_meant = "is_paused" in masked(body, update_mask)

    def change(tx: Transaction) -> DagRow:
        if not is_meant:
            return dags.get_dag(tx, dag_id)
        return dags.set_paused(tx, dag_id, body.is_paused, actor=user.label)

    row = await services.store.write(change)
    return _dag(row)


def _dag(row: DagRow) -> Dag:
    name = row.display_name or row.dag_id
    timetable: Timetable | None = None if row.timetable is None else from_plain(Timetable, row.timetable)
    return Dag(
        dag_id=row.dag_id,
        dag_display_name=name,
        is_paused=row.paused,
        is_stale=row.stale,
        last_parsed_time=row.last_parsed_at,
        bundle_name=row.bundle,
        bundle_version=row.snapshot,
        relative_fileloc=row.file,
        fileloc=row.file,
        description=row.description,
        timetable_summary=summary(timetable),
        timetable_description=describe(timetable),
        tags=[DagTag(name=tag, dag_id=row.dag_id, dag_display_name=name) for tag in row.tags],
        max_active_runs=row.max_active_runs,
        max_active_tasks=row.max_active_tasks,
        max_consecutive_failed_dag_runs=row.max_consecutive_failed_runs,
        has_import_errors=row.has_import_errors,
        next_dagrun_logical_date=row.next_logical_date,
        next_dagrun_data_interval_start=row.next_interval_start,
        next_dagrun_data_interval_end=row.next_interval_end,
        # A run is due at the end of its interval, also while it waits for another one to end.
        next_dagrun_run_after=row.next_interval_end,
        owners=list(row.owners),
    )


def _details(row: DagRow, version: DagVersionRow, active_runs: int) -> DagDetails:
    dag = version.dag
    timeout = dag.dagrun_timeout_seconds
    return DagDetails(
        **_dag(row).model_dump(),
        doc_md=dag.doc_md,
        start_date=dag.start_date,
        end_date=dag.end_date,
        timezone=dag.timezone,
        catchup=dag.catchup,
        fail_fast=dag.fail_fast,
        is_paused_upon_creation=dag.paused_upon_creation,
        dag_run_timeout=None if timeout is None else time_delta(timeout),
        params={name: _param(param) for name, param in (dag.params or {}).items()},
        owner_links=dag.owner_links or {},
        active_runs_count=active_runs,
        latest_dag_version=version_shape(version),
    )


def _param(param: SerializedParam) -> dict[str, JsonValue]:
    """A parameter as Airflow's API writes it, and whether it must be given."""
    return {
        "value": None if param.value is UNSET else param.value,
        "schema": param.json_schema,
        "description": param.description,
        "required": param.value is UNSET,
    }
