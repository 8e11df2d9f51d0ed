"""Runs that go on with the newest version and snapshot of their DAG."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import BigInteger, Float, Integer, String, text
from sqlalchemy import bindparam as bind

from tradewind.server.contract import ProblemReason, SerializedDag, TaskInstanceState
from tradewind.server.domain.priorities import effective_weights
from tradewind.server.domain.refusals import Refused
from tradewind.server.store.column_types import FreeText
from tradewind.server.store.dags.catalogue import dag_version, get_dag
from tradewind.server.store.dispatches.stopping import stop_live_tries
from tradewind.server.store.handouts import StopCause
from tradewind.server.store.revisions import touch_runs
from tradewind.server.store.rows import DagRow
from tradewind.server.store.runs.create import INSERT_INSTANCES, instance_values
from tradewind.server.store.runs.held import HeldInstance, HeldRun, hold_instances
from tradewind.server.store.statements import within
from tradewind.server.store.tables import dag_run, dispatch, event, task_instance
from tradewind.server.store.transaction import Transaction

_PIN = (
    dag_run.update()
    .where(dag_run.c.pk == bind("of"))
    .values(
        dag_version_pk=bind("to_version_pk", type_=BigInteger()),
        version_number=bind("to_version_number", type_=Integer()),
        bundle=bind("to_bundle", type_=String()),
        file=bind("to_file", type_=String()),
        snapshot=bind("to_snapshot", type_=String()),
        code_id=bind("to_code_id", type_=String()),
    )
)
_DECLARED: Mapping[str, Any] = {
    "operator": String(),
    "retries": Integer(),
    "retry_delay_seconds": Float(),
    "retry_backoff": Float(),
    "max_retry_delay_seconds": Float(),
    "execution_timeout_seconds": Float(),
    "priority_weight": BigInteger(),
    "pool": String(),
    "pool_slots": Integer(),
    "max_active_tis_per_dag": BigInteger(),
    "max_active_tis_per_dagrun": BigInteger(),
    "run_as_user": FreeText(),
    "queue": String(),
    "executor": String(),
    "isolation": String(),
    "on_cut": String(),
    "takeover_after_seconds": Float(),
}
"""Columns of a task instance that say what its task declares."""

_REDECLARE = (
    task_instance.update()
    .where(task_instance.c.pk == bind("of"))
    .values(
        rev=task_instance.c.rev + 1,
        run_rev=bind("to_run_rev", type_=BigInteger()),
        **{name: bind(f"to_{name}", type_=kind) for name, kind in _DECLARED.items()},
    )
)
_HANDED_OUT = frozenset({TaskInstanceState.QUEUED, TaskInstanceState.RUNNING})

# A dispatch whose process may be there outlives its task instance, whose key may be given to another one.
_DETACH = (
    dispatch.update()
    .where(
        text("dispatch.gone_at IS NULL AND dispatch.instance_pk IS NOT NULL"),
        within(dispatch.c.instance_pk, "instances"),
    )
    .values(instance_pk=None)
)
_DELETE = task_instance.delete().where(within(task_instance.c.pk, "instances"))
# The history of a task instance that is gone must not become that of another one.
_FORGET = (
    event.update()
    .where(event.c.run_pk == bind("run"), within(event.c.instance_pk, "instances"))
    .values(instance_pk=None)
)


def newest_version(tx: Transaction, dag_id: str) -> DagRow:
    """A DAG with its newest version.

    Raises:
        Refused: `not_found`; `conflict` when its file does not declare it any more.
    """
    found = get_dag(tx, dag_id)
    if found.stale:
        raise Refused(
            ProblemReason.CONFLICT,
            f"DAG {dag_id} is not declared by {found.file} any more",
            field="run_on_latest_version",
            action="restore the DAG in its file, or go on with the version that the run has",
        )
    return found


def pin_to_newest(tx: Transaction, run: HeldRun, *, actor: str) -> None:
    """Let a run go on with the newest version and snapshot of its DAG.

    A task that the version adds gets an instance in `none`. The instance of a task that it does not have any more is
    deleted with its tries, and a live try of it is stopped. All others take over what the version declares, unless they
    are handed out just now.

    Args:
        tx: the transaction that holds the run.
        run: the run; it has the version afterwards.
        actor: who wants it.

    Raises:
        Refused: as `newest_version`.
    """
    newest = newest_version(tx, run.dag_id)
    rev = touch_runs(tx, [run.pk])[run.pk]
    if newest.dag_version_pk != run.dag_version_pk:
        _follow(tx, run, dag_version(tx, newest.dag_version_pk), rev, actor)
    pin = {
        "of": run.pk,
        "to_version_pk": newest.dag_version_pk,
        "to_version_number": newest.version_number,
        "to_bundle": newest.bundle,
        "to_file": newest.file,
        "to_snapshot": newest.snapshot,
        "to_code_id": newest.code_id,
    }
    tx.change_each(_PIN, [pin])
    run.dag_version_pk = newest.dag_version_pk


def _follow(tx: Transaction, run: HeldRun, version: SerializedDag, rev: int, actor: str) -> None:
    """Make the task instances of a run those of a version."""
    weights = effective_weights(version)
    rows = {
        task.task_id: {**instance_values(tx, run.pk, run.dag_id, task, weights[task.task_id]), "run_rev": rev}
        for task in version.tasks
    }
    instances = hold_instances(tx, [run])
    _remove(tx, run, [instance.pk for instance in instances if instance.task_id not in rows], actor)
    kept = [instance for instance in instances if instance.task_id in rows]
    known = {instance.task_id for instance in kept}
    tx.change(INSERT_INSTANCES, [row for task_id, row in rows.items() if task_id not in known])
    tx.change_each(_REDECLARE, [_declared(one, rows[one.task_id], rev) for one in kept if one.state not in _HANDED_OUT])


def _declared(instance: HeldInstance, row: Mapping[str, Any], rev: int) -> dict[str, Any]:
    return {"of": instance.pk, "to_run_rev": rev, **{f"to_{name}": row[name] for name in _DECLARED}}


def _remove(tx: Transaction, run: HeldRun, pks: Collection[int], actor: str) -> None:
    if not pks:
        return
    stop_live_tries(tx, pks, cause=StopCause.CLEARED, actor=actor)
    tx.change(_DETACH, {"instances": pks})
    tx.change(_FORGET, {"run": run.pk, "instances": pks})
    tx.change(_DELETE, {"instances": pks})
