"""Changes of task instances by hand: state and note."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, Literal

from fastapi import APIRouter, Depends
from pydantic import Field

from tradewind.server.api.public.access import Given, MapIndex, User
from tradewind.server.api.public.shapes import Body
from tradewind.server.api.public.task_instances import TaskInstanceCollection, instance_shapes
from tradewind.server.contract import ProblemReason, TaskInstanceState
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import runs
from tradewind.server.store.runs import Marking
from tradewind.server.store.runs.mark import TaskMark

if TYPE_CHECKING:
    from tradewind.server.api.services import Services
    from tradewind.server.store import Transaction

router = APIRouter(prefix="/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}", tags=["Task instances"])

_MARKS: Final[dict[str, TaskMark]] = {
    "success": TaskInstanceState.SUCCESS,
    "failed": TaskInstanceState.FAILED,
    "skipped": TaskInstanceState.SKIPPED,
}


@dataclass(frozen=True, slots=True)
class ChangedInstance:
    """Which task instance a change is about."""

    dag_id: str
    dag_run_id: str
    task_id: str
    map_index: MapIndex = -1


Changed = Annotated[ChangedInstance, Depends()]


class TaskInstancePatch(Body):
    """What may be changed of a task instance. What is included of other tasks and runs has to do with the state."""

    new_state: Literal["success", "failed", "skipped"] | None = None
    note: Annotated[str, Field(max_length=1000)] | None = None
    include_upstream: bool = False
    include_downstream: bool = False
    include_future: bool = False
    include_past: bool = False

    def marking(self, key: ChangedInstance) -> Marking | None:
        """The change of state, if one is asked for."""
        if self.new_state is None:
            return None
        return Marking(
            dag_id=key.dag_id,
            run_id=key.dag_run_id,
            task_id=key.task_id,
            map_index=key.map_index,
            state=_MARKS[self.new_state],
            upstream=self.include_upstream,
            downstream=self.include_downstream,
            future=self.include_future,
            past=self.include_past,
        )


@router.patch("")
async def patch_task_instance(
    services: Given, user: User, key: Changed, body: TaskInstancePatch
) -> TaskInstanceCollection:
    """Set the state of a task instance, its note, or both; the answer has those whose state changed.

    A live try is stopped. What is below the task and is failed or upstream_failed is cleared, so that it runs again.
    """
    name = user.credential.name
    marking = body.marking(key)

    def patch(tx: Transaction) -> TaskInstanceCollection:
        pks = [runs.get_instance(tx, key.dag_id, key.dag_run_id, key.task_id, key.map_index).pk]
        if "note" in body.model_fields_set:
            runs.note_instance(
                tx, key.dag_id, key.dag_run_id, key.task_id, map_index=key.map_index, note=body.note, user=name
            )
        if marking is not None:
            pks = runs.mark_instances(tx, marking, user=name)
            if not pks:
                raise _nothing_to_change(marking)
        return _collection(tx, services, pks)

    return await services.store.write(patch)


@router.patch("/dry_run")
async def patch_task_instance_dry_run(services: Given, key: Changed, body: TaskInstancePatch) -> TaskInstanceCollection:
    """Tell which task instances a change of state would change."""
    marking = body.marking(key)

    def find(tx: Transaction) -> TaskInstanceCollection:
        return _collection(tx, services, [] if marking is None else runs.markable(tx, marking))

    return await services.store.read(find)


def _collection(tx: Transaction, services: Services, pks: list[int]) -> TaskInstanceCollection:
    found = instance_shapes(tx, services, runs.instances_by_pk(tx, pks))
    return TaskInstanceCollection(task_instances=found, total_entries=len(found))


def _nothing_to_change(marking: Marking) -> Refused:
    return Refused(
        ProblemReason.CONFLICT,
        f"task {marking.task_id} and all else that is meant is in state {marking.state.value} already",
        field="new_state",
    )
