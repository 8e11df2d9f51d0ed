"""A new run: pinned to a DAG version and a snapshot, with all its task instances."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam as bind
from sqlalchemy import select

from tradewind.server.contract import (
    DagRunState,
    DagRunType,
    ProblemReason,
    SerializedDag,
    SerializedTask,
    TaskInstanceState,
    TriggeredBy,
)
from tradewind.server.domain.params import check_conf
from tradewind.server.domain.priorities import effective_weights
from tradewind.server.domain.refusals import Refused
from tradewind.server.domain.schedules import DataInterval, NextRun, manual_interval
from tradewind.server.store import events, revisions
from tradewind.server.store.dags.catalogue import dag_version
from tradewind.server.store.rows import RunRow
from tradewind.server.store.runs.lists import get_run
from tradewind.server.store.statements import insert_or
from tradewind.server.store.tables import dag, dag_run, task_instance
from tradewind.server.store.transaction import Transaction

_RUN_ID = re.compile(r"[A-Za-z0-9_.~:+\-]{1,250}")
_MOST_NAMES_TRIED = 100
_KEPT_WEIGHTS = 64
DEFAULT_POOL = "default_pool"
"""Pool of the tasks that name none."""

_DAG = select(dag).where(dag.c.dag_id == bind("dag_id"))
_OF_LOGICAL_DATE = select(dag_run.c.run_id).where(
    dag_run.c.dag_id == bind("dag_id"), dag_run.c.logical_date == bind("date", type_=dag_run.c.logical_date.type)
)
_INSERT = insert_or(dag_run, lambda insert: insert.on_conflict_do_nothing().returning(dag_run.c.pk))
INSERT_INSTANCES = task_instance.insert()


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who asked for a run.

    Attributes:
        user: name of the credential, if a user did.
        actor: who is named in events; the user when absent.
    """

    run_type: DagRunType = DagRunType.MANUAL
    triggered_by: TriggeredBy = TriggeredBy.REST_API
    user: str | None = None
    actor: str | None = None


SCHEDULED = Origin(run_type=DagRunType.SCHEDULED, triggered_by=TriggeredBy.TIMETABLE, actor="scheduler")


@dataclass(frozen=True, slots=True, kw_only=True)
class _NewRun:
    """What differs from run to run of a DAG."""

    origin: Origin
    run_after: datetime
    logical_date: datetime | None
    interval: DataInterval | None
    next_run_after: datetime | None
    conf: dict[str, Any] = field(default_factory=dict)
    note: str | None = None


