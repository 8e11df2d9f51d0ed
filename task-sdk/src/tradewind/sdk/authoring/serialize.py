"""From a declared DAG to its form in the contract, which does not depend on the order of its lines."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, Protocol

import msgspec

from tradewind.sdk.authoring import task_arguments
from tradewind.sdk.authoring.dag import DAG
from tradewind.sdk.authoring.operator import BaseOperator
from tradewind.sdk.authoring.params import NOTSET, Param
from tradewind.sdk.authoring.task_group import DEFAULT_COLOR, DEFAULT_FONT_COLOR, TaskGroup
from tradewind.sdk.authoring.timetable_form import timetable_form
from tradewind.sdk.authoring.timezones import UTC
from tradewind.sdk.contract import (
    EdgeLabel,
    Grants,
    Isolation,
    OnCut,
    SerializedDag,
    SerializedParam,
    SerializedTask,
    SerializedTaskGroup,
    TriggerRule,
    WeightRule,
)
from tradewind.sdk.exceptions import DagAuthoringError

MAX_TASKS = 100_000
_MAX_OPERATOR = 250
_MAX_MODULE = 500
_GRANTS = ("connections", "variables", "write_variables", "read_dags", "trigger_dags")


def serialize_dag(dag: DAG, file: str | None = None) -> SerializedDag:
    """The DAG in the form of the contract.

    Args:
        dag: the DAG, complete.
        file: the file that is being parsed; the line of the declaration is given when it stands in this file.

    Raises:
        DagCycleException: tasks wait for each other in a circle.
        DagAuthoringError: it has too many tasks, or holds a value that cannot be.
    """
    for task in dag.tasks:
        task.check()
    dag.check()
    if dag.task_count > MAX_TASKS:
        raise DagAuthoringError(f"DAG {dag.dag_id!r} has {dag.task_count} tasks; at most {MAX_TASKS} are allowed.").at(
            dag.declaration.file, dag.declaration.line
        )
    start, end = _bounds(dag)
    zone = dag.timezone_name
    return SerializedDag(
        dag_id=dag.dag_id,
        display_name=None if dag.dag_display_name == dag.dag_id else dag.dag_display_name,
        description=dag.description,
        doc_md=dag.doc_md,
        tags=sorted(dag.tags or ()),
        line=dag.declaration.line if file is None or dag.declaration.file == file else None,
        timetable=timetable_form(dag.timetable),
        start_date=start,
        end_date=end,
        timezone=None if zone == UTC else zone,
        catchup=dag.catchup,
        max_active_tasks=dag.max_active_tasks,
        max_active_runs=dag.max_active_runs,
        max_consecutive_failed_dag_runs=dag.max_consecutive_failed_dag_runs,
        dagrun_timeout_seconds=_seconds(dag.dagrun_timeout),
        fail_fast=dag.fail_fast,
        paused_upon_creation=dag.is_paused_upon_creation,
        params={name: _param(param) for name, param in dag.params.items()} or None,
        grants=_grants(dag),
        tasks=[_task(task, dag) for task in dag.topological_sort()],
        task_groups=list(_groups(dag.task_group)) or None,
        edge_labels=_edge_labels(dag) or None,
        owner_links=dict(dag.owner_links) if dag.owner_links else None,
    )


def _task(task: BaseOperator, dag: DAG) -> SerializedTask:
    kind = type(task)
    group = task.task_group
    return SerializedTask(
        task_id=task.task_id,
        display_name=None if task.task_display_name == task.task_id else task.task_display_name,
        operator=kind.__name__[:_MAX_OPERATOR],
        operator_module=kind.__module__[:_MAX_MODULE],
        operator_name=_unless(task.operator_name, kind.__name__),
        task_group=group.group_id if group is not None else None,
        upstream=sorted(task.upstream_task_ids),
        trigger_rule=TriggerRule(str(task.trigger_rule)),
        retries=task.retries or 0,
        retry_delay_seconds=_seconds(task.retry_delay) or 0.0,
        retry_backoff=task.retry_exponential_backoff or 1,
        max_retry_delay_seconds=_seconds(task.max_retry_delay),
        execution_timeout_seconds=_seconds(task.execution_timeout),
        depends_on_past=task.depends_on_past,
        ignore_first_depends_on_past=task.ignore_first_depends_on_past,
        wait_for_past_depends_before_skipping=task.wait_for_past_depends_before_skipping,
        wait_for_downstream=task.wait_for_downstream,
        priority_weight=task.priority_weight,
        weight_rule=_unless(WeightRule(str(task.weight_rule)), WeightRule.DOWNSTREAM),
        queue=task.queue,
        pool=_unless(task.pool, task_arguments.DEFAULT_POOL),
        pool_slots=task.pool_slots,
        executor=task.executor,
        run_as_user=task.run_as_user,
        isolation=Isolation(task.isolation),
        max_active_tis_per_dag=task.max_active_tis_per_dag,
        max_active_tis_per_dagrun=task.max_active_tis_per_dagrun,
        is_setup=task.is_setup,
        is_teardown=task.is_teardown,
        on_failure_fail_dagrun=task.on_failure_fail_dagrun,
        start_date=_unless(task.start_date, dag.start_date),
        end_date=_unless(task.end_date, dag.end_date),
        on_cut=OnCut(task.on_cut),
        takeover_after_seconds=_seconds(task.takeover_after),
        grants=_grants(task),
        owner=task.owner,
        doc=task.doc,
        doc_md=task.doc_md,
        doc_json=task.doc_json,
        doc_yaml=task.doc_yaml,
        doc_rst=task.doc_rst,
    )


def _bounds(dag: DAG) -> tuple[dt.datetime | None, dt.datetime | None]:
    """From when to when runs are scheduled, by Airflow's rule: tasks may begin before their DAG, and end before it."""
    starts = [task.start_date for task in dag.tasks if task.start_date is not None]
    ends = [task.end_date for task in dag.tasks if task.end_date is not None]
    if dag.start_date is not None:
        starts.append(dag.start_date)
    if len(ends) < dag.task_count or not ends:
        return min(starts, default=None), dag.end_date
    if dag.end_date is not None:
        ends.append(dag.end_date)
    return min(starts, default=None), max(ends)


