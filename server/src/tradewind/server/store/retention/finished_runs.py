"""Which ended runs may go: those that are old and that nobody's decision depends on."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, func, or_, select, text
from sqlalchemy import bindparam as bind

from tradewind.server.contract import DagRunState, DagRunType
from tradewind.server.domain.schedules import Schedule
from tradewind.server.store.column_types import UtcDateTime
from tradewind.server.store.dags.catalogue import dag_version
from tradewind.server.store.retention.plan import CANDIDATES_PER_LOOK, RetentionPlan
from tradewind.server.store.statements import insert_ignore, within
from tradewind.server.store.tables import dag, dag_run, dispatch, pruned_run, task_instance
from tradewind.server.store.transaction import Transaction

_ENDED = text("dag_run.state IN ('success', 'failed')")
_OLD = and_(
    _ENDED,
    dag_run.c.ended_at < bind("before", type_=UtcDateTime()),
    or_(
        dag_run.c.ended_at > bind("after", type_=UtcDateTime()),
        and_(dag_run.c.ended_at == bind("after", type_=UtcDateTime()), dag_run.c.pk > bind("after_pk")),
    ),
    # The same once more, as a bound of the index.
    dag_run.c.ended_at >= bind("after", type_=UtcDateTime()),
)
_CANDIDATES = (
    select(
        dag_run.c.pk,
        dag_run.c.dag_id,
        dag_run.c.state,
        dag_run.c.run_type,
        dag_run.c.logical_date,
        dag_run.c.run_after,
        dag_run.c.ended_at,
    )
    .where(_OLD)
    .order_by(dag_run.c.ended_at, dag_run.c.pk)
    .limit(bind("most"))
)
_CANDIDATES_OF_DAGS = _CANDIDATES.where(within(dag_run.c.dag_id, "dag_ids"))
_NEWEST_ENDED = (
    select(dag_run.c.pk)
    .where(dag_run.c.dag_id == bind("dag_id"), _ENDED)
    .order_by(dag_run.c.pk.desc())
    .limit(bind("most"))
)
_LAST_SCHEDULED = (
    select(dag_run.c.pk, dag_run.c.logical_date)
    .where(dag_run.c.dag_id == bind("dag_id"), text("dag_run.run_type = 'scheduled'"))
    .order_by(dag_run.c.pk.desc())
    .limit(1)
)
_DAG = select(dag.c.dag_version_pk, dag.c.max_consecutive_failed_runs).where(dag.c.dag_id == bind("dag_id"))
_PLACES = select(dag_run.c.logical_date, dag_run.c.run_after, dag_run.c.pk).where(dag_run.c.dag_id == bind("dag_id"))
_QUEUED = _PLACES.where(text("dag_run.state = 'queued'"))
_RUNNING = _PLACES.where(text("dag_run.state = 'running'"))
_HELD_BY = select(dag_run.c.held_by_run_pk).where(
    text("dag_run.held_by_run_pk IS NOT NULL"), within(dag_run.c.held_by_run_pk, "runs")
)
_WITH_PROCESSES = select(dispatch.c.instance_pk).where(
    text("dispatch.gone_at IS NULL AND dispatch.instance_pk IS NOT NULL")
)
_RUNS_OF = select(task_instance.c.run_pk).where(within(task_instance.c.pk, "instances")).distinct()
_NEXT_DATED = (
    select(dag_run.c.logical_date)
    .where(dag_run.c.dag_id == bind("dag_id"), dag_run.c.logical_date > bind("moment", type_=UtcDateTime()))
    .order_by(dag_run.c.logical_date)
    .limit(1)
)
_NEXT_UNDATED = (
    select(dag_run.c.run_after, dag_run.c.pk)
    .where(
        dag_run.c.dag_id == bind("dag_id"),
        dag_run.c.logical_date.is_(None),
        dag_run.c.run_after >= bind("moment", type_=UtcDateTime()),
        or_(dag_run.c.run_after > bind("moment", type_=UtcDateTime()), dag_run.c.pk > bind("run")),
    )
    .order_by(dag_run.c.run_after, dag_run.c.pk)
    .limit(1)
)
_SUCCEEDED: Final[ColumnElement[bool]] = dag_run.c.state == DagRunState.SUCCESS.value
_BY_ITSELF: Final[ColumnElement[bool]] = dag_run.c.run_type != DagRunType.MANUAL.value
# What may be asked of the run before another one: any, one that was not triggered by hand, one that succeeded.
_DATED = (_NEXT_DATED, _NEXT_DATED.where(_BY_ITSELF), _NEXT_DATED.where(_SUCCEEDED))
_UNDATED = (_NEXT_UNDATED, _NEXT_UNDATED.where(_BY_ITSELF), _NEXT_UNDATED.where(_SUCCEEDED))
_HOLD = (
    select(dag_run.c.pk)
    .where(within(dag_run.c.pk, "runs"), _ENDED, dag_run.c.ended_at < bind("before", type_=UtcDateTime()))
    .order_by(dag_run.c.pk)
    .with_for_update(skip_locked=True)
)
_MARK = insert_ignore(pruned_run)
_MARKED = select(func.count()).select_from(pruned_run)


@dataclass(frozen=True, slots=True)
class Found:
    """Ended runs that were looked at.

    Attributes:
        runs: keys of those that may go.
        after: where the next look begins; None when there is nothing behind these.
    """

    runs: list[int]
    after: tuple[datetime, int] | None


@dataclass(slots=True)
class _Line:
    """What a DAG's other runs ask of one that has ended.

    Attributes:
        newest: keys of the newest ended runs.
        last_scheduled: key of the last run of its schedule.
        from_here: runs with a later logical date stay, because the schedule would make them again.
        dated: logical dates of live runs, sorted.
        undated: places of live runs without one, sorted.
    """

    newest: frozenset[int]
    last_scheduled: int | None
    from_here: datetime | None
    dated: list[datetime]
    undated: list[tuple[datetime, int]]


def find_old_runs(tx: Transaction, plan: RetentionPlan, after: tuple[datetime, int] | None = None) -> Found:
    """Look at the next ended runs that are old enough, oldest first.

    These stay however old they are: the newest ended ones of a DAG; the last one of its schedule; a run that is, or
    for the next run would be, the one before a live one; and one that may still have a process.

    Args:
        tx: any transaction.
        plan: what is to be kept.
        after: where the look before this one ended.
    """
    if plan.runs is None:
        return Found([], None)
    moment, pk = after or (datetime.fromtimestamp(0, tz=tx.now.tzinfo), 0)
    values: dict[str, Any] = {
        "before": tx.now - plan.runs,
        "after": moment,
        "after_pk": pk,
        "most": CANDIDATES_PER_LOOK,
    }
    if plan.dag_ids:
        rows = tx.rows(_CANDIDATES_OF_DAGS, {**values, "dag_ids": list(plan.dag_ids)})
    else:
        rows = tx.rows(_CANDIDATES, values)
    if not rows:
        return Found([], None)
    lines = {dag_id: _line(tx, plan, dag_id) for dag_id in sorted({row.dag_id for row in rows})}
    needed = _needed(tx, [row.pk for row in rows])
    free = [row.pk for row in rows if row.pk not in needed and _is_free(tx, row, lines[row.dag_id])]
    full = len(rows) == CANDIDATES_PER_LOOK
    return Found(free, (rows[-1].ended_at, rows[-1].pk) if full else None)


def mark_runs(tx: Transaction, plan: RetentionPlan, run_pks: Sequence[int]) -> int:
    """Give runs up, unless they have changed since they were found: nobody can clear or mark them from here on.

    Returns:
        How many were given up.
    """
    if plan.runs is None:
        return 0
    held = [row.pk for row in tx.rows(_HOLD, {"runs": list(run_pks), "before": tx.now - plan.runs})]
    waited_for = {row.held_by_run_pk for row in tx.rows(_HELD_BY, {"runs": held})}
    marked = [{"run_pk": pk, "at": tx.now} for pk in held if pk not in waited_for]
    return tx.change(_MARK, marked)


def given_up(tx: Transaction) -> int:
    """How many runs are marked and not gone yet."""
    number: int = tx.value(_MARKED)
    return number


def _needed(tx: Transaction, run_pks: Sequence[int]) -> set[int]:
    """Those of the runs that a live run waits for, or that may have a process."""
    held = {row.held_by_run_pk for row in tx.rows(_HELD_BY, {"runs": list(run_pks)})}
    instances = [row.instance_pk for row in tx.rows(_WITH_PROCESSES)]
    return held | {row.run_pk for row in tx.rows(_RUNS_OF, {"instances": instances})}


def _line(tx: Transaction, plan: RetentionPlan, dag_id: str) -> _Line:
    values = {"dag_id": dag_id}
    found = tx.row(_DAG, values)
    counted = 0 if found is None else found.max_consecutive_failed_runs
    newest = tx.rows(_NEWEST_ENDED, {**values, "most": max(plan.runs_per_dag, counted, 1)})
    last = tx.row(_LAST_SCHEDULED, values)
    live = [*tx.rows(_QUEUED, values), *tx.rows(_RUNNING, values)]
    makes_up = last is not None and found is not None and _makes_up(tx, found)
    return _Line(
        newest=frozenset(row.pk for row in newest),
        last_scheduled=None if last is None else last.pk,
        from_here=last.logical_date if makes_up and last is not None else None,
        dated=sorted(row.logical_date for row in live if row.logical_date is not None),
        undated=sorted((row.run_after, row.pk) for row in live if row.logical_date is None),
    )


def _makes_up(tx: Transaction, found: Any) -> bool:
    """Whether the schedule of a DAG makes runs for dates that passed."""
    schedule = Schedule.of(dag_version(tx, found.dag_version_pk))
    return schedule is not None and schedule.catchup


def _is_free(tx: Transaction, row: Any, line: _Line) -> bool:
    if row.pk in line.newest or row.pk == line.last_scheduled:
        return False
    if row.logical_date is None:
        return not _is_before_one(tx, row, line.undated)
    if line.from_here is not None and row.logical_date > line.from_here:
        return False
    return not _is_before_one(tx, row, line.dated)


def _is_before_one(tx: Transaction, row: Any, live: Sequence[Any]) -> bool:
    """Whether it is the run before a live one, or would be the one before the next, of any kind that may be asked."""
    dated = row.logical_date is not None
    own = row.logical_date if dated else (row.run_after, row.pk)
    number = bisect_right(live, own)
    next_live = live[number] if number < len(live) else None
    values: Mapping[str, Any] = {"dag_id": row.dag_id, "moment": row.logical_date if dated else row.run_after}
    if not dated:
        values = {**values, "run": row.pk}
    for statement in _asked_of(row, _DATED if dated else _UNDATED):
        following = tx.row(statement, values)
        if following is None:
            return True
        place = following[0] if dated else tuple(following)
        if next_live is not None and next_live <= place:
            return True
    return False


def _asked_of(row: Any, statements: Sequence[Any]) -> Iterable[Any]:
    """The questions that a run can be the answer to."""
    anyone, by_itself, succeeded = statements
    yield anyone
    if row.run_type != DagRunType.MANUAL.value:
        yield by_itself
    if row.state == DagRunState.SUCCESS.value:
        yield succeeded
