"""The way to what waits: from lane to lane by steps in an index, however many instances stand in each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import Boolean, and_, func, literal, or_, select, text, true, tuple_
from sqlalchemy import bindparam as bind

from tradewind.server.domain.claim_order import Lane
from tradewind.server.store.dispatches.activities import TASK_COLUMNS
from tradewind.server.store.statements import PerDialect
from tradewind.server.store.tables import dag, dag_run, pool, task_instance
from tradewind.server.store.transaction import Transaction

LANES_AT_ONCE: Final = 256
"""Lanes that one walk goes through; the next one begins where it ended, so that more of them cost a claim no more."""

_CLAIM_LOCK: Final = 0x636C61696D
"""Any number that nothing else locks: who counts what is in use and adds to it does so alone."""

_LARGEST_WEIGHT: Final = 2**63 - 1
_CLAIMABLE = text("task_instance.state = 'scheduled' AND task_instance.stopping_dispatch_id IS NULL")


class Position(NamedTuple):
    """A place between two lanes of a queue; the names are those of the columns."""

    dag_id: str
    run_pk: int
    pool: str
    pool_slots: int


_START: Final = Position("", 0, "", 0)
"""Before every lane."""


@dataclass(frozen=True, slots=True)
class Walk:
    """A part of the lanes of a queue.

    Attributes:
        lanes: those that can be handed out from; paused DAGs and unknown pools are left out.
        end: the place that it came to; None at the end of the queue.
        alone: whether no other transaction claims tasks, from now on until the end of this one.
    """

    lanes: list[Lane]
    end: Position | None
    alone: bool


def _all_queues() -> Any:
    """The queues in which an executor's work waits, each found by one step in the index."""
    of_executor = (_CLAIMABLE, task_instance.c.executor == bind("executor"))
    first = select(func.min(task_instance.c.queue).label("queue")).where(*of_executor)
    queues = first.cte("queues", recursive=True)
    following = (
        select(func.min(task_instance.c.queue))
        .where(*of_executor, task_instance.c.queue > queues.c.queue)
        .correlate(queues)
        .scalar_subquery()
    )
    queues = queues.union_all(select(following).where(queues.c.queue.is_not(None)))
    return select(queues.c.queue).where(queues.c.queue.is_not(None))


def _lanes(lock: Any) -> Any:
    """The first instances of the lanes behind a place, each found by one step in the index; and the lock of claims.

    The lock is tried and never waited for, since a transaction may hold rows that the other claimer needs. What counts
    is read by later statements, which see what the last holder of the lock has done.
    """
    here, following, first = (task_instance.alias(name) for name in ("here", "following", "first"))

    def key(of: Any) -> Any:
        return tuple_(of.c.dag_id, of.c.run_pk, of.c.pool, of.c.pool_slots)

    def behind(of: Any) -> Any:
        """The first key that may follow that of a row. Columns as they stand would keep SQLite from looking it up."""
        parts = [func.coalesce(of.c[name], start) for name, start in _START._asdict().items()]
        return tuple_(*parts[:-1], parts[-1] + 1)

    def step(start: Any, *within: Any) -> Any:
        found = select(following.c.pk).where(
            text("following.state = 'scheduled' AND following.stopping_dispatch_id IS NULL"),
            following.c.executor == bind("executor"),
            following.c.queue == bind("queue"),
            key(following) >= start,
        )
        order = (following.c.dag_id, following.c.run_pk, following.c.pool, following.c.pool_slots)
        ordered = found.order_by(*order, following.c.priority_weight.desc(), following.c.pk).limit(1)
        return ordered.correlate(*within).scalar_subquery()

    start = tuple_(*(bind(name, type_=task_instance.c[name].type) for name in Position._fields))
    walked = select(step(start).label("pk"), literal(1).label("number")).cte("walked", recursive=True)
    walked = walked.union_all(
        select(step(behind(here), here), walked.c.number + 1)
        .select_from(walked.join(here, here.c.pk == walked.c.pk))
        .where(walked.c.number < bind("most"))
    )
    waiting = walked.join(first, first.c.pk == walked.c.pk).join(dag_run, dag_run.c.pk == first.c.run_pk)
    return select(
        lock.label("alone"),
        walked.c.number,
        first.c.dag_id,
        first.c.run_pk,
        first.c.pool,
        first.c.pool_slots,
        first.c.pk.label("first_pk"),
        first.c.priority_weight.label("first_weight"),
        first.c.scheduled_at,
        dag_run.c.run_after,
        and_(text("dag_run.state = 'running'"), ~dag.c.paused).label("open"),
        dag.c.max_active_tasks,
        pool.c.slots,
    ).select_from(waiting.join(dag, dag.c.dag_id == first.c.dag_id).outerjoin(pool, pool.c.name == first.c.pool))


