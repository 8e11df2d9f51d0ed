"""Versions of DAGs, and what differs between two of them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query

from tradewind.server.api.public.access import Given
from tradewind.server.api.public.shapes import Shape
from tradewind.server.domain.version_changes import FieldChange, VersionChanges, changes
from tradewind.server.store import dags

if TYPE_CHECKING:
    from tradewind.server.store import Transaction
    from tradewind.server.store.rows import DagVersionRow

router = APIRouter(tags=["DAG versions"])


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


class ChangedField(Shape):
    """A field whose value differs; a value that is absent is null."""

    field: str
    before: Any
    after: Any


class ChangedTask(Shape):
    """A task that both versions have."""

    task_id: str
    fields: list[ChangedField]


class DagVersionChanges(Shape):
    """What leads from one version to another."""

    fields: list[ChangedField]
    added_tasks: list[str]
    removed_tasks: list[str]
    changed_tasks: list[ChangedTask]


class ComparedDagVersion(DagVersion):
    """A version, with what differs from the one that it is compared with."""

    compared_with: int | None = None
    changes: DagVersionChanges | None = None


@router.get("/dags/{dag_id}/dagVersions")
async def list_dag_versions(services: Given, dag_id: str) -> DagVersionCollection:
    """All versions of a DAG."""

    def find(tx: Transaction) -> list[DagVersionRow]:
        dags.get_dag(tx, dag_id)
        return dags.list_dag_versions(tx, dag_id)

    found = [version_shape(row) for row in await services.store.read(find)]
    return DagVersionCollection(dag_versions=found, total_entries=len(found))


@router.get("/dags/{dag_id}/dagVersions/{version_number}")
async def get_dag_version(
    services: Given,
    dag_id: str,
    version_number: int,
    compare_with: Annotated[int | None, Query(description="Number of the version that came before.")] = None,
) -> ComparedDagVersion:
    """One version of a DAG, and on request how it differs from another one."""

    def find(tx: Transaction) -> tuple[DagVersionRow, DagVersionRow | None]:
        dags.get_dag(tx, dag_id)
        row = dags.find_dag_version(tx, dag_id, version_number, field="version_number")
        if compare_with is None:
            return row, None
        return row, dags.find_dag_version(tx, dag_id, compare_with, field="compare_with")

    row, other = await services.store.read(find)
    shape = version_shape(row).model_dump()
    if other is None:
        return ComparedDagVersion(**shape)
    return ComparedDagVersion(**shape, compared_with=other.number, changes=_changes(changes(other.dag, row.dag)))


def version_shape(row: DagVersionRow) -> DagVersion:
    """A version as the API tells it."""
    return DagVersion(
        id=str(row.pk),
        version_number=row.number,
        dag_id=row.dag_id,
        dag_display_name=row.dag.display_name or row.dag_id,
        bundle_name=row.bundle,
        created_at=row.created_at,
    )


def _changes(found: VersionChanges) -> DagVersionChanges:
    return DagVersionChanges(
        fields=[_field(change) for change in found.fields],
        added_tasks=found.added_tasks,
        removed_tasks=found.removed_tasks,
        changed_tasks=[
            ChangedTask(task_id=task.task_id, fields=[_field(change) for change in task.fields])
            for task in found.changed_tasks
        ],
    )


def _field(change: FieldChange) -> ChangedField:
    return ChangedField(field=change.name, before=change.before, after=change.after)
