"""Runs of DAGs as tasks see them: trigger one, look at one, and find the one before the own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tradewind.server.api.execution.admission import READ_RUN, TRIGGER_RUN, admit, admit_reading_dag, record_use
from tradewind.server.api.execution.live import own_task, reads, writes
from tradewind.server.contract import (
    DagRunType,
    ProblemReason,
    RunSummary,
    TriggeredBy,
    TriggerRun,
    from_plain,
    to_plain,
)
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import dispatches, receipts, runs

if TYPE_CHECKING:
    from typing import Any

    from tradewind.server.api.execution.calls import OperationCall
    from tradewind.server.store import Transaction
    from tradewind.server.store.handouts import Dispatch
    from tradewind.server.store.rows import RunRow


@writes
def trigger_run(tx: Transaction, call: OperationCall, dispatch: Dispatch) -> RunSummary:
    """Create a run, or with `reset` clear the one that is there; a repeat with the same op_id gets the first answer."""
    use = admit(tx, call, dispatch, TRIGGER_RUN)
    body: TriggerRun = call.body
    dispatches.keep_live(tx, dispatch.dispatch_id)

    def trigger() -> dict[str, Any]:
        with _in_words_of_the_contract():
            row = _create(tx, use.name, body, actor=call.activity.label)
        record_use(tx, call, dispatch, use, run_id=row.run_id)
        plain: dict[str, Any] = to_plain(_summary(row))
        return plain

    return from_plain(RunSummary, receipts.once(tx, dispatch.dispatch_id, body.op_id, trigger))


@writes
def get_run(tx: Transaction, call: OperationCall, dispatch: Dispatch) -> RunSummary:
    """A run of the own DAG, or of one that the task may read or trigger."""
    use = admit_reading_dag(tx, call, dispatch, READ_RUN)
    with _in_words_of_the_contract():
        row = runs.get_run(tx, call.parameters["dag_id"], call.parameters["run_id"])
    if use is not None:
        record_use(tx, call, dispatch, use, run_id=row.run_id)
    return _summary(row)


@reads
def get_previous_run(tx: Transaction, call: OperationCall, dispatch: Dispatch) -> RunSummary:
    """The run of the own DAG before the own one, in any state or in one."""
    task = own_task(dispatch)
    row = runs.previous_run(tx, task.run_pk, state=call.parameters.get("state"))
    if row is None:
        detail = f"DAG {task.dag_id} has no such run before {task.run_id}"
        raise Refused(ProblemReason.NOT_FOUND, detail, field="state" if "state" in call.parameters else None)
    return _summary(row)


def _create(tx: Transaction, dag_id: str, body: TriggerRun, *, actor: str) -> RunRow:
    if body.reset:
        known = runs.run_like(tx, dag_id, run_id=body.run_id, logical_date=body.logical_date)
        if known is not None:
            runs.clear(tx, runs.Clearing(dag_id=dag_id, run_id=known, whole_run=True), user=None, actor=actor)
            return runs.get_run(tx, dag_id, known)
    return runs.create_run(
        tx,
        dag_id,
        run_id=body.run_id,
        conf=body.conf,
        logical_date=body.logical_date,
        run_after=body.run_after,
        note=body.note,
        run_type=DagRunType.OPERATOR_TRIGGERED,
        triggered_by=TriggeredBy.OPERATOR,
        actor=actor,
    )


@contextmanager
def _in_words_of_the_contract() -> Iterator[None]:
    """Name the field as the contract does; the store names it as the public API."""
    try:
        yield
    except Refused as refusal:
        if refusal.field != "dag_run_id":
            raise
        raise Refused(refusal.reason, refusal.detail, field="run_id", action=refusal.action) from None


def _summary(row: RunRow) -> RunSummary:
    return RunSummary(
        dag_id=row.dag_id,
        run_id=row.run_id,
        run_type=DagRunType(row.run_type),
        state=row.state,
        run_after=row.run_after,
        logical_date=row.logical_date,
        data_interval_start=row.data_interval_start,
        data_interval_end=row.data_interval_end,
        start_date=row.started_at,
        end_date=row.ended_at,
    )
