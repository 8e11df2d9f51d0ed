"""Changes of runs by hand: state, note, cancel and delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from tradewind.server.api.public.access import Given, User
from tradewind.server.api.public.dag_runs import DagRun, run_shape
from tradewind.server.api.public.shapes import Body
from tradewind.server.contract import DAG_RUN_FINAL, DagRunState, ProblemReason
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import runs
from tradewind.server.store.runs import Clearing
from tradewind.server.store.runs.mark import RunMark

if TYPE_CHECKING:
    from tradewind.server.store import Transaction

router = APIRouter(prefix="/dags/{dag_id}/dagRuns/{dag_run_id}", tags=["DAG runs"])

_MARKS: Final[dict[str, RunMark]] = {"success": DagRunState.SUCCESS, "failed": DagRunState.FAILED}


class DagRunPatch(Body):
    """What may be changed of a run."""

    state: Literal["queued", "success", "failed"] | None = None
    note: Annotated[str, Field(max_length=1000)] | None = None


@router.patch("")
async def patch_dag_run(
    *,
    services: Given,
    user: User,
    dag_id: str,
    dag_run_id: str,
    body: DagRunPatch,
    update_mask: Annotated[
        list[Literal["state", "note"]] | None, Query(description="Fields to change; those in the body when absent.")
    ] = None,
) -> DagRun:
    """Set the state of a run, its note, or both.

    `success` ends all its task instances in success. `failed` ends those that are running in failed and all others that
    have not ended in skipped. Teardown tasks that have not ended run before the run ends. `queued` lets a run that has
    ended go on with what has not run.
    """
    name = user.credential.name
    fields = body.model_fields_set if update_mask is None else body.model_fields_set & set(update_mask)

    def patch(tx: Transaction) -> DagRun:
        if "state" in fields and body.state is not None:
            _set_state(tx, dag_id, dag_run_id, body.state, name)
        if "note" in fields:
            runs.note_run(tx, dag_id, dag_run_id, body.note, user=name)
        return run_shape(tx, runs.get_run(tx, dag_id, dag_run_id))

    return await services.store.write(patch)


@router.post("/cancel")
async def cancel_dag_run(services: Given, user: User, dag_id: str, dag_run_id: str) -> DagRun:
    """Cancel a run: live tries are stopped, nothing further starts but teardown tasks, and the run ends in failed."""

    def cancel(tx: Transaction) -> DagRun:
        return run_shape(tx, runs.cancel_run(tx, dag_id, dag_run_id, user=user.credential.name))

    return await services.store.write(cancel)


@router.delete("", status_code=204)
async def delete_dag_run(services: Given, user: User, dag_id: str, dag_run_id: str) -> None:
    """Delete a run that is not running, with everything but the logs of its tries."""
    await services.store.write(lambda tx: runs.delete_run(tx, dag_id, dag_run_id, user=user.credential.name))


def _set_state(tx: Transaction, dag_id: str, run_id: str, state: str, user: str) -> None:
    if state in _MARKS:
        runs.mark_run(tx, dag_id, run_id, _MARKS[state], user=user)
        return
    run = runs.get_run(tx, dag_id, run_id)
    if run.state in DAG_RUN_FINAL:
        runs.clear(tx, Clearing(dag_id=dag_id, run_id=run_id, tasks={}, whole_run=True), user=user)
    elif run.state is DagRunState.RUNNING:
        raise Refused(
            ProblemReason.CONFLICT,
            f"run {run_id} is running",
            field="state",
            action="clear its task instances, or mark it success or failed",
        )
