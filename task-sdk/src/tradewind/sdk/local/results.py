"""What a local run leaves: the run and its task instances, as a test looks at them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tradewind.sdk.contract import DagRunState, DagRunType, TaskError, TaskInstanceState
from tradewind.sdk.exceptions import TaskNotFound
from tradewind.sdk.local.deployment import LocalDeployment


@dataclass(frozen=True)
class LocalTaskInstance:
    """A task instance as it ended.

    Attributes:
        state: how it ended.
        try_number: tries that it had; 0 when it never ran.
        start_date: when its last try began.
        end_date: when that ended.
        error: why its last try failed.
    """

    dag_id: str
    run_id: str
    task_id: str
    state: TaskInstanceState
    try_number: int
    start_date: dt.datetime | None
    end_date: dt.datetime | None
    error: TaskError | None
    map_index: int = -1

    @property
    def duration(self) -> float | None:
        """Seconds that its last try took."""
        if self.start_date is None or self.end_date is None:
            return None
        return (self.end_date - self.start_date).total_seconds()


@dataclass(frozen=True)
class LocalRun:
    """A run that has ended.

    Attributes:
        state: `success` or `failed`.
        instances: task id to task instance.
        deployment: variables, connections and XComs as the run left them, and what it triggered.
    """

    dag_id: str
    run_id: str
    run_type: DagRunType
    state: DagRunState
    run_after: dt.datetime
    logical_date: dt.datetime | None
    data_interval_start: dt.datetime | None
    data_interval_end: dt.datetime | None
    start_date: dt.datetime
    end_date: dt.datetime
    conf: dict[str, Any]
    instances: Mapping[str, LocalTaskInstance]
    deployment: LocalDeployment

    @property
    def states(self) -> dict[str, TaskInstanceState]:
        """Task id to state."""
        return {name: instance.state for name, instance in self.instances.items()}

    def get_task_instances(self) -> list[LocalTaskInstance]:
        """All task instances, each after those that it waited for."""
        return list(self.instances.values())

    def get_task_instance(self, task_id: str, map_index: int = -1) -> LocalTaskInstance:
        """A task instance.

        Raises:
            TaskNotFound: the run has none of this id.
        """
        found = self.instances.get(task_id)
        if found is None or map_index != found.map_index:
            raise TaskNotFound(f"The run of DAG {self.dag_id!r} has no task instance {task_id!r}.")
        return found

    def xcom(self, task_id: str, key: str = "return_value", default: Any = None) -> Any:
        """What a task left under a key, as another task would read it.

        Args:
            task_id: the task.
            key: its key; the value that the task returned unless given.
            default: what stands for an XCom that does not exist.
        """
        from tradewind.sdk.authoring.xcom import read_value

        place = (self.dag_id, self.run_id, task_id, key)
        return read_value(self.deployment.xcoms[place]) if place in self.deployment.xcoms else default
