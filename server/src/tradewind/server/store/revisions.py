"""The revision of a run: raised by every transaction that changes what a decision about the run depends on."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import bindparam as bind
from sqlalchemy import func, select, text

from tradewind.server.store import plans
from tradewind.server.store.column_types import UtcDateTime
from tradewind.server.store.statements import PerDialect, within
from tradewind.server.store.tables import dag_run
from tradewind.server.store.transaction import Transaction

_CHANGES: dict[str, Any] = {
    "rev": dag_run.c.rev + 1,
    "dirty_at": func.coalesce(dag_run.c.dirty_at, bind("now", type_=UtcDateTime())),
    "changed_at": bind("now", type_=UtcDateTime()),
}
# In the order of their keys: of two transactions that touch the same runs one waits, and neither for the other.
_LOCKED = (
    select(dag_run.c.pk).where(within(dag_run.c.pk, "runs")).order_by(dag_run.c.pk).with_for_update().cte("locked")
)
_TOUCH = PerDialect(
    sqlite=dag_run.update().where(within(dag_run.c.pk, "runs")).values(_CHANGES).returning(dag_run.c.pk, dag_run.c.rev),
    postgresql=dag_run.update()
    .where(dag_run.c.pk == _LOCKED.c.pk)
    .values(_CHANGES)
    .returning(dag_run.c.pk, dag_run.c.rev),
)


def touch_runs(tx: Transaction, run_pks: Collection[int]) -> dict[int, int]:
    """Raise the revision of runs, mark them dirty and wake the leader; once in a transaction for each run.

    Returns:
        Key to revision. Whatever changes a task instance in this transaction writes it to its `run_rev`.
    """
    known: dict[int, int] = tx.memo.setdefault("run_revs", {})
    missing = sorted({run_pk for run_pk in run_pks if run_pk not in known})
    if missing:
        known.update({row.pk: row.rev for row in tx.change_returning(_TOUCH, {"runs": missing, "now": tx.now})})
        hint_changed(tx)
    return known


def hint_changed(tx: Transaction) -> None:
    """Wake the leader, to decide, and whoever watches runs."""
    tx.hint("dirty")
    tx.hint("runs")


def seen(tx: Transaction, run_pks: Iterable[int]) -> None:
    """The leader has read these runs, or cleared their mark: what touches them later in the transaction raises anew."""
    known: dict[int, int] = tx.memo.get("run_revs", {})
    for run_pk in run_pks:
        known.pop(run_pk, None)


_FIRST_QUEUED = (
    select(dag_run.c.pk)
    .where(dag_run.c.dag_id == bind("dag_id"), dag_run.c.state == text("'queued'"))
    .order_by(dag_run.c.run_after, dag_run.c.pk)
    .limit(1)
)


def wake_queue(tx: Transaction, dag_ids: Iterable[str]) -> None:
    """Let the leader look at DAGs that were resumed or may now run more at once, for queued runs and for new ones."""
    dag_ids = list(dag_ids)
    plans.release(tx, dag_ids)
    first = [tx.value(_FIRST_QUEUED, {"dag_id": dag_id}) for dag_id in dag_ids]
    touch_runs(tx, [run_pk for run_pk in first if run_pk is not None])
