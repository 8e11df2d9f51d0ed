"""Claiming: scheduled work and free capacity meet in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Integer, String, exists, func, select, text
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
_OTHER = parse.alias("other")
# One parse of a file at a time: a file that loops while its bundle changes would take all places otherwise.
_IN_HAND = exists().where(
    _OTHER.c.bundle == parse.c.bundle,
    _OTHER.c.file == parse.c.file,
    text("other.state IN ('queued', 'running') AND other.state IN ('scheduled', 'queued', 'running')"),
)
_PARSES = (
    select(*PARSE_COLUMNS)
    .where(parse.c.state == text("'scheduled'"), parse.c.executor == bind("executor"), ~_IN_HAND)
    .order_by(parse.c.scheduled_at, parse.c.parse_id)
    .limit(bind("most"))
    .with_for_update(of=parse, skip_locked=True)
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
        try_number=bind("to_try_number", type_=Integer()),
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
    dealt = [(row, _task_handout(tx, row, request)) for row, request in _deal(rows, takers)]
    _write_tasks(tx, dealt)
    return [handout for _, handout in dealt]


def _claim_parses(tx: Transaction, executor: str, takers: list[_Taker]) -> list[Handout]:
    rows = tx.rows(_PARSES, {"executor": executor, "most": sum(taker.free for taker in takers)})
    dealt = [(row, _parse_handout(tx, row, request)) for row, request in _deal(rows, takers)]
    changes = [
        {"of": row.parse_id, "expected_rev": row.rev, "to_dispatch_id": handout.dispatch_id, "at": tx.now}
        for row, handout in dealt
    ]
    tx.change_each(_QUEUE_PARSE, changes)
    tx.change(_ADD_DISPATCH, [_dispatch_row(handout, row.parse_id, None) for row, handout in dealt])
    return [handout for _, handout in dealt]


def _queues(tx: Transaction, executor: str, takers: Iterable[_Taker]) -> list[str]:
    if any(not taker.request.queues for taker in takers):
        return [row.queue for row in tx.rows(_ALL_QUEUES, {"executor": executor})]
    return sorted({queue for taker in takers for queue in taker.request.queues})


def _deal(rows: Sequence[Any], takers: list[_Taker]) -> list[tuple[Any, ClaimRequest]]:
    """Give each row, in order, to the one with most free capacity among those that serve its queue."""
    dealt: list[tuple[Any, ClaimRequest]] = []
    for row in rows:
        queue = getattr(row, "queue", None)
        able = [taker for taker in takers if taker.free > 0 and taker.serves(queue)]
        if able:
            taker = max(able, key=lambda one: one.free)
            taker.free -= 1
            dealt.append((row, taker.request))
    return dealt


def _task_handout(tx: Transaction, row: Any, request: ClaimRequest) -> Handout:
    activity = execute_task(row, try_id=uuid7(), try_number=row.try_number + 1)
    return _handout(
        tx,
        activity,
        request,
        queue=row.queue,
        dag_version_pk=row.dag_version_pk,
        takeover_after_seconds=row.takeover_after_seconds,
    )


def _parse_handout(tx: Transaction, row: Any, request: ClaimRequest) -> Handout:
    return _handout(tx, parse_dag_file(row), request, queue=None, dag_version_pk=None, takeover_after_seconds=None)


def _handout(
    tx: Transaction,
    activity: ExecuteTask | ParseDagFile,
    request: ClaimRequest,
    *,
    queue: str | None,
    dag_version_pk: int | None,
    takeover_after_seconds: float | None,
) -> Handout:
    return Handout(
        dispatch_id=uuid7(),
        activity=activity,
        executor=request.executor,
        queue=queue,
        worker=request.worker,
        dag_version_pk=dag_version_pk,
        takeover_after_seconds=takeover_after_seconds or tx.options.takeover_after_seconds,
        claimed_at=tx.now,
    )


def _write_tasks(tx: Transaction, dealt: list[tuple[Any, Handout]]) -> None:
    changes: list[dict[str, Any]] = []
    tries: list[dict[str, Any]] = []
    dispatches: list[dict[str, Any]] = []
    for row, handout in dealt:
        if not isinstance(handout.activity, ExecuteTask):
            continue
        reference = handout.activity.task_try
        changes.append(
            {
                "of": row.pk,
                "expected_rev": row.rev,
                "to_state": TaskInstanceState.QUEUED.value,
                "to_try_number": reference.try_number,
                "to_try_id": reference.try_id,
                "to_dispatch_id": handout.dispatch_id,
                "at": tx.now,
            }
        )
        tries.append(_try_row(row, handout, reference.try_id, reference.try_number))
        dispatches.append(_dispatch_row(handout, reference.try_id, row.pk))
        _append_event(tx, row, handout)
    tx.change_each(_QUEUE_TASK, changes)
    tx.change(_ADD_TRY, tries)
    tx.change(_ADD_DISPATCH, dispatches)
    again = [row.pk for row, _ in dealt if row.try_number > 0]
    if again:
        tx.change(_CLEAR_XCOMS, {"instances": again})


def _try_row(row: Any, handout: Handout, try_id: str, try_number: int) -> dict[str, Any]:
    return {
        "try_id": try_id,
        "instance_pk": row.pk,
        "try_number": try_number,
        "state": "queued",
        "executor": handout.executor,
        "queue": row.queue,
        "dispatch_id": handout.dispatch_id,
        "worker": handout.worker.worker if handout.worker else None,
        "queued_at": handout.claimed_at,
    }


def _dispatch_row(handout: Handout, activity_id: str, instance_pk: int | None) -> dict[str, Any]:
    worker: WorkerBinding | None = handout.worker
    return {
        "dispatch_id": handout.dispatch_id,
        "kind": handout.activity.kind,
        "activity_id": activity_id,
        "instance_pk": instance_pk,
        "executor": handout.executor,
        "takeover_after_seconds": handout.takeover_after_seconds,
        "credential_id": worker.credential_id if worker else None,
        "session_id": worker.session_id if worker else None,
        "instance_id": worker.instance_id if worker else None,
        "worker": worker.worker if worker else None,
        "claimed_at": handout.claimed_at,
    }


def _append_event(tx: Transaction, row: Any, handout: Handout) -> None:
    events.append(
        tx,
        machine="task_instance",
        run_pk=row.run_pk,
        instance_pk=row.pk,
        from_state=TaskInstanceState.SCHEDULED.value,
        event=TaskInstanceEvent.CLAIM.value,
        to_state=TaskInstanceState.QUEUED.value,
        actor=f"executor:{handout.executor}",
        detail={"worker": handout.worker.worker} if handout.worker else None,
        dispatch_id=handout.dispatch_id,
    )