def _groups(group: TaskGroup) -> Iterator[SerializedTaskGroup]:
    """The groups in a group, each before those in it, by id."""
    for child in sorted(
        (child for child in group.children.values() if isinstance(child, TaskGroup)), key=lambda one: str(one.group_id)
    ):
        child.check()
        yield SerializedTaskGroup(
            group_id=str(child.group_id),
            parent=group.group_id,
            display_name=child.group_display_name or None,
            tooltip=child.tooltip or None,
            doc_md=child.doc_md,
            ui_color=_unless(child.ui_color, DEFAULT_COLOR),
            ui_fgcolor=_unless(child.ui_fgcolor, DEFAULT_FONT_COLOR),
        )
        yield from _groups(child)


def _edge_labels(dag: DAG) -> list[EdgeLabel]:
    return [
        EdgeLabel(upstream=upstream, downstream=downstream, label=info["label"])
        for upstream, edges in sorted(dag.edge_info.items())
        for downstream, info in sorted(edges.items())
        if info.get("label")
    ]


def _param(param: Param) -> SerializedParam:
    return SerializedParam(
        value=msgspec.UNSET if param.value is NOTSET else param.value,
        json_schema=param.schema,
        description=param.description,
    )


class _HasGrants(Protocol):
    """What declares names that its code needs: a DAG or a task."""

    @property
    def connections(self) -> Any: ...
    @property
    def variables(self) -> Any: ...


def _grants(owner: _HasGrants) -> Grants | None:
    named = {name: sorted(names) for name in _GRANTS if (names := getattr(owner, name))}
    return Grants(**{"connections": [], "variables": [], **named}) if named else None


def _unless(value: Any, usual: Any) -> Any:
    """The value; nothing for the one that absence stands for."""
    return None if value == usual else value


def _seconds(span: dt.timedelta | float | None) -> float | None:
    return span.total_seconds() if isinstance(span, dt.timedelta) else span
