"""Stopping live tries: their authority ends at once, and a next try waits until their process is known to be gone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import String, select, text
from sqlalchemy import bindparam as bind

from tradewind.server.store import session_rows
from tradewind.server.store.column_types import Json, UtcDateTime
from tradewind.server.store.handouts import StopCause
from tradewind.server.store.statements import within
from tradewind.server.store.tables import dispatch, task_instance, task_try
from tradewind.server.store.transaction import Transaction

_MESSAGES: Final[Mapping[StopCause, str]] = {
    StopCause.CLEARED: "its task instance was cleared",
    StopCause.MARKED: "the state of its task instance was set by hand",
    StopCause.CANCELLED: "its run was cancelled",
    StopCause.TIMED_OUT: "its run took longer than its DAG allows",
    StopCause.FAILED_FAST: "another task of its run failed, and the DAG asks for fail_fast",
}

_LIVE = (
    select(dispatch.c.dispatch_id, dispatch.c.activity_id, dispatch.c.instance_pk, dispatch.c.session_id)
    .where(
        text("dispatch.gone_at IS NULL AND dispatch.instance_pk IS NOT NULL"),
        within(dispatch.c.instance_pk, "instances"),
        dispatch.c.ended_at.is_(None),
    )
    .order_by(dispatch.c.dispatch_id)
    .with_for_update()
)
_STOP = (
    dispatch.update()
    .where(dispatch.c.dispatch_id == bind("of"), dispatch.c.ended_at.is_(None))
    .values(
        ended_at=bind("at", type_=UtcDateTime()),
        end_reason=bind("to_reason", type_=String()),
        gone_at=bind("to_gone_at", type_=UtcDateTime()),
    )
)
_STOP_TRY = (
    task_try.update()
    .where(task_try.c.try_id == bind("of"))
    .values(state="stopped", ended_at=bind("at", type_=UtcDateTime()), error=bind("to_error", type_=Json()))
)
_RAISE_FENCE = (
    task_instance.update()
    .where(task_instance.c.pk == bind("of"))
    .values(dispatch_id=None, stopping_dispatch_id=bind("to_stopping", type_=String()))
)
_STOPPING = (
    select(dispatch.c.dispatch_id, dispatch.c.instance_pk, dispatch.c.session_id, dispatch.c.nonce)
    .where(within(dispatch.c.dispatch_id, "dispatches"), dispatch.c.ended_at.is_not(None), dispatch.c.gone_at.is_(None))
    .order_by(dispatch.c.dispatch_id)
    .with_for_update()
)
_GONE = (
    dispatch.update()
    .where(dispatch.c.dispatch_id == bind("of"), dispatch.c.gone_at.is_(None))
    .values(gone_at=bind("at", type_=UtcDateTime()), outcome_digest=bind("to_digest", type_=String()))
)
_LOWER_FENCE = (
    task_instance.update()
    .where(task_instance.c.pk == bind("of"), task_instance.c.stopping_dispatch_id == bind("stopped", type_=String()))
    .values(stopping_dispatch_id=None)
)


def stop_live_tries(tx: Transaction, instance_pks: Collection[int], *, cause: StopCause, actor: str) -> dict[int, str]:
    """Take the authority from the live tries of task instances; their workers are told to kill them.

    Whoever calls holds the rows of the instances and moves them to another state in the same transaction. An instance
    with a try that may still have a process keeps its dispatch in `stopping_dispatch_id`, and is not handed out before
    `confirm_gone` has taken that away. A try that no worker has asked for yet is gone at once.

    Args:
        tx: a transaction that writes.
        instance_pks: task instances; those without a live try are left alone.
        cause: why.
        actor: who wants it, for the error of the try.

    Returns:
        Task instance to the dispatch that was stopped.
    """
    if not instance_pks:
        return {}
    rows = tx.rows(_LIVE, {"instances": sorted(instance_pks)})
    error = {"type": "TryStopped", "message": f"The try was stopped by {actor}: {_MESSAGES[cause]}", "retryable": True}
    stops: list[dict[str, Any]] = []
    fences: list[dict[str, Any]] = []
    for row in rows:
        has_process = row.session_id is not None
        gone_at = None if has_process else tx.now
        stops.append({"of": row.dispatch_id, "at": tx.now, "to_reason": cause.value, "to_gone_at": gone_at})
        fences.append({"of": row.instance_pk, "to_stopping": row.dispatch_id if has_process else None})
    tx.change_each(_RAISE_FENCE, fences)
    tx.change_each(_STOP_TRY, [{"of": row.activity_id, "at": tx.now, "to_error": error} for row in rows])
    tx.change_each(_STOP, stops)
    if rows:
        tx.hint("ended")
    return {row.instance_pk: row.dispatch_id for row in rows}


def stop_live_try(tx: Transaction, instance_pk: int, *, cause: StopCause, actor: str) -> bool:
    """Stop the live try of one task instance, see `stop_live_tries`; whether there was one."""
    return bool(stop_live_tries(tx, [instance_pk], cause=cause, actor=actor))


def confirm_gone(tx: Transaction, digests: Mapping[str, str | None]) -> list[str]:
    """Note that the processes of stopped dispatches are gone, or have to be taken to be.

    Args:
        tx: a transaction that writes.
        digests: dispatch to the identity of the outcome that said so, if one did. Those that were not stopped, or
            are known to be gone, are left alone.

    Returns:
        Those that were stopped and are gone from now on, sorted.
    """
    if not digests:
        return []
    rows = tx.rows(_STOPPING, {"dispatches": sorted(digests)})
    tx.change_each(
        _GONE, [{"of": row.dispatch_id, "at": tx.now, "to_digest": digests[row.dispatch_id]} for row in rows]
    )
    fences = [{"of": row.instance_pk, "stopped": row.dispatch_id} for row in rows if row.instance_pk is not None]
    if tx.change(_LOWER_FENCE, sorted(fences, key=lambda fence: fence["of"])):
        tx.hint("ready")
    session_rows.close_one_shots(tx, {row.session_id for row in rows if row.nonce is not None})
    return [row.dispatch_id for row in rows]
