"""What is in use of pools and of the limits of DAGs, runs and tasks, counted from the rows that are active."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Final

from sqlalchemy import bindparam as bind
from sqlalchemy import func, or_, select, text

from tradewind.server.domain.claim_order import Active
from tradewind.server.store.statements import within
from tradewind.server.store.tables import dispatch, pool, task_instance
from tradewind.server.store.transaction import Transaction

_ALIKE = (
    task_instance.c.executor,
    task_instance.c.queue,
    task_instance.c.dag_id,
    task_instance.c.run_pk,
    task_instance.c.pool,
)
# A try that was stopped counts as long as its process may be there. No more of them are live than workers have places.
LIVE_INSTANCES: Final = dispatch.join(task_instance, task_instance.c.pk == dispatch.c.instance_pk)
"""Dispatches with their task instances."""
IS_LIVE: Final = text("dispatch.gone_at IS NULL AND dispatch.instance_pk IS NOT NULL")
"""Condition of dispatches that may have a process."""

_ACTIVE = (
    select(*_ALIKE, func.count().label("number"), func.sum(task_instance.c.pool_slots).label("slots"))
    .select_from(LIVE_INSTANCES)
    .where(IS_LIVE)
    .group_by(*_ALIKE)
)
# Not as a join: SQLite would begin with all task instances, since more is asked of them.
_ACTIVE_TASKS = select(task_instance.c.task_id, task_instance.c.run_pk).where(
    task_instance.c.pk.in_(select(dispatch.c.instance_pk).where(IS_LIVE)),
    task_instance.c.dag_id == bind("dag_id"),
    or_(task_instance.c.max_active_tis_per_dag.is_not(None), task_instance.c.max_active_tis_per_dagrun.is_not(None)),
)
_SLOTS = select(pool.c.name, pool.c.slots).where(within(pool.c.name, "names"))


def active_instances(tx: Transaction) -> list[Active]:
    """All active task instances of the deployment, those that are alike together."""
    return [
        Active(row.executor, row.queue, row.dag_id, row.run_pk, row.pool, row.number, int(row.slots))
        for row in tx.rows(_ACTIVE)
    ]


def active_tasks(tx: Transaction, dag_id: str) -> Counter[tuple[str, int]]:
    """Active instances of the tasks of a DAG that have a limit of their own, by task id and key of the run."""
    return Counter((row.task_id, row.run_pk) for row in tx.rows(_ACTIVE_TASKS, {"dag_id": dag_id}))


def pool_slots(tx: Transaction, names: Collection[str]) -> dict[str, int]:
    """Slots of those of the pools that exist."""
    return {row.name: row.slots for row in tx.rows(_SLOTS, {"names": sorted(set(names))})}
