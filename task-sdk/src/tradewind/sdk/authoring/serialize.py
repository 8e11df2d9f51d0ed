"""From a declared DAG to its form in the contract, which does not depend on the order of its lines."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from tradewind.sdk.authoring.dag import DAG
from tradewind.sdk.authoring.operator import BaseOperator
from tradewind.sdk.contract import EdgeLabel, Grants, Isolation, OnCut, SerializedDag, SerializedTask, TriggerRule
from tradewind.sdk.exceptions import DagAuthoringError

MAX_TASKS = 100_000
_MAX_OPERATOR = 250
_MAX_MODULE = 500


def serialize_dag(dag: DAG, file: str | None = None) -> SerializedDag:
    """The DAG in the form of the contract.

    Args:
        dag: the DAG, complete.
        file: the file that is being parsed; the line of the declaration is given when it stands in this file.

    Raises:
        DagCycleException: tasks wait for each other in a circle.
        DagAuthoringError: it has too many tasks.
    """
    dag.check()
    if dag.task_count > MAX_TASKS:
        raise DagAuthoringError(f"DAG {dag.dag_id!r} has {dag.task_count} tasks; at most {MAX_TASKS} are allowed.").at(
            dag.declaration.file, dag.declaration.line
        )
    labels = [
        EdgeLabel(upstream=upstream, downstream=downstream, label=info["label"])
        for upstream, edges in sorted(dag.edge_info.items())
        for downstream, info in sorted(edges.items())
        if info.get("label")
    ]
    return SerializedDag(
        dag_id=dag.dag_id,
        description=dag.description,
        doc_md=dag.doc_md,
        tags=sorted(dag.tags),
        line=dag.declaration.line if file is None or dag.declaration.file == file else None,
        max_active_runs=dag.max_active_runs,
        grants=_grants(dag.connections, dag.variables),
        tasks=[_task(task) for task in dag.topological_sort()],
        edge_labels=labels or None,
    )


def _task(task: BaseOperator) -> SerializedTask:
    task.check()
    kind = type(task)
    return SerializedTask(
        task_id=task.task_id,
        operator=kind.__name__[:_MAX_OPERATOR],
        operator_module=kind.__module__[:_MAX_MODULE],
        upstream=sorted(task.upstream_task_ids),
        trigger_rule=TriggerRule(str(task.trigger_rule)),
        retries=task.retries,
        retry_delay_seconds=_seconds(task.retry_delay),
        queue=task.queue,
        executor=task.executor,
        isolation=Isolation.FORK,
        on_cut=OnCut(task.on_cut),
        takeover_after_seconds=None if task.takeover_after is None else _seconds(task.takeover_after),
        grants=_grants(task.connections, task.variables),
        owner=task.owner,
        doc_md=task.doc_md,
    )


def _seconds(span: dt.timedelta | float) -> float:
    return span.total_seconds() if isinstance(span, dt.timedelta) else float(span)


def _grants(connections: Collection[str] | None, variables: Collection[str] | None) -> Grants | None:
    if not connections and not variables:
        return None
    return Grants(connections=sorted(connections or ()), variables=sorted(variables or ()))