def create_run(
    tx: Transaction,
    dag_id: str,
    *,
    run_id: str | None = None,
    conf: dict[str, Any] | None = None,
    logical_date: datetime | None = None,
    data_interval: tuple[datetime, datetime] | None = None,
    run_after: datetime | None = None,
    note: str | None = None,
    user: str | None = None,
    run_type: DagRunType = DagRunType.MANUAL,
    triggered_by: TriggeredBy = TriggeredBy.REST_API,
    actor: str | None = None,
) -> RunRow:
    """Create a queued run of a DAG as it is now, because somebody asked for it.

    Args:
        tx: a transaction that writes.
        dag_id: the DAG.
        run_id: name of the run; made from its date when absent.
        conf: configuration that tasks can read.
        logical_date: the date that the run is about.
        data_interval: start and end of the time that it is about; inferred from the logical date when absent.
        run_after: moment from which it may start; now when absent.
        note: words of the one who triggered it.
        user: name of the credential that triggered it.
        run_type: `manual`, or `operator_triggered` for a task that asks.
        triggered_by: the way in which it was asked for.
        actor: who is named in events; the user when absent.

    Raises:
        Refused: `not_found` for the DAG, `conflict` when its file does not declare it any more, `already_exists` for
            the run_id or the logical date, `missing_field` or `invalid_value` for anything else, naming the field.
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
    version = dag_version(tx, found.dag_version_pk)
    check_conf(version.params or {}, conf or {})
    date = _utc(logical_date, "logical_date")
    new = _NewRun(
        origin=Origin(run_type=run_type, triggered_by=triggered_by, user=user, actor=actor),
        run_after=_utc(run_after, "run_after") or tx.now,
        logical_date=date,
        interval=_interval(version, date, data_interval),
        next_run_after=None if found.paused else found.next_interval_end,
        conf=conf or {},
        note=note,
    )
    _refuse_taken_date(tx, dag_id, date)
    name = _insert(tx, found, version, new, [run_id] if run_id is not None else _names(new))
    if name is None:
        _refuse_taken_date(tx, dag_id, date)
        raise Refused(
            ProblemReason.ALREADY_EXISTS,
            f"DAG {dag_id} has a run {run_id or 'of every name that was tried'} already",
            field="dag_run_id",
            action="choose another run_id, or leave it out",
        )
    return get_run(tx, dag_id, name)


def create_scheduled_run(
    tx: Transaction, found: Any, version: SerializedDag, run: NextRun, next_run_after: datetime | None
) -> str | None:
    """Create a queued run because its schedule says so.

    Args:
        tx: a transaction that writes.
        found: the row of the DAG.
        version: its newest version.
        run: the dates of the run.
        next_run_after: when the run after it is due.

    Returns:
        Name of the run; None when another run has its name or its logical date, so that it is not needed.
    """
    new = _NewRun(
        origin=SCHEDULED,
        run_after=run.run_after,
        logical_date=run.logical_date,
        interval=run.data_interval,
        next_run_after=next_run_after,
    )
    return _insert(tx, found, version, new, [f"{DagRunType.SCHEDULED.value}__{run.run_after.isoformat()}"])


def _names(new: _NewRun) -> list[str]:
    """Names made from the date of a run, the first one without a number."""
    date = new.logical_date or new.run_after
    kind = new.origin.run_type.value
    stem = f"{kind}__{date.isoformat() if new.logical_date else date.isoformat(timespec='microseconds')}"
    return [stem, *(f"{stem}-{number}" for number in range(2, _MOST_NAMES_TRIED))]


def _insert(tx: Transaction, found: Any, version: SerializedDag, new: _NewRun, names: Iterable[str]) -> str | None:
    """Insert a run with its task instances under the first of the names that is free, and return that name."""
    values = _run_values(tx, found, new)
    weights = _weights(tx, found.dag_version_pk, version)
    for name in names:
        added = tx.change_returning(_INSERT, {**values, "run_id": name})
        if added:
            pk = added[0].pk
            break
    else:
        return None
    instances = [instance_values(tx, pk, found.dag_id, task, weights[task.task_id]) for task in version.tasks]
    tx.change(INSERT_INSTANCES, instances)
    user, actor = new.origin.user, new.origin.actor
    events.append(
        tx,
        machine="dag_run",
        run_pk=pk,
        instance_pk=None,
        from_state=None,
        event="create",
        to_state=DagRunState.QUEUED.value,
        actor=actor or (f"user:{user}" if user else "server"),
    )
    revisions.hint_changed(tx)
    return name


def _weights(tx: Transaction, version_pk: int, version: SerializedDag) -> dict[str, int]:
    """Effective weights of a version, which never change and take long to count in a large DAG."""
    cache: dict[int, dict[str, int]] = tx.cache.setdefault("effective_weights", {})
    known = cache.get(version_pk)
    if known is None:
        known = effective_weights(version)
        if len(cache) >= _KEPT_WEIGHTS:
            cache.clear()
        cache[version_pk] = known
    return known


def _interval(
    version: SerializedDag, date: datetime | None, given: tuple[datetime, datetime] | None
) -> DataInterval | None:
    if given is not None:
        start, end = _utc(given[0], "data_interval_start"), _utc(given[1], "data_interval_end")
        if start is None or end is None or start > end:
            detail = f"data_interval_end {end} is before data_interval_start {start}"
            raise Refused(ProblemReason.INVALID_VALUE, detail, field="data_interval_end")
        return DataInterval(start, end)
    if date is None:
        return None
    try:
        return manual_interval(version.timetable, date)
    except OverflowError:
        detail = f"the timetable of DAG {version.dag_id} has no data interval for logical date {date.isoformat()}"
        raise Refused(ProblemReason.INVALID_VALUE, detail, field="logical_date") from None


def _refuse_taken_date(tx: Transaction, dag_id: str, date: datetime | None) -> None:
    if date is None:
        return
    other = tx.value(_OF_LOGICAL_DATE, {"dag_id": dag_id, "date": date})
    if other is not None:
        raise Refused(
            ProblemReason.ALREADY_EXISTS,
            f"run {other} of DAG {dag_id} has the logical date {date.isoformat()} already",
            field="logical_date",
            action=f"clear run {other} to run it again, choose another logical date, or leave it out",
        )


def _utc(moment: datetime | None, field: str) -> datetime | None:
    try:
        return None if moment is None else moment.astimezone(UTC)
    except OverflowError:
        raise Refused(ProblemReason.INVALID_VALUE, f"{field} is outside of the calendar", field=field) from None


def _run_values(tx: Transaction, found: Any, new: _NewRun) -> dict[str, Any]:
    return {
        "dag_id": found.dag_id,
        "run_type": new.origin.run_type.value,
        "state": DagRunState.QUEUED.value,
        "rev": 1,
        "dirty_at": tx.now,
        "conf": new.conf,
        "logical_date": new.logical_date,
        "data_interval_start": None if new.interval is None else new.interval.start,
        "data_interval_end": None if new.interval is None else new.interval.end,
        "run_after": new.run_after,
        "queued_at": tx.now,
        "changed_at": tx.now,
        "dag_version_pk": found.dag_version_pk,
        "version_number": found.version_number,
        "bundle": found.bundle,
        "file": found.file,
        "snapshot": found.snapshot,
        "code_id": found.code_id,
        "triggered_by": new.origin.triggered_by.value,
        "triggering_user": new.origin.user,
        "note": new.note,
        "next_run_after": new.next_run_after,
        "clear_number": 0,
    }


def instance_values(tx: Transaction, run_pk: int, dag_id: str, task: SerializedTask, weight: int) -> dict[str, Any]:
    """The row of a task instance that has not run, for `INSERT_INSTANCES`."""
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
