"""Cancelling and deleting runs."""

from __future__ import annotations

from sqlalchemy import bindparam as bind
from sqlalchemy import func, select, text

from tradewind.server.contract import DAG_RUN_FINAL, DagRunState, ProblemReason, RunEndCause, RunEnded, to_plain
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import audit
from tradewind.server.store.column_types import Json, UtcDateTime
from tradewind.server.store.revisions import touch_runs, wake_queue
from tradewind.server.store.rows import RunRow
from tradewind.server.store.runs.held import HeldRun, RunRange, hold_instances, hold_runs
from tradewind.server.store.runs.lists import get_run
from tradewind.server.store.statements import within
from tradewind.server.store.tables import dag_run, dispatch, event, operation_receipt, task_instance
from tradewind.server.store.transaction import Transaction

_END_SOON = (
    dag_run.update()
    .where(dag_run.c.pk == bind("of"))
    .values(
        cancelled_at=func.coalesce(dag_run.c.cancelled_at, bind("at", type_=UtcDateTime())),
        end_reason=func.coalesce(dag_run.c.end_reason, bind("to_reason", type_=Json())),
    )
)
_MAY_RUN = (
    select(dispatch.c.dispatch_id)
    .where(
        text("dispatch.gone_at IS NULL AND dispatch.instance_pk IS NOT NULL"),
        within(dispatch.c.instance_pk, "instances"),
    )
    .limit(1)
)
_DISPATCHES = select(event.c.dispatch_id).where(event.c.run_pk == bind("run"), event.c.dispatch_id.is_not(None))
_DELETE_RECEIPTS = operation_receipt.delete().where(within(operation_receipt.c.dispatch_id, "dispatches"))
_DELETE_DISPATCHES = dispatch.delete().where(within(dispatch.c.dispatch_id, "dispatches"))
_DELETE_EVENTS = event.delete().where(event.c.run_pk == bind("of"))
_DELETE_INSTANCES = task_instance.delete().where(task_instance.c.run_pk == bind("of"))
_DELETE_RUN = dag_run.delete().where(dag_run.c.pk == bind("of"))


def cancel_run(tx: Transaction, dag_id: str, run_id: str, *, user: str | None) -> RunRow:
    """Let a run end before its tasks do: the scheduler stops and skips what is left, but for teardown tasks.

    Args:
        tx: a transaction that writes.
        dag_id: the DAG.
        run_id: the run; one that is being cancelled already stays as it is.
        user: name of the credential that asks for it.

    Raises:
        Refused: `not_found`; `conflict` when it has ended.
    """
    (run,) = hold_runs(tx, RunRange(dag_id=dag_id, run_id=run_id))
    if run.state in DAG_RUN_FINAL:
        raise Refused(
            ProblemReason.CONFLICT,
            f"run {run_id} has ended in {run.state.value}",
            field="dag_run_id",
            action="cancel a run that is queued or running",
        )
    if get_run(tx, dag_id, run_id).cancelled_at is None:
        end_soon(tx, run)
        audit.append(tx, actor=f"user:{user}" if user else "server", action="cancel_run", subject=f"{dag_id}/{run_id}")
    return get_run(tx, dag_id, run_id)


def end_soon(tx: Transaction, run: HeldRun) -> None:
    """Cancel a held run that has not ended."""
    touch_runs(tx, [run.pk])
    reason = to_plain(RunEnded(cause=RunEndCause.CANCELLED))
    tx.change(_END_SOON, {"of": run.pk, "at": tx.now, "to_reason": reason})
    run.ending = True


def delete_run(tx: Transaction, dag_id: str, run_id: str, *, user: str | None) -> None:
    """Delete a run with its task instances, tries, XComs and events. The logs of its tries stay.

    Args:
        tx: a transaction that writes.
        dag_id: the DAG.
        run_id: the run.
        user: name of the credential that asks for it.

    Raises:
        Refused: `not_found`; `conflict` while it is running, or a process of one of its tries may be there.
    """
    (run,) = hold_runs(tx, RunRange(dag_id=dag_id, run_id=run_id))
    if run.state is DagRunState.RUNNING:
        raise Refused(
            ProblemReason.CONFLICT,
            f"run {run_id} is running",
            field="dag_run_id",
            action="cancel it, and delete it once it has ended",
        )
    instances = hold_instances(tx, [run])
    if tx.rows(_MAY_RUN, {"instances": [instance.pk for instance in instances]}):
        raise Refused(
            ProblemReason.CONFLICT,
            f"a try of run {run_id} is live, or was stopped and is not known to have ended",
            field="dag_run_id",
            action="try again when its process is gone; the task instance says what it waits for",
        )
    dispatches = {row.dispatch_id for row in tx.rows(_DISPATCHES, {"run": run.pk})}
    if dispatches:
        for statement in (_DELETE_RECEIPTS, _DELETE_DISPATCHES):
            tx.change(statement, {"dispatches": sorted(dispatches)})
    for statement in (_DELETE_EVENTS, _DELETE_INSTANCES, _DELETE_RUN):
        tx.change(statement, {"of": run.pk})
    wake_queue(tx, [dag_id])
    audit.append(tx, actor=f"user:{user}" if user else "server", action="delete_run", subject=f"{dag_id}/{run_id}")
