"""Claiming: scheduled work and free capacity meet in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, String, func, select, text
from sqlalchemy import bindparam as bind

from tradewind.server.contract import ActivityKind, ExecuteTask, ParseDagFile, TaskInstanceEvent, TaskInstanceState
from tradewind.server.store import events
from tradewind.server.store.column_types import UtcDateTime
from tradewind.server.store.dispatches.activities import PARSE_COLUMNS, TASK_COLUMNS, execute_task, parse_dag_file
from tradewind.server.store.handouts import ClaimRequest, Handout, WorkerBinding
from tradewind.server.store.identity import uuid7
from tradewind.server.store.statements import within
from tradewind.server.store.tables import dag_run, dispatch, parse, task_instance, task_try, worker_session, xcom
from tradewind.server.store.transaction import Transaction

_SCHEDULED = task_instance.c.state == text("'scheduled'")
_CONNECTED = select(worker_session.c.session_id, worker_session.c.connection_epoch).where(
    within(worker_session.c.session_id, "sessions"), worker_session.c.connected
)
_TASKS = (
    select(*TASK_COLUMNS)
    .select_from(task_instance.join(dag_run, dag_run.c.pk == task_instance.c.run_pk))
    .where(_SCHEDULED, task_instance.c.executor == bind("executor"), task_instance.c.queue == bind("queue"))
    .order_by(task_instance.c.scheduled_at, task_instance.c.pk)
    .limit(bind("most"))
    .with_for_update(of=task_instance, skip_locked=True)
)
_PARSES = (
    select(*PARSE_COLUMNS)
    .where(parse.c.state == text("'scheduled'"), parse.c.executor == bind("executor"))
    .order_by(parse.c.scheduled_at, parse.c.parse_id)
    .limit(bind("most"))
    .with_for_update(skip_locked=True)
)


def _all_queues() -> Any:
    """The queues in which an executor's work waits, each found by one step in the index."""
    of_executor = (_SCHEDULED, task_instance.c.executor == bind("executor"))
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


_ALL_QUEUES = _all_queues()
_QUEUE_TASK = (
    task_instance.update()
    .where(task_instance.c.pk == bind("of"), task_instance.c.rev == bind("expected_rev", type_=BigInteger()))
    .values(
        state=bind("to_state", type_=String()),
        rev=task_instance.c.rev + 1,
        try_number=bind("to_try_number"),
        try_id=bind("to_try_id", type_=String()),
        dispatch_id=bind("to_dispatch_id", type_=String()),
        queued_at=bind("at", type_=UtcDateTime()),
        changed_at=bind("at", type_=UtcDateTime()),
        started_at=None,
        ended_at=None,
    )
)
_QUEUE_PARSE = (
    parse.update()
    .where(parse.c.parse_id == bind("of"), parse.c.rev == bind("expected_rev"))
    .values(
        state="queued",
        rev=parse.c.rev + 1,
        dispatch_id=bind("to_dispatch_id", type_=String()),
        queued_at=bind("at", type_=UtcDateTime()),
    )
)
_ADD_TRY = task_try.insert()
_ADD_DISPATCH = dispatch.insert()
_CLEAR_XCOMS = xcom.delete().where(within(xcom.c.instance_pk, "instances"))


@dataclass(slots=True)
class _Taker:
    request: ClaimRequest
    free: int

    def serves(self, queue: str | None) -> bool:
        return queue is None or not self.request.queues or queue in self.request.queues


def claim(tx: Transaction, requests: Sequence[ClaimRequest]) -> list[Handout]:
    """Hand out what waits, oldest first in each queue, to those with most free capacity.

    A worker whose connection is not the newest one of its instance gets nothing. Several processes may claim at once:
    what one of them has in hand is left out by the others.

    Args:
        tx: a transaction that writes.
        requests: free capacity.

    Returns:
        What was handed out, to be delivered after the commit. A handout that is not delivered is found again by
        `undelivered`, or when its worker connects.
    """
    takers = [_Taker(request, request.limit) for request in _of_connected(tx, requests) if request.limit > 0]
    handouts: list[Handout] = []
    for kind in ActivityKind:
        of_kind = [taker for taker in takers if taker.request.kind is kind]
        for executor in sorted({taker.request.executor for taker in of_kind}):
            offering = [taker for taker in of_kind if taker.request.executor == executor]
            if kind is ActivityKind.EXECUTE_TASK:
                handouts += _claim_tasks(tx, executor, offering)
            else:
                handouts += _claim_parses(tx, executor, offering)
    return handouts


def _of_connected(tx: Transaction, requests: Sequence[ClaimRequest]) -> list[ClaimRequest]:
    sessions = {request.worker.session_id for request in requests if request.worker is not None}
    if not sessions:
        return list(requests)
    epochs = {row.session_id: row.connection_epoch for row in tx.rows(_CONNECTED, {"sessions": sorted(sessions)})}
    return [
        request
        for request in requests
        if request.worker is None or epochs.get(request.worker.session_id) == request.worker.connection_epoch
    ]


def _claim_tasks(tx: Transaction, executor: str, takers: list[_Taker]) -> list[Handout]:
    rows: list[Any] = []
    for queue in _queues(tx, executor, takers):
        most = sum(taker.free for taker in takers if taker.serves(queue))
        rows += tx.rows(_TASKS, {"executor": executor, "queue": queue, "most": most})
    rows.sort(key=lambda row: (row.scheduled_at, row.pk))
    handouts = [_task_handout(tx, row, request) for row, request in _deal(rows, takers)]
    _write_tasks(tx, [(row, handout) for row, handout in zip(_dealt(rows, handouts), handouts, strict=True)])
    return handouts


def _queues(tx: Transaction, executor: str, takers: Iterable[_Taker]) -> list[str]:
    if any(not taker.request.queues for taker in takers):
        return [row.queue for row in tx.rows(_ALL_QUEUES, {"executor": executor})]
    return sorted({queue for taker in takers for queue in taker.request.queues})
