"""The tasks that a DAG declares."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter

from tradewind.server.api.public.access import Given
from tradewind.server.api.public.shapes import Shape, time_delta
from tradewind.server.contract import SerializedDag, SerializedTask, WeightRule
from tradewind.server.store import dags
from tradewind.server.store.runs.create import DEFAULT_POOL

if TYPE_CHECKING:
    from tradewind.server.store import Transaction

router = APIRouter(tags=["DAGs"])


class ClassReference(Shape):
    """Where the class of an operator is."""

    module_path: str
    class_name: str


class Task(Shape):
    """A task as its DAG declares it."""

    task_id: str
    task_display_name: str
    task_group_id: str | None
    owner: str
    start_date: datetime | None
    end_date: datetime | None
    trigger_rule: str
    depends_on_past: bool
    wait_for_downstream: bool
    is_setup: bool
    is_teardown: bool
    retries: int
    retry_delay: dict[str, Any]
    retry_exponential_backoff: float
    max_retry_delay: dict[str, Any] | None
    execution_timeout: dict[str, Any] | None
    queue: str
    pool: str
    pool_slots: int
    priority_weight: int
    weight_rule: str
    max_active_tis_per_dag: int | None
    max_active_tis_per_dagrun: int | None
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


@router.get("/dags/{dag_id}/tasks")
async def list_tasks(services: Given, dag_id: str) -> TaskCollection:
    """Tasks of the newest version."""

    def find(tx: Transaction) -> SerializedDag:
        return dags.dag_version(tx, dags.get_dag(tx, dag_id).dag_version_pk)

    found = _tasks(await services.store.read(find))
    return TaskCollection(tasks=found, total_entries=len(found))


def _tasks(dag: SerializedDag) -> list[Task]:
    downstream: dict[str, list[str]] = defaultdict(list)
    for task in dag.tasks:
        for upstream in task.upstream:
            downstream[upstream].append(task.task_id)
    return [_task(task, sorted(downstream[task.task_id])) for task in dag.tasks]


def _task(task: SerializedTask, downstream: list[str]) -> Task:
    return Task(
        task_id=task.task_id,
        task_display_name=task.display_name or task.task_id,
        task_group_id=task.task_group,
        owner=task.owner,
        start_date=task.start_date,
        end_date=task.end_date,
        trigger_rule=task.trigger_rule.value,
        depends_on_past=task.depends_on_past,
        wait_for_downstream=task.wait_for_downstream,
        is_setup=task.is_setup,
        is_teardown=task.is_teardown,
        retries=task.retries,
        retry_delay=time_delta(task.retry_delay_seconds),
        retry_exponential_backoff=task.retry_backoff,
        max_retry_delay=_maybe_time_delta(task.max_retry_delay_seconds),
        execution_timeout=_maybe_time_delta(task.execution_timeout_seconds),
        queue=task.queue,
        pool=task.pool or DEFAULT_POOL,
        pool_slots=task.pool_slots,
        priority_weight=task.priority_weight,
        weight_rule=(task.weight_rule or WeightRule.DOWNSTREAM).value,
        max_active_tis_per_dag=task.max_active_tis_per_dag,
        max_active_tis_per_dagrun=task.max_active_tis_per_dagrun,
        executor=task.executor,
        operator_name=task.operator_name or task.operator,
        class_ref=ClassReference(module_path=task.operator_module, class_name=task.operator),
        upstream_task_ids=list(task.upstream),
        downstream_task_ids=downstream,
        doc_md=task.doc_md,
    )


def _maybe_time_delta(seconds: float | None) -> dict[str, Any] | None:
    return None if seconds is None else time_delta(seconds)
