"""Deletes runs that were given up, a bounded number of rows at a time."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam as bind
from sqlalchemy import not_, select, text

from tradewind.server.store.retention.plan import ROWS_PER_STEP, Deleted, RetentionPlan
from tradewind.server.store.revisions import touch_runs
from tradewind.server.store.statements import within
from tradewind.server.store.tables import (
    dag_run,
    dispatch,
    event,
    operation_receipt,
    pruned_run,
    task_instance,
    task_try,
    xcom,
)
from tradewind.server.store.transaction import Transaction

_RUNS_AT_ONCE = 20

_NEXT = (
    select(pruned_run.c.run_pk)
    .order_by(pruned_run.c.run_pk)
    .limit(bind("most"))
    # Of two that delete, each takes its own.
    .with_for_update(skip_locked=True)
)
_EVENTS = (
    select(event.c.id, event.c.dispatch_id)
    .where(within(event.c.run_pk, "runs"))
    .order_by(event.c.run_pk, event.c.id)
    .limit(bind("most"))
)
_XCOMS = (
    select(xcom.c.instance_pk, xcom.c.key)
    .where(xcom.c.instance_pk.in_(select(task_instance.c.pk).where(within(task_instance.c.run_pk, "runs"))))
    .order_by(xcom.c.instance_pk)
    .limit(bind("most"))
)
_TRIES = (
    select(task_try.c.try_id)
    .where(task_try.c.instance_pk.in_(select(task_instance.c.pk).where(within(task_instance.c.run_pk, "runs"))))
    .limit(bind("most"))
)
_INSTANCES = select(task_instance.c.pk).where(within(task_instance.c.run_pk, "runs")).limit(bind("most"))
_DELETE_EVENTS = event.delete().where(within(event.c.id, "events"))
_DELETE_RECEIPTS = operation_receipt.delete().where(within(operation_receipt.c.dispatch_id, "dispatches"))
_DELETE_DISPATCHES = dispatch.delete().where(within(dispatch.c.dispatch_id, "dispatches"))
_DELETE_XCOMS = xcom.delete().where(within(xcom.c.instance_pk, "instances"))
_DELETE_XCOMS_OF_ONE = xcom.delete().where(xcom.c.instance_pk == bind("of"), within(xcom.c.key, "named"))
_DELETE_TRIES = task_try.delete().where(within(task_try.c.try_id, "tries"))
_DELETE_INSTANCES = task_instance.delete().where(within(task_instance.c.pk, "instances"))
_DELETE_RUNS = dag_run.delete().where(within(dag_run.c.pk, "runs"))
_FORGET = pruned_run.delete().where(within(pruned_run.c.run_pk, "runs"))
_OTHER = dag_run.alias("other")
_HELD_BY_NOBODY = select(dag_run.c.pk).where(
    text("dag_run.held_by_run_pk IS NOT NULL"),
    not_(select(_OTHER.c.pk).where(_OTHER.c.pk == dag_run.c.held_by_run_pk).exists()),
)


class _Removal:
    """One step: rows of some runs, what refers to others before those."""

    def __init__(self, tx: Transaction, run_pks: list[int]) -> None:
        self._tx = tx
        self._runs = run_pks
        self._left = ROWS_PER_STEP
        self.rows: dict[str, int] = {}

    def work(self) -> None:
        """Delete until the runs are gone or it is enough for one transaction."""
        for part in (self._events, self._xcoms, self._tries, self._instances):
            part()
            if self._left <= 0:
                return
        self._count("dag_run", self._tx.change(_DELETE_RUNS, {"runs": self._runs}))
        self._tx.change(_FORGET, {"runs": self._runs})

    def _events(self) -> None:
        """History, and the dispatches that it names."""
        found = self._found(_EVENTS)
        dispatches = sorted({row.dispatch_id for row in found if row.dispatch_id is not None})
        if dispatches:
            self._delete("operation_receipt", _DELETE_RECEIPTS, dispatches=dispatches)
            self._delete("dispatch", _DELETE_DISPATCHES, dispatches=dispatches)
        if found:
            self._delete("event", _DELETE_EVENTS, events=[row.id for row in found])

    def _xcoms(self) -> None:
        found = self._found(_XCOMS)
        owners = list(dict.fromkeys(row.instance_pk for row in found))
        # Of the last one there may be more than were asked for.
        if whole := owners[:-1]:
            self._delete("xcom", _DELETE_XCOMS, instances=whole)
        if found:
            named = [row.key for row in found if row.instance_pk == owners[-1]]
            self._delete("xcom", _DELETE_XCOMS_OF_ONE, of=owners[-1], named=named)

    def _tries(self) -> None:
        if found := self._found(_TRIES):
            self._delete("task_try", _DELETE_TRIES, tries=[row.try_id for row in found])

    def _instances(self) -> None:
        if found := self._found(_INSTANCES):
            self._delete("task_instance", _DELETE_INSTANCES, instances=[row.pk for row in found])

    def _found(self, statement: Any) -> Any:
        return self._tx.rows(statement, {"runs": self._runs, "most": self._left}) if self._left > 0 else []

    def _delete(self, table: str, statement: Any, **values: Any) -> None:
        self._count(table, self._tx.change(statement, values))

    def _count(self, table: str, number: int) -> None:
        if number:
            self.rows[table] = self.rows.get(table, 0) + number
        self._left -= number


def remove_runs(tx: Transaction, _plan: RetentionPlan, _after: Any) -> Deleted:
    """Delete a part of what belongs to runs that were given up, and in the end the runs."""
    run_pks = [row.run_pk for row in tx.rows(_NEXT, {"most": _RUNS_AT_ONCE})]
    if not run_pks:
        return Deleted()
    removal = _Removal(tx, run_pks)
    removal.work()
    return Deleted(removal.rows, after=True)


def has_orphans(tx: Transaction) -> bool:
    """Whether a live run waits for one that is gone."""
    return tx.row(_HELD_BY_NOBODY) is not None


def wake_orphans(tx: Transaction) -> None:
    """Let the leader look again at live runs that wait for one that is gone: it was deleted at the same moment."""
    touch_runs(tx, [row.pk for row in tx.rows(_HELD_BY_NOBODY)])
