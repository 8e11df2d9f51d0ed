"""Clearing task instances and whole runs, so that they run again."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter
from pydantic import Field

from tradewind.server.api.public.access import Given, User
from tradewind.server.api.public.dag_runs import DagRun, run_shape
from tradewind.server.api.public.shapes import Body, Moment
from tradewind.server.api.public.task_instances import TaskInstanceCollection, instance_shapes
from tradewind.server.contract import ProblemReason
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import runs
from tradewind.server.store.runs import Clearing

if TYPE_CHECKING:
    from tradewind.server.api.services import Services
    from tradewind.server.store import Transaction

router = APIRouter(tags=["Clear and run again"])

TaskId = Annotated[str, Field(min_length=1, max_length=250)]


class ClearTaskInstances(Body):
    """What is to be cleared; with no run and no date, the task instances of all runs."""

    dry_run: bool = True
    task_ids: Annotated[list[TaskId | tuple[TaskId, int]], Field(min_length=1, max_length=10_000)] | None = None
    dag_run_id: Annotated[str, Field(min_length=1, max_length=250)] | None = None
    start_date: Moment | None = None
    end_date: Moment | None = None
    only_failed: bool = True
    only_running: bool = False
    reset_dag_runs: bool = True
    include_upstream: bool = False
    include_downstream: bool = False
    include_future: bool = False
    include_past: bool = False
    run_on_latest_version: bool = False
    prevent_running_task: bool = False

    def clearing(self, dag_id: str) -> Clearing:
        """The same for the store.

        Raises:
            Refused: fields that contradict each other.
        """
        self._check()
        return Clearing(
            dag_id=dag_id,
            run_id=self.dag_run_id,
            tasks=None if self.task_ids is None else _tasks(self.task_ids),
            upstream=self.include_upstream,
            downstream=self.include_downstream,
            past=self.include_past,
            future=self.include_future,
            start=None if self.include_past else self.start_date,
            end=None if self.include_future else self.end_date,
            only_failed=self.only_failed,
            only_running=self.only_running,
            on_newest_version=self.run_on_latest_version,
            prevent_running=self.prevent_running_task,
        )

    def _check(self) -> None:
        if self.only_failed and self.only_running and "only_failed" in self.model_fields_set:
            raise _contradiction("only_running", "only_failed and only_running exclude each other")
        if self.only_running:
            self.only_failed = False
        if self.dag_run_id is not None and (self.start_date is not None or self.end_date is not None):
            field = "start_date" if self.start_date is not None else "end_date"
            raise _contradiction(field, "runs are named by dag_run_id or by start_date and end_date, not by both")
        if _is_before(self.end_date, self.start_date):
            raise _contradiction("end_date", "end_date is before start_date")
        if not self.dry_run and not self.reset_dag_runs:
            raise _contradiction("reset_dag_runs", "task instances of a run that has ended and stays so never run")


class ClearDagRun(Body):
    """How a run is to be cleared."""

    dry_run: bool = True
    only_failed: bool = False
    run_on_latest_version: bool = False


@router.post("/dags/{dag_id}/clearTaskInstances")
async def clear_task_instances(
    services: Given, user: User, dag_id: str, body: ClearTaskInstances
) -> TaskInstanceCollection:
    """Clear task instances; or, as long as `dry_run` is not false, tell which ones that would be.

    A cleared task instance runs again when its trigger rule says so, with a new budget of retries. A live try of it is
    stopped; the next one waits until the process of that is gone. Runs that have ended are queued again.
    """
    return await _clear(services, body.clearing(dag_id), user.credential.name, dry_run=body.dry_run)


@router.post("/dags/{dag_id}/dagRuns/{dag_run_id}/clear")
async def clear_dag_run(
    services: Given, user: User, dag_id: str, dag_run_id: str, body: ClearDagRun
) -> TaskInstanceCollection | DagRun:
    """Clear a run and answer with it; or, as long as `dry_run` is not false, tell what would be cleared."""
    clearing = Clearing(
        dag_id=dag_id,
        run_id=dag_run_id,
        only_failed=body.only_failed,
        on_newest_version=body.run_on_latest_version,
        whole_run=True,
    )
    if body.dry_run:
        return await _clear(services, clearing, user.credential.name, dry_run=True)

    def clear(tx: Transaction) -> DagRun:
        runs.clear(tx, clearing, user=user.credential.name)
        return run_shape(tx, runs.get_run(tx, dag_id, dag_run_id))

    return await services.store.write(clear)


async def _clear(services: Services, clearing: Clearing, user: str, *, dry_run: bool) -> TaskInstanceCollection:
    def clear(tx: Transaction) -> TaskInstanceCollection:
        pks = runs.clearable(tx, clearing) if dry_run else runs.clear(tx, clearing, user=user)
        found = instance_shapes(tx, services, runs.instances_by_pk(tx, pks))
        return TaskInstanceCollection(task_instances=found, total_entries=len(found))

    return await (services.store.read(clear) if dry_run else services.store.write(clear))


def _tasks(task_ids: list[str | tuple[str, int]]) -> dict[str, frozenset[int] | None]:
    """Task to the map indexes that are named; None when the task itself is."""
    whole = {named for named in task_ids if isinstance(named, str)}
    indexes: dict[str, set[int]] = {}
    for named in task_ids:
        if not isinstance(named, str):
            indexes.setdefault(named[0], set()).add(named[1])
    return {**{task_id: frozenset(some) for task_id, some in indexes.items()}, **dict.fromkeys(whole)}


def _is_before(end: datetime | None, start: datetime | None) -> bool:
    return start is not None and end is not None and end < start


def _contradiction(field: str, detail: str) -> Refused:
    return Refused(ProblemReason.INVALID_VALUE, detail, field=field, action="leave out one of the two")
