"""What a claim writes: the state of what it hands out, a try and a dispatch for each, and an event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Integer, String
from sqlalchemy import bindparam as bind

from tradewind.server.contract import ExecuteTask, ParseDagFile, TaskInstanceEvent, TaskInstanceState
from tradewind.server.store import events
from tradewind.server.store.column_types import UtcDateTime
from tradewind.server.store.handouts import ClaimRequest, Handout, WorkerBinding
from tradewind.server.store.identity import uuid7
from tradewind.server.store.statements import within
from tradewind.server.store.tables import dispatch, parse, task_instance, task_try, xcom
from tradewind.server.store.transaction import Transaction

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


def handout_of(
    tx: Transaction,
    activity: ExecuteTask | ParseDagFile,
    request: ClaimRequest,
    *,
    queue: str | None = None,
    dag_version_pk: int | None = None,
    takeover_after_seconds: float | None = None,
) -> Handout:
    """A new dispatch of an activity to the one who asked.

    Args:
        tx: a transaction that writes.
        activity: what is handed out.
        request: who takes it.
        queue: queue of the task; None for a parse.
        dag_version_pk: DAG version of the task; None for a parse.
        takeover_after_seconds: silence after which it counts as lost; the deployment's default when None.
    """
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


def write_parses(tx: Transaction, dealt: Sequence[tuple[Any, Handout]]) -> None:
    """Record that parses were handed out; the rows are those that were read for it."""
    changes = [
        {"of": row.parse_id, "expected_rev": row.rev, "to_dispatch_id": handout.dispatch_id, "at": tx.now}
        for row, handout in dealt
    ]
    tx.change_each(_QUEUE_PARSE, changes)
    tx.change(_ADD_DISPATCH, [_dispatch_row(handout, row.parse_id, None) for row, handout in dealt])


def write_tasks(tx: Transaction, dealt: Sequence[tuple[Any, Handout]]) -> None:
    """Record that tries were handed out; the rows are those that were read for it."""
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
