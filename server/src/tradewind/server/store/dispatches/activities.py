"""From rows to activities of the contract: what every delivery of a try or a parse says, first or repeated."""

from __future__ import annotations

from typing import Any, Final

from tradewind.server.contract import (
    CodeReference,
    DagRunContext,
    DagRunType,
    ExecuteTask,
    Isolation,
    OnCut,
    ParseDagFile,
    TaskTryReference,
    TriggeredBy,
)
from tradewind.server.store.tables import dag_run, parse, task_instance

TASK_COLUMNS: Final = (
    task_instance.c.pk,
    task_instance.c.rev,
    task_instance.c.run_pk,
    task_instance.c.task_id,
    task_instance.c.map_index,
    task_instance.c.try_number,
    task_instance.c.retries,
    task_instance.c.queue,
    task_instance.c.executor,
    task_instance.c.isolation,
    task_instance.c.on_cut,
    task_instance.c.takeover_after_seconds,
    task_instance.c.execution_timeout_seconds,
    task_instance.c.run_as_user,
    dag_run.c.dag_id,
    dag_run.c.run_id,
    dag_run.c.run_type,
    dag_run.c.logical_date,
    dag_run.c.data_interval_start,
    dag_run.c.data_interval_end,
    dag_run.c.run_after,
    dag_run.c.started_at.label("run_started_at"),
    dag_run.c.conf,
    dag_run.c.dag_version_pk,
    dag_run.c.version_number,
    dag_run.c.bundle,
    dag_run.c.snapshot,
    dag_run.c.file,
    dag_run.c.code_id,
    dag_run.c.triggered_by,
    dag_run.c.triggering_user,
    dag_run.c.note.label("run_note"),
    dag_run.c.next_run_after,
)
"""Columns of a task instance joined with its run that `execute_task` needs."""

PARSE_COLUMNS: Final = (
    parse.c.parse_id,
    parse.c.rev,
    parse.c.bundle,
    parse.c.snapshot,
    parse.c.file,
    parse.c.executor,
    parse.c.timeout_seconds,
    parse.c.scheduled_at,
)
"""Columns of a parse that `parse_dag_file` needs."""


def execute_task(
    row: Any, *, try_id: str, try_number: int, runs: dict[int, tuple[DagRunContext, CodeReference]] | None = None
) -> ExecuteTask:
    """The activity of a try.

    Args:
        row: has `TASK_COLUMNS`.
        try_id: identity of the try.
        try_number: its number.
        runs: what tries of one run share, by the run; remembered here for the next one of the same transaction.
    """
    shared = None if runs is None else runs.get(row.run_pk)
    if shared is None:
        shared = _run_and_code(row)
        if runs is not None:
            runs[row.run_pk] = shared
    dag_run_context, code = shared
    return ExecuteTask(
        task_try=TaskTryReference(
            dag_id=row.dag_id,
            run_id=row.run_id,
            task_id=row.task_id,
            map_index=row.map_index,
            try_number=try_number,
            try_id=try_id,
        ),
        dag_run=dag_run_context,
        code=code,
        max_tries=row.retries + 1,
        isolation=Isolation(row.isolation),
        on_cut=OnCut(row.on_cut),
        execution_timeout_seconds=row.execution_timeout_seconds,
        run_as_user=row.run_as_user,
    )


def _run_and_code(row: Any) -> tuple[DagRunContext, CodeReference]:
    context = DagRunContext(
        dag_id=row.dag_id,
        run_id=row.run_id,
        run_type=DagRunType(row.run_type),
        logical_date=row.logical_date,
        data_interval_start=row.data_interval_start,
        data_interval_end=row.data_interval_end,
        run_after=row.run_after,
        start_date=row.run_started_at,
        conf=row.conf,
        dag_version=row.version_number,
        triggered_by=TriggeredBy(row.triggered_by),
        triggering_user=row.triggering_user,
        note=row.run_note,
        next_run_after=row.next_run_after,
    )
    return context, CodeReference(bundle=row.bundle, snapshot=row.snapshot, file=row.file, code_id=row.code_id)


def parse_dag_file(row: Any) -> ParseDagFile:
    """The activity of a parse; the row has `PARSE_COLUMNS`."""
    return ParseDagFile(
        parse_id=row.parse_id,
        code=CodeReference(bundle=row.bundle, snapshot=row.snapshot, file=row.file),
        timeout_seconds=row.timeout_seconds,
    )
