"""A new run: pinned to a DAG version and a snapshot, with all its task instances."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam as bind
from sqlalchemy import select

from tradewind.server.contract import DagRunState, DagRunType, ProblemReason, SerializedTask, TaskInstanceState, TriggeredBy
from tradewind.server.domain.priorities import effective_weights
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import events
from tradewind.server.store.dags.catalogue import dag_version
from tradewind.server.store.rows import RunRow
from tradewind.server.store.runs.lists import get_run
from tradewind.server.store.statements import insert_or
from tradewind.server.store.tables import dag, dag_run, task_instance
from tradewind.server.store.transaction import Transaction

_RUN_ID = re.compile(r"[A-Za-z0-9_.~:+\-]{1,250}")
_MOST_NAMES_TRIED = 100
DEFAULT_POOL = "default_pool"
"""Pool of the tasks that name none."""

_DAG = select(dag).where(dag.c.dag_id == bind("dag_id"))
_INSERT = insert_or(
    dag_run, lambda insert: insert.on_conflict_do_nothing(index_elements=["dag_id", "run_id"]).returning(dag_run.c.pk)
)
_INSERT_INSTANCES = task_instance.insert()


def create_run(
    tx: Transaction,
    dag_id: str,
    *,
    run_id: str | None = None,
    conf: dict[str, Any] | None = None,
    logical_date: datetime | None = None,
    user: str | None = None,
    note: str | None = None,
) -> RunRow:
    """Create a queued run of a DAG as it is now.

    Args:
        tx: a transaction that writes.
        dag_id: the DAG.
        run_id: name of the run; made from the time when absent.
        conf: configuration that tasks can read.
        logical_date: the date that the run is about, and the bounds of its data interval.
        user: name of the credential that triggered it.
        note: words of the one who triggered it.

    Raises:
        Refused: `not_found` for the DAG, `conflict` when its file does not declare it any more, `already_exists` or
            `invalid_value` for the run_id.
    """
    found = None if "\0" in dag_id else tx.row(_DAG, {"dag_id": dag_id})
    if found is None:
        raise Refused(ProblemReason.NOT_FOUND, f"there is no DAG {dag_id}", field="dag_id")
    if found.stale:
        raise Refused(
            ProblemReason.CONFLICT,
            f"DAG {dag_id} is not declared by {found.file} any more",
            field="dag_id",
            action="restore the DAG in its file, or trigger another one",
        )
    if run_id is not None and not _RUN_ID.fullmatch(run_id):
        detail = f"run_id must have 1 to 250 letters, digits or any of _ . ~ : + -, got {run_id!r}"
        raise Refused(ProblemReason.INVALID_VALUE, detail, field="dag_run_id")
    values = _run_values(tx, found, conf=conf or {}, logical_date=logical_date, user=user, note=note)
    pk, name = _insert(tx, values, run_id)
    version = dag_version(tx, found.dag_version_pk)
    weights = effective_weights(version)
    tx.change(
        _INSERT_INSTANCES, [_instance_values(tx, pk, dag_id, task, weights[task.task_id]) for task in version.tasks]
    )
    events.append(
        tx,
        machine="dag_run",
        run_pk=pk,
        instance_pk=None,
        from_state=None,
        event="create",
        to_state=DagRunState.QUEUED.value,
        actor=f"user:{user}" if user else "server",
    )
    tx.hint("runs")
    return get_run(tx, dag_id, name)


def _insert(tx: Transaction, values: dict[str, Any], run_id: str | None) -> tuple[int, str]:
    """Insert the run under its name, or under the first free one made from the time."""
    stem = f"manual__{tx.now.astimezone(UTC).isoformat(timespec='microseconds')}"
    names = [run_id] if run_id is not None else [stem, *(f"{stem}-{number}" for number in range(2, _MOST_NAMES_TRIED))]
    for name in names:
        added = tx.change_returning(_INSERT, {**values, "run_id": name})
        if added:
            return added[0].pk, name
    raise Refused(
        ProblemReason.ALREADY_EXISTS,
        f"DAG {values['dag_id']} has a run {names[-1]} already",
        field="dag_run_id",
        action="choose another run_id, or leave it out",
    )


def _run_values(
    tx: Transaction,
    found: Any,
    *,
    conf: dict[str, Any],
    logical_date: datetime | None,
    user: str | None,
    note: str | None,
) -> dict[str, Any]:
    return {
        "dag_id": found.dag_id,
        "run_type": DagRunType.MANUAL.value,
        "state": DagRunState.QUEUED.value,
        "rev": 1,
        "dirty_at": tx.now,
        "conf": conf,
        "logical_date": logical_date,
        "data_interval_start": logical_date,
        "data_interval_end": logical_date,
        "run_after": tx.now,
        "queued_at": tx.now,
        "changed_at": tx.now,
        "dag_version_pk": found.dag_version_pk,
        "version_number": found.version_number,
        "bundle": found.bundle,
        "file": found.file,
        "snapshot": found.snapshot,
        "code_id": found.code_id,
        "triggered_by": TriggeredBy.REST_API.value,
        "triggering_user": user,
        "note": note,
        "clear_number": 0,
    }


def _instance_values(tx: Transaction, run_pk: int, dag_id: str, task: SerializedTask, weight: int) -> dict[str, Any]:
    return {
        "run_pk": run_pk,
        "dag_id": dag_id,
        "task_id": task.task_id,
        "map_index": -1,
        "operator": task.operator,
        "state": TaskInstanceState.NONE.value,
        "rev": 1,
        "run_rev": 1,
        "try_number": 0,
        "failures": 0,
        "lost": 0,
        "retries": task.retries,
        "retry_delay_seconds": task.retry_delay_seconds,
        "retry_backoff": task.retry_backoff,
        "max_retry_delay_seconds": task.max_retry_delay_seconds,
        "execution_timeout_seconds": task.execution_timeout_seconds,
        "priority_weight": weight,
        "pool": task.pool or DEFAULT_POOL,
        "pool_slots": task.pool_slots,
        "max_active_tis_per_dag": task.max_active_tis_per_dag,
        "max_active_tis_per_dagrun": task.max_active_tis_per_dagrun,
        "run_as_user": task.run_as_user,
        "queue": task.queue,
        "executor": task.executor or tx.options.default_executor,
        "isolation": task.isolation.value,
        "on_cut": task.on_cut.value,
        "takeover_after_seconds": task.takeover_after_seconds,
        "changed_at": tx.now,
    }
