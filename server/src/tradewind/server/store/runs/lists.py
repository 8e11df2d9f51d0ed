"""Reading runs, task instances and tries."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy import bindparam as bind

from tradewind.server.contract import DagRunState, ProblemReason, TaskInstanceState
from tradewind.server.domain.refusals import Refused
from tradewind.server.store.rows import InstanceRow, Page, RunRow, TryRow
from tradewind.server.store.runs.filters import RunFilter, RunOrder, ordered
from tradewind.server.store.statements import within
from tradewind.server.store.tables import dag_run, task_instance, task_try
from tradewind.server.store.transaction import Transaction

EVERY_RUN: Final = RunFilter()

_RUNS = select(*(column for column in dag_run.columns if column.name != "dirty_at"))
_RUN = _RUNS.where(dag_run.c.dag_id == bind("dag_id"), dag_run.c.run_id == bind("run_id"))
_INTERNAL = {"run_rev", "isolation", "on_cut", "takeover_after_seconds"}
_INSTANCES = select(
    *(column for column in task_instance.columns if column.name not in _INTERNAL),
    dag_run.c.run_id,
    dag_run.c.dag_version_pk,
    task_try.c.worker,
    task_try.c.hostname,
    task_try.c.unixname,
    task_try.c.pid,
    task_try.c.error,
).select_from(
    task_instance.join(dag_run, dag_run.c.pk == task_instance.c.run_pk).outerjoin(
        task_try, task_try.c.try_id == task_instance.c.try_id
    )
)
_INSTANCE = _INSTANCES.where(
    dag_run.c.dag_id == bind("dag_id"),
    dag_run.c.run_id == bind("run_id"),
    task_instance.c.task_id == bind("task_id"),
    task_instance.c.map_index == bind("map_index"),
)
_OF_RUN = _INSTANCES.where(task_instance.c.run_pk == bind("run")).order_by(task_instance.c.pk)
_BY_PK = _INSTANCES.where(within(task_instance.c.pk, "pks")).order_by(task_instance.c.run_pk, task_instance.c.pk)
_TRIES = select(task_try).where(task_try.c.instance_pk == bind("instance")).order_by(task_try.c.try_number)
_TRY = select(task_try).where(task_try.c.instance_pk == bind("instance"), task_try.c.try_number == bind("try_number"))
_COUNTS = (
    select(task_instance.c.state, func.count().label("number"))
    .where(task_instance.c.run_pk == bind("run"))
    .group_by(task_instance.c.state)
)


def get_run(tx: Transaction, dag_id: str, run_id: str) -> RunRow:
    """One run.

    Raises:
        Refused: `not_found`.
    """
    row = None if "\0" in dag_id + run_id else tx.row(_RUN, {"dag_id": dag_id, "run_id": run_id})
    if row is None:
        raise Refused(ProblemReason.NOT_FOUND, f"DAG {dag_id} has no run {run_id}", field="dag_run_id")
    return _run(row)


def list_runs(
    tx: Transaction,
    dag_id: str | None,
    *,
    chosen: RunFilter = EVERY_RUN,
    limit: int = 100,
    offset: int = 0,
    order: Sequence[RunOrder] = ("-id",),
) -> Page[RunRow]:
    """Runs of one DAG or of all.

    Args:
        tx: a transaction.
        dag_id: the DAG; all of them when None.
        chosen: which of them.
        limit: most rows.
        offset: rows to leave out before them.
        order: what comes first; the newest when nothing is said.
    """
    found: Select[Any] = _RUNS
    values: dict[str, Any] = {}
    if dag_id is not None:
        found = found.where(dag_run.c.dag_id == bind("dag_id"))
        values["dag_id"] = dag_id.replace("\0", "")
    found = chosen.apply(found, values)
    total = tx.value(select(func.count()).select_from(found.subquery()), values)
    rows = tx.rows(ordered(found, order).limit(limit).offset(offset), values)
    return Page([_run(row) for row in rows], total)


def get_instance(tx: Transaction, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> InstanceRow:
    """One task instance.

    Raises:
        Refused: `not_found`.
    """
    names = {"dag_id": dag_id, "run_id": run_id, "task_id": task_id}
    row = None if "\0" in dag_id + run_id + task_id else tx.row(_INSTANCE, {**names, "map_index": map_index})
    if row is None:
        get_run(tx, dag_id, run_id)
        raise Refused(ProblemReason.NOT_FOUND, f"run {run_id} has no task instance {task_id}", field="task_id")
    return _instance(row)


def list_instances(
    tx: Transaction, run_pk: int, *, states: Collection[str] = (), limit: int = 100, offset: int = 0
) -> Page[InstanceRow]:
    """Task instances of a run in topological order, in all states or some."""
    found: Select[Any] = _OF_RUN
    values: dict[str, Any] = {"run": run_pk}
    if states:
        found = found.where(within(task_instance.c.state, "states"))
        values["states"] = states
    counted = found.with_only_columns(func.count(), maintain_column_froms=True).order_by(None)
    rows = tx.rows(found.limit(limit).offset(offset), values)
    return Page([_instance(row) for row in rows], tx.value(counted, values))


def instances_by_pk(tx: Transaction, pks: Collection[int]) -> list[InstanceRow]:
    """Task instances by key, run after run in topological order."""
    return [_instance(row) for row in tx.rows(_BY_PK, {"pks": pks})]


def list_tries(tx: Transaction, instance_pk: int) -> list[TryRow]:
    """The tries of a task instance, oldest first."""
    return [TryRow(**row._asdict()) for row in tx.rows(_TRIES, {"instance": instance_pk})]


def get_try(tx: Transaction, instance_pk: int, try_number: int) -> TryRow:
    """One try of a task instance.

    Raises:
        Refused: `not_found`.
    """
    row = tx.row(_TRY, {"instance": instance_pk, "try_number": try_number})
    if row is None:
        detail = f"the task instance has no try {try_number}"
        raise Refused(ProblemReason.NOT_FOUND, detail, field="try_number")
    return TryRow(**row._asdict())


def instance_states(tx: Transaction, run_pk: int) -> dict[str, int]:
    """How many task instances of a run are in each state."""
    return {row.state: row.number for row in tx.rows(_COUNTS, {"run": run_pk})}


def _run(row: Any) -> RunRow:
    values = row._asdict()
    return RunRow(**{**values, "state": DagRunState(values["state"])})


def _instance(row: Any) -> InstanceRow:
    values = row._asdict()
    return InstanceRow(**{**values, "state": TaskInstanceState(values["state"])})
