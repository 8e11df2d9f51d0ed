"""Runs and their task instances for a change by hand: found, and locked until the transaction ends."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from tradewind.server.contract import DAG_RUN_FINAL, DagRunState, ProblemReason, TaskInstanceState
from tradewind.server.domain.graph import Graph
from tradewind.server.domain.refusals import Refused
from tradewind.server.store.dags.catalogue import dag_version
from tradewind.server.store.runs.lists import get_run
from tradewind.server.store.statements import within
from tradewind.server.store.tables import dag_run, dispatch, pruned_run, task_instance
from tradewind.server.store.transaction import Transaction

MOST_RUNS = 1000
"""Runs of one change: a transaction must not grow without bound."""

MOST_INSTANCES = 20_000
"""Task instances of one change of several runs, for the same reason: about a second of the one writer."""

_RUN_COLUMNS = select(
    dag_run.c.pk,
    dag_run.c.dag_id,
    dag_run.c.run_id,
    dag_run.c.state,
    dag_run.c.dag_version_pk,
    dag_run.c.logical_date,
    dag_run.c.cancelled_at,
    dag_run.c.end_reason,
)
_LOCK_RUNS = _RUN_COLUMNS.where(within(dag_run.c.pk, "runs")).order_by(dag_run.c.pk).with_for_update()
_LIVE_DISPATCHES = (
    select(dispatch.c.dispatch_id)
    .where(
        dispatch.c.dispatch_id.in_(
            select(task_instance.c.dispatch_id).where(
                within(task_instance.c.run_pk, "runs"), task_instance.c.dispatch_id.is_not(None)
            )
        )
    )
    .order_by(dispatch.c.dispatch_id)
    .with_for_update()
)
_INSTANCES = (
    select(
        task_instance.c.pk,
        task_instance.c.run_pk,
        task_instance.c.task_id,
        task_instance.c.map_index,
        task_instance.c.state,
        task_instance.c.rev,
    )
    .where(within(task_instance.c.run_pk, "runs"))
    .order_by(task_instance.c.pk)
)
_GIVEN_UP = select(pruned_run.c.run_pk).where(within(pruned_run.c.run_pk, "runs"))
_OF_TASKS = _INSTANCES.where(within(task_instance.c.task_id, "task_ids"))


@dataclass(slots=True)
class HeldRun:
    """A run that no other transaction changes meanwhile.

    Attributes:
        ending: whether it is live and has to end before its tasks do: it was cancelled, took too long or failed fast.
    """

    pk: int
    dag_id: str
    run_id: str
    state: DagRunState
    dag_version_pk: int
    logical_date: datetime | None
    ending: bool


@dataclass(frozen=True, slots=True)
class HeldInstance:
    """A task instance that no other transaction changes meanwhile."""

    pk: int
    run_pk: int
    task_id: str
    map_index: int
    state: TaskInstanceState
    rev: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRange:
    """Runs of a DAG.

    Attributes:
        run_id: the run that is named.
        past: whether those with an earlier logical date are meant, too.
        future: whether those with a later logical date are.
        start: without a run_id, the first logical date.
        end: without a run_id, the last logical date.
    """

    dag_id: str
    run_id: str | None = None
    past: bool = False
    future: bool = False
    start: datetime | None = None
    end: datetime | None = None


def hold_runs(tx: Transaction, wanted: RunRange) -> list[HeldRun]:
    """Find runs, and lock them in a transaction that writes.

    Runs that retention is deleting are left out of a range.

    Raises:
        Refused: `not_found` for the run; `conflict` when retention is deleting it; `invalid_value` when it has no
            logical date and others are asked for by it, or when there are too many.
    """
    found: Select[Any] = _RUN_COLUMNS.where(dag_run.c.dag_id == wanted.dag_id.replace("\0", ""))
    if wanted.run_id is None:
        found = _between(found, wanted.start, wanted.end)
    else:
        run = get_run(tx, wanted.dag_id, wanted.run_id)
        if not (wanted.past or wanted.future):
            found = found.where(dag_run.c.pk == run.pk)
        elif run.logical_date is None:
            raise Refused(
                ProblemReason.INVALID_VALUE,
                f"run {run.run_id} has no logical date, so that no run is before or after it",
                field="include_past" if wanted.past else "include_future",
                action="name the other runs one by one",
            )
        else:
            first, last = None if wanted.past else run.logical_date, None if wanted.future else run.logical_date
            found = _between(found.where(dag_run.c.logical_date.is_not(None)), first, last)
    found = found.order_by(dag_run.c.pk).limit(MOST_RUNS + 1)
    rows = tx.rows(found)
    if len(rows) > MOST_RUNS:
        raise Refused(
            ProblemReason.INVALID_VALUE,
            f"more than {MOST_RUNS} runs of DAG {wanted.dag_id} are meant",
            field="start_date",
            action="name fewer runs at once, by start_date and end_date",
        )
    if not tx.read_only:
        rows = _locked(tx, [row.pk for row in rows])
    return [_held_run(row) for row in _kept(tx, wanted, rows)]


def _kept(tx: Transaction, wanted: RunRange, rows: Sequence[Any]) -> list[Any]:
    """The runs that retention is not deleting, as is known for sure once they are locked."""
    given_up = {row.run_pk for row in tx.rows(_GIVEN_UP, {"runs": [row.pk for row in rows]})} if rows else set()
    if wanted.run_id is not None and (
        not rows or any(row.run_id == wanted.run_id and row.pk in given_up for row in rows)
    ):
        raise Refused(
            ProblemReason.CONFLICT,
            f"run {wanted.run_id} is old and is being deleted",
            field="dag_run_id",
            action="trigger the DAG anew; retention.runs_days says how long runs are kept",
        )
    return [row for row in rows if row.pk not in given_up]


def _locked(tx: Transaction, pks: Collection[int]) -> Sequence[Any]:
    """Lock runs; before them the dispatches of their live tries, since a report holds one and then waits for a run."""
    if tx.dialect == "postgresql":
        tx.rows(_LIVE_DISPATCHES, {"runs": pks})
    return tx.rows(_LOCK_RUNS, {"runs": pks})


def _between(found: Select[Any], start: datetime | None, end: datetime | None) -> Select[Any]:
    if start is not None:
        found = found.where(dag_run.c.logical_date >= start)
    if end is not None:
        found = found.where(dag_run.c.logical_date <= end)
    return found


def _held_run(row: Any) -> HeldRun:
    state = DagRunState(row.state)
    ending = state not in DAG_RUN_FINAL and (row.cancelled_at is not None or row.end_reason is not None)
    return HeldRun(row.pk, row.dag_id, row.run_id, state, row.dag_version_pk, row.logical_date, ending)


def hold_instances(
    tx: Transaction, runs: Collection[HeldRun], task_ids: Collection[str] | None = None
) -> list[HeldInstance]:
    """Task instances of runs, by key, and lock them in a transaction that writes.

    Args:
        tx: a transaction.
        runs: their runs.
        task_ids: of these tasks alone; of all when None.

    Raises:
        Refused: `invalid_value` when there are too many in several runs.
    """
    statement = _INSTANCES if task_ids is None else _OF_TASKS
    values: dict[str, Any] = {"runs": [run.pk for run in runs]}
    if task_ids is not None:
        values["task_ids"] = sorted(task_ids)
    if len(runs) > 1:
        statement = statement.limit(MOST_INSTANCES + 1)
    rows = tx.rows(statement if tx.read_only else statement.with_for_update(), values)
    if len(runs) > 1 and len(rows) > MOST_INSTANCES:
        raise Refused(
            ProblemReason.INVALID_VALUE,
            f"more than {MOST_INSTANCES} task instances are meant",
            field="task_ids",
            action="name fewer tasks or fewer runs at once",
        )
    return [
        HeldInstance(row.pk, row.run_pk, row.task_id, row.map_index, TaskInstanceState(row.state), row.rev)
        for row in rows
    ]


def graphs_of(tx: Transaction, version_pks: Iterable[int]) -> dict[int, Graph]:
    """The graphs of DAG versions, by key."""
    return {pk: Graph.from_dag(dag_version(tx, pk)) for pk in set(version_pks)}
