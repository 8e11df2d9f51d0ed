"""The record of every change of state, appended in the transaction that makes the change."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam as bind
from sqlalchemy import func, select

from tradewind.server.store.rows import EventRow, Page
from tradewind.server.store.tables import dag_run, event, task_instance
from tradewind.server.store.transaction import Transaction

_INSERT = event.insert()
_EVENTS = select(
    event, task_instance.c.task_id, task_instance.c.map_index, dag_run.c.dag_id, dag_run.c.run_id
).select_from(
    event.join(dag_run, dag_run.c.pk == event.c.run_pk).outerjoin(
        task_instance, task_instance.c.pk == event.c.instance_pk
    )
)
_LIST = (
    _EVENTS.where(event.c.run_pk == bind("run"), event.c.id > bind("after")).order_by(event.c.id).limit(bind("most"))
)
_LIST_OF_INSTANCE = _LIST.where(event.c.instance_pk == bind("instance"))


def append(
    tx: Transaction,
    *,
    machine: str,
    run_pk: int,
    instance_pk: int | None,
    from_state: str | None,
    event: str,
    to_state: str,
    actor: str,
    detail: dict[str, Any] | None = None,
    dispatch_id: str | None = None,
) -> None:
    """Record one change; all of a transaction are written together at its end.

    Args:
        tx: the transaction that makes the change.
        machine: `task_instance` or `dag_run`.
        run_pk: the run that changed, or whose task instance did.
        instance_pk: the task instance, if one changed.
        from_state: state before; None for what is new.
        event: what happened, a word of the table of states, or `create`.
        to_state: state after.
        actor: who did it: `scheduler`, `worker:<name>`, `user:<name>` and so on.
        detail: anything else worth knowing; no secrets.
        dispatch_id: the dispatch that it came through.
    """
    pending: list[dict[str, Any]] | None = tx.memo.get("events")
    if pending is None:
        pending = tx.memo["events"] = []
        tx.before_commit(_write)
    tx.changes += 1
    pending.append(
        {
            "at": tx.now,
            "machine": machine,
            "run_pk": run_pk,
            "instance_pk": instance_pk,
            "dispatch_id": dispatch_id,
            "from_state": from_state,
            "event": event,
            "to_state": to_state,
            "actor": actor,
            "detail": detail or {},
        }
    )


def list_events(
    tx: Transaction, run_pk: int, *, instance_pk: int | None = None, after_id: int = 0, limit: int = 1000
) -> list[EventRow]:
    """Changes of a run or of one of its task instances, oldest first."""
    values = {"run": run_pk, "after": after_id, "most": limit}
    if instance_pk is None:
        rows = tx.rows(_LIST, values)
    else:
        rows = tx.rows(_LIST_OF_INSTANCE, {**values, "instance": instance_pk})
    return [EventRow(**row._asdict()) for row in rows]


def list_all_events(
    tx: Transaction,
    *,
    dag_id: str | None = None,
    run_id: str | None = None,
    task_id: str | None = None,
    limit: int = 100,
    offset: int = 0,
) -> Page[EventRow]:
    """Changes of all runs, newest first, or of those with these names."""
    found = _EVENTS
    for column, value in ((dag_run.c.dag_id, dag_id), (dag_run.c.run_id, run_id), (task_instance.c.task_id, task_id)):
        if value is not None:
            found = found.where(column == value.replace("\0", ""))
    total = tx.value(select(func.count()).select_from(found.subquery()))
    rows = tx.rows(found.order_by(event.c.id.desc()).limit(limit).offset(offset))
    return Page([EventRow(**row._asdict()) for row in rows], total)


def _write(tx: Transaction) -> None:
    tx.change(_INSERT, tx.memo.pop("events"))
