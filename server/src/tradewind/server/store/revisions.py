"""The revision of a run: raised by every transaction that changes what a decision about the run depends on."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import bindparam as bind
from sqlalchemy import func, select

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
        for pk, rev in tx.change_returning(_TOUCH, {"runs": missing, "now": tx.now}):
            known[pk] = rev
        tx.hint("runs")
    return known
