"""Notes that people leave on runs and task instances."""

from __future__ import annotations

from sqlalchemy import bindparam as bind

from tradewind.server.store import audit
from tradewind.server.store.column_types import FreeText
from tradewind.server.store.runs.lists import get_instance, get_run
from tradewind.server.store.tables import dag_run, task_instance
from tradewind.server.store.transaction import Transaction

_NOTE_RUN = dag_run.update().where(dag_run.c.pk == bind("of")).values(note=bind("to_note", type_=FreeText()))
_NOTE_INSTANCE = (
    task_instance.update().where(task_instance.c.pk == bind("of")).values(note=bind("to_note", type_=FreeText()))
)


def note_run(tx: Transaction, dag_id: str, run_id: str, note: str | None, *, user: str | None) -> None:
    """Replace the note of a run; None takes it away.

    Raises:
        Refused: `not_found`.
    """
    tx.change(_NOTE_RUN, {"of": get_run(tx, dag_id, run_id).pk, "to_note": note})
    audit.append(tx, actor=_actor(user), action="note_run", subject=f"{dag_id}/{run_id}")


def note_instance(
    tx: Transaction, dag_id: str, run_id: str, task_id: str, *, map_index: int, note: str | None, user: str | None
) -> None:
    """Replace the note of a task instance; None takes it away.

    Raises:
        Refused: `not_found`.
    """
    tx.change(_NOTE_INSTANCE, {"of": get_instance(tx, dag_id, run_id, task_id, map_index).pk, "to_note": note})
    audit.append(tx, actor=_actor(user), action="note_task_instance", subject=f"{dag_id}/{run_id}/{task_id}")


def _actor(user: str | None) -> str:
    return f"user:{user}" if user else "server"
