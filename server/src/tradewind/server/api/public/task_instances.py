"""Task instances, their tries, and why they are where they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query

from tradewind.server.api.public.access import Given, Limit, MapIndex, Offset
from tradewind.server.api.public.shapes import Shape, seconds_between
from tradewind.server.contract import TaskInstanceState, to_plain
from tradewind.server.domain.reason_words import message
from tradewind.server.domain.reasons import explain
from tradewind.server.store import dags, runs, views

if TYPE_CHECKING:
    from tradewind.server.api.services import Services
    from tradewind.server.contract import SerializedTask
    from tradewind.server.domain.reason_views import InstanceView
    from tradewind.server.store import Transaction
    from tradewind.server.store.rows import InstanceRow, TryRow

router = APIRouter(prefix="/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances", tags=["Task instances"])


@dataclass(frozen=True, slots=True)
class InstanceKey:
    """Which task instance a route is about."""

    dag_id: str
    dag_run_id: str
    task_id: str
    map_index: MapIndex = -1

    def find(self, tx: Transaction) -> InstanceRow:
        """The row. Raises Refused not_found."""
        return runs.get_instance(tx, self.dag_id, self.dag_run_id, self.task_id, self.map_index)


Key = Annotated[InstanceKey, Depends()]


class TaskTry(Shape):
    """One try of a task instance. `state` is null before anything happened."""

    task_id: str
    task_display_name: str
    dag_id: str
    dag_display_name: str
    dag_run_id: str
    map_index: int
    try_number: int
    max_tries: int
    state: str | None
    start_date: datetime | None
    end_date: datetime | None
    duration: float | None
    hostname: str | None
    unixname: str | None
    pid: int | None
    pool: str
    pool_slots: int
    priority_weight: int
    queue: str | None
    executor: str | None
    operator: str
    operator_name: str
    queued_when: datetime | None
    worker: str | None
    error: dict[str, Any] | None


class TaskInstance(TaskTry):
    """A task instance; start, end, host and error are those of its last try."""

    id: str
    note: str | None
    scheduled_when: datetime | None
    reason: dict[str, Any]
    reason_text: str


class TaskInstanceCollection(Shape):
    """Task instances and how many there are in all."""

    task_instances: list[TaskInstance]
    total_entries: int


class TaskTryCollection(Shape):
    """Tries, in the form of Airflow's history of a task instance."""

    task_instances: list[TaskTry]
    total_entries: int


@router.get("")
async def list_task_instances(
    *,
    services: Given,
    dag_id: str,
    dag_run_id: str,
    limit: Limit = 50,
    offset: Offset = 0,
    state: Annotated[list[TaskInstanceState] | None, Query()] = None,
) -> TaskInstanceCollection:
    """Task instances of a run, in the order of its tasks."""

    def find(tx: Transaction) -> TaskInstanceCollection:
        run = runs.get_run(tx, dag_id, dag_run_id)
        page = runs.list_instances(tx, run.pk, states=tuple(state or ()), limit=limit, offset=offset)
        return TaskInstanceCollection(
            task_instances=instance_shapes(tx, services, page.items), total_entries=page.total
        )

    return await services.store.read(find)


@router.get("/{task_id}")  # noqa: FAST003 - in InstanceKey
async def get_task_instance(services: Given, key: Key) -> TaskInstance:
    """One task instance."""

    def find(tx: Transaction) -> TaskInstance:
        return instance_shapes(tx, services, [key.find(tx)])[0]

    return await services.store.read(find)


@router.get("/{task_id}/tries")  # noqa: FAST003 - in InstanceKey
async def list_task_tries(services: Given, key: Key) -> TaskTryCollection:
    """All tries, the first one first."""

    def find(tx: Transaction) -> list[TaskTry]:
        row = key.find(tx)
        names = Names(tx)
        return [_try(row, task_try, names, tx.now) for task_try in runs.list_tries(tx, row.pk)]

    found = await services.store.read(find)
    return TaskTryCollection(task_instances=found, total_entries=len(found))


def instance_shapes(tx: Transaction, services: Services, rows: Sequence[InstanceRow]) -> list[TaskInstance]:
    """Task instances as the API shows them, with why they are where they are."""
    explained = views.instance_views(tx, rows, brokers=services.settings.executors.command.keys())
    names = Names(tx)
    return [_instance(row, explained[row.pk], names, tx.now) for row in rows]


class Names:
    """What DAGs and tasks are called in front of people; each DAG version is looked up once."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._tasks: dict[int, dict[str, SerializedTask]] = {}

    def of_dag(self, row: InstanceRow) -> str:
        """Name of the DAG of a task instance."""
        return dags.dag_version(self._tx, row.dag_version_pk).display_name or row.dag_id

    def of_task(self, row: InstanceRow) -> str:
        """Name of its task."""
        task = self._task(row)
        return (task and task.display_name) or row.task_id

    def of_operator(self, row: InstanceRow) -> str:
        """What its operator is called."""
        task = self._task(row)
        return (task and task.operator_name) or row.operator

    def _task(self, row: InstanceRow) -> SerializedTask | None:
        tasks = self._tasks.get(row.dag_version_pk)
        if tasks is None:
            version = dags.dag_version(self._tx, row.dag_version_pk)
            tasks = self._tasks[row.dag_version_pk] = {task.task_id: task for task in version.tasks}
        return tasks.get(row.task_id)


def _instance(row: InstanceRow, view: InstanceView, names: Names, now: datetime) -> TaskInstance:
    reason = explain(view)
    return TaskInstance(
        id=row.try_id or str(row.pk),
        task_id=row.task_id,
        task_display_name=names.of_task(row),
        dag_id=row.dag_id,
        dag_display_name=names.of_dag(row),
        dag_run_id=row.run_id,
        map_index=row.map_index,
        try_number=row.try_number,
        max_tries=row.retries,
        state=None if row.state is TaskInstanceState.NONE else row.state.value,
        start_date=row.started_at,
        end_date=row.ended_at,
        duration=seconds_between(row.started_at, row.ended_at, now),
        hostname=row.hostname,
        unixname=row.unixname,
        pid=row.pid,
        pool=row.pool,
        pool_slots=row.pool_slots,
        priority_weight=row.priority_weight,
        queue=row.queue,
        executor=row.executor,
        operator=row.operator,
        operator_name=names.of_operator(row),
        queued_when=row.queued_at,
        note=row.note,
        scheduled_when=row.scheduled_at,
        worker=row.worker,
        error=row.error,
        reason=to_plain(reason),
        reason_text=message(reason),
    )


def _try(row: InstanceRow, task_try: TryRow, names: Names, now: datetime) -> TaskTry:
    return TaskTry(
        task_id=row.task_id,
        task_display_name=names.of_task(row),
        dag_id=row.dag_id,
        dag_display_name=names.of_dag(row),
        dag_run_id=row.run_id,
        map_index=row.map_index,
        try_number=task_try.try_number,
        max_tries=row.retries,
        state=task_try.state,
        start_date=task_try.started_at,
        end_date=task_try.ended_at,
        duration=seconds_between(task_try.started_at, task_try.ended_at, now),
        hostname=task_try.hostname,
        unixname=task_try.unixname,
        pid=task_try.pid,
        pool=row.pool,
        pool_slots=row.pool_slots,
        priority_weight=row.priority_weight,
        queue=task_try.queue,
        executor=task_try.executor,
        operator=row.operator,
        operator_name=names.of_operator(row),
        queued_when=task_try.queued_at,
        worker=task_try.worker,
        error=task_try.error,
    )