_ALL_QUEUES = _all_queues()
_LANES = PerDialect(
    sqlite=_lanes(true()), postgresql=_lanes(func.pg_try_advisory_xact_lock(text(str(_CLAIM_LOCK)), type_=Boolean()))
)
_ROWS = (
    select(
        *TASK_COLUMNS,
        task_instance.c.priority_weight,
        task_instance.c.max_active_tis_per_dag,
        task_instance.c.max_active_tis_per_dagrun,
    )
    .select_from(task_instance.join(dag_run, dag_run.c.pk == task_instance.c.run_pk))
    .where(
        _CLAIMABLE,
        task_instance.c.executor == bind("executor"),
        task_instance.c.queue == bind("of_queue"),
        *(task_instance.c[name] == bind(f"of_{name}") for name in Position._fields),
        task_instance.c.priority_weight <= bind("weight"),
        or_(task_instance.c.priority_weight < bind("weight"), task_instance.c.pk > bind("after")),
    )
    .order_by(task_instance.c.priority_weight.desc(), task_instance.c.pk)
    .limit(bind("most"))
    .with_for_update(of=task_instance, skip_locked=True)
)


def all_queues(tx: Transaction, executor: str) -> list[str]:
    """The queues in which an executor's work waits."""
    return [row.queue for row in tx.rows(_ALL_QUEUES, {"executor": executor})]


def walk(tx: Transaction, executor: str, queue: str, *, behind: Position | None) -> Walk:
    """Some lanes of a queue.

    Args:
        tx: a transaction.
        executor: executor of the work.
        queue: the queue.
        behind: where to begin; the beginning of the queue when None.
    """
    start = _START if behind is None else behind._replace(pool_slots=behind.pool_slots + 1)
    values = {"executor": executor, "queue": queue, "most": LANES_AT_ONCE}
    rows = tx.rows(_LANES, {**values, **start._asdict()})
    end = None
    if len(rows) >= LANES_AT_ONCE:
        last = max(rows, key=lambda row: int(row.number))
        end = Position(last.dag_id, last.run_pk, last.pool, last.pool_slots)
    lanes = [_lane(queue, row) for row in rows if row.open and row.slots is not None]
    return Walk(lanes, end, alone=all(row.alone for row in rows))


def rows_of(tx: Transaction, executor: str, lane: Lane, last: Any | None, most: int) -> Sequence[Any]:
    """The next task instances of a lane in the order of their weights, locked until the end of the transaction.

    Args:
        tx: a transaction that writes.
        executor: executor of the work.
        lane: the lane.
        last: the row behind which to go on; None to begin.
        most: rows to give at most. Those that other transactions hold are left out.
    """
    values: dict[str, Any] = {"executor": executor, "of_queue": lane.queue, "most": most}
    values |= {f"of_{name}": getattr(lane, name) for name in Position._fields}
    values["weight"] = _LARGEST_WEIGHT if last is None else last.priority_weight
    values["after"] = 0 if last is None else last.pk
    return tx.rows(_ROWS, values)


def _lane(queue: str, row: Any) -> Lane:
    return Lane(
        queue=queue,
        dag_id=row.dag_id,
        run_pk=row.run_pk,
        pool=row.pool,
        pool_slots=row.pool_slots,
        max_active_tasks=row.max_active_tasks,
        slots=row.slots,
        run_after=row.run_after,
        first_pk=row.first_pk,
        first_weight=row.first_weight,
        waiting_since=row.scheduled_at,
    )
