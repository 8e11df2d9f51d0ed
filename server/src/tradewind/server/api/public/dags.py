"""DAGs, their tasks and versions."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query

from tradewind.server.api.public.access import Given, Limit, Offset, User
from tradewind.server.api.public.shapes import Body, Shape
from tradewind.server.contract import SerializedDag, SerializedTask
from tradewind.server.store import dags

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
    """A DAG."""

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
    timetable_summary: str | None = None
    timetable_description: str | None = None
    tags: list[DagTag]
    max_active_runs: int
    has_import_errors: bool
    owners: list[str]


class DagCollection(Shape):
    """DAGs and how many there are in all."""

    dags: list[Dag]
    total_entries: int


class DagVersion(Shape):
    """One declared structure of a DAG."""

    id: str
    version_number: int
    dag_id: str
    dag_display_name: str
    bundle_name: str
    created_at: datetime


class DagVersionCollection(Shape):
    """Versions of a DAG."""

    dag_versions: list[DagVersion]
    total_entries: int


class DagDetails(Dag):
    """A DAG with what is declared beyond its list entry."""

    doc_md: str | None
    latest_dag_version: DagVersion


class ClassReference(Shape):
    """Where the class of an operator is."""

    module_path: str
    class_name: str


class Task(Shape):
    """A task as its DAG declares it."""

    task_id: str
    task_display_name: str
    owner: str
    trigger_rule: str
    retries: int
    retry_delay: dict[str, Any]
    queue: str
    executor: str | None
    operator_name: str
    class_ref: ClassReference
    upstream_task_ids: list[str]
    downstream_task_ids: list[str]
    doc_md: str | None
    is_mapped: bool = False


class TaskCollection(Shape):
    """Tasks of a DAG in topological order."""

    tasks: list[Task]
    total_entries: int


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
    """One DAG with its documentation and version."""

    def find(tx: Transaction) -> tuple[DagRow, DagVersionRow]:
        row = dags.get_dag(tx, dag_id)
        return row, dags.get_dag_version(tx, row.dag_version_pk)

    row, version = await services.store.read(find)
    return DagDetails(**_dag(row).model_dump(), doc_md=version.dag.doc_md, latest_dag_version=_version(version))


@router.patch("/dags/{dag_id}")
async def patch_dag(services: Given, user: User, dag_id: str, body: DagPatch) -> Dag:
    """Pause or unpause a DAG."""
    row = await services.store.write(lambda tx: dags.set_paused(tx, dag_id, body.is_paused, actor=user.label))
    return _dag(row)


@router.get("/dags/{dag_id}/tasks")
async def list_tasks(services: Given, dag_id: str) -> TaskCollection:
    """Tasks of the newest version."""

    def find(tx: Transaction) -> SerializedDag:
        return dags.dag_version(tx, dags.get_dag(tx, dag_id).dag_version_pk)

    found = _tasks(await services.store.read(find))
    return TaskCollection(tasks=found, total_entries=len(found))


@router.get("/dags/{dag_id}/dagVersions")
async def list_dag_versions(services: Given, dag_id: str) -> DagVersionCollection:
    """All versions of a DAG."""

    def find(tx: Transaction) -> list[DagVersionRow]:
        dags.get_dag(tx, dag_id)
        return dags.list_dag_versions(tx, dag_id)

    found = [_version(row) for row in await services.store.read(find)]
    return DagVersionCollection(dag_versions=found, total_entries=len(found))


def _dag(row: DagRow) -> Dag:
    return Dag(
        dag_id=row.dag_id,
        dag_display_name=row.dag_id,
        is_paused=row.paused,
        is_stale=row.stale,
        last_parsed_time=row.last_parsed_at,
        bundle_name=row.bundle,
        bundle_version=row.snapshot,
        relative_fileloc=row.file,
        fileloc=row.file,
        description=row.description,
        tags=[DagTag(name=name, dag_id=row.dag_id, dag_display_name=row.dag_id) for name in row.tags],
        max_active_runs=row.max_active_runs,
        has_import_errors=row.has_import_errors,
        owners=list(row.owners),
    )


def _version(row: DagVersionRow) -> DagVersion:
    return DagVersion(
        id=str(row.pk),
        version_number=row.number,
        dag_id=row.dag_id,
        dag_display_name=row.dag_id,
        bundle_name=row.bundle,
        created_at=row.created_at,
    )


def _tasks(dag: SerializedDag) -> list[Task]:
    downstream: dict[str, list[str]] = defaultdict(list)
    for task in dag.tasks:
        for upstream in task.upstream:
            downstream[upstream].append(task.task_id)
    return [_task(task, sorted(downstream[task.task_id])) for task in dag.tasks]


def _task(task: SerializedTask, downstream: list[str]) -> Task:
    return Task(
        task_id=task.task_id,
        task_display_name=task.task_id,
        owner=task.owner,
        trigger_rule=task.trigger_rule.value,
        retries=task.retries,
        retry_delay=_time_delta(task.retry_delay_seconds),
        queue=task.queue,
        executor=task.executor,
        operator_name=task.operator,
        class_ref=ClassReference(module_path=task.operator_module, class_name=task.operator),
        upstream_task_ids=list(task.upstream),
        downstream_task_ids=downstream,
        doc_md=task.doc_md,
    )


def _time_delta(seconds: float) -> dict[str, Any]:
    """A duration as Airflow's API writes it."""
    days, rest = divmod(seconds, 86_400)
    whole = int(rest)
    return {"__type": "TimeDelta", "days": int(days), "seconds": whole, "microseconds": round((rest - whole) * 1e6)}
