"""What retention would delete, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam as bind
from sqlalchemy import func, select

from tradewind.server.store.column_types import UtcDateTime
from tradewind.server.store.retention.finished_runs import find_old_runs
from tradewind.server.store.retention.handouts import old_parses
from tradewind.server.store.retention.plan import RetentionPlan
from tradewind.server.store.retention.trail import count_refusals_to_go
from tradewind.server.store.statements import within
from tradewind.server.store.tables import audit, event, task_instance, task_try, xcom
from tradewind.server.store.transaction import Transaction

_OF_RUNS = select(task_instance.c.pk).where(within(task_instance.c.run_pk, "runs"))
_COUNTS: dict[str, Any] = {
    "task_instance": select(func.count()).select_from(_OF_RUNS.subquery()),
    "task_try": select(func.count()).select_from(task_try).where(task_try.c.instance_pk.in_(_OF_RUNS)),
    "xcom": select(func.count()).select_from(xcom).where(xcom.c.instance_pk.in_(_OF_RUNS)),
    "event": select(func.count()).select_from(event).where(within(event.c.run_pk, "runs")),
}
_AUDIT = select(func.count()).select_from(audit).where(audit.c.at < bind("before", type_=UtcDateTime()))


def count_what_is_old(tx: Transaction, plan: RetentionPlan) -> dict[str, int]:
    """How many runs with what belongs to them, parses and entries of the audit trail would be deleted, by table.

    Dispatches, worker sessions, DAG versions, snapshots and logs that nothing needs then are not counted.
    """
    counted: Counter[str] = Counter()
    after: tuple[datetime, int] | None = None
    while True:
        found = find_old_runs(tx, plan, after)
        counted.update(_count(tx, found.runs))
        after = found.after
        if after is None:
            break
    if not plan.dag_ids:
        counted["parse"] = sum(1 for _ in old_parses(tx, plan))
        if plan.audit is not None:
            counted["audit"] = tx.value(_AUDIT, {"before": tx.now - plan.audit})
        counted["audit"] = max(counted["audit"], count_refusals_to_go(tx, plan))
    return {table: number for table, number in counted.items() if number}


def _count(tx: Transaction, run_pks: Sequence[int]) -> dict[str, int]:
    if not run_pks:
        return {}
    values = {"runs": list(run_pks)}
    return {"dag_run": len(run_pks), **{table: tx.value(query, values) for table, query in _COUNTS.items()}}
