"""What a running task instance can tell of itself beside its identity and its XComs, by Airflow's names."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, NoReturn

from tradewind.sdk.authoring.context import Context, DagRun, running_task
from tradewind.sdk.authoring.dependencies import TaskNode
from tradewind.sdk.authoring.operator import BaseOperator
from tradewind.sdk.contract import DagRunState, TaskInstanceState
from tradewind.sdk.dates import optional_context_date

_MISSING: Mapping[str, str] = {
    "execution_date": "Airflow 3 removed it; dag_run.logical_date is its name now",
    "log_url": "a task does not know where the web interface is",
    "mark_success_url": "a task does not know where the web interface is",
    "get_dagrun": "Airflow 3 removed it; use ti.dag_run or context['dag_run']",
    "previous_ti": "Airflow 3 removed it; use ti.get_previous_dagrun()",
    **dict.fromkeys(
        (
            "get_dr_count",
            "get_first_reschedule_date",
            "get_previous_ti",
            "get_relevant_upstream_map_indexes",
            "get_task_breadcrumbs",
            "get_task_states",
            "get_ti_count",
        ),
        "this version of Tradewind does not have it yet",
    ),
}


class TaskInstanceKey(NamedTuple):
    """What tells a try of a task instance from all others."""

    dag_id: str
    task_id: str
    run_id: str
    try_number: int
    map_index: int


class InstanceFacts:
    """The part of a running task instance that is read from its task, its context and its run."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_id: str
    try_number: int
    task: BaseOperator
    skips: dict[str, None]

    @property
    def id(self) -> str:
        """The id of this try."""
        return self.try_id

    @property
    def key(self) -> TaskInstanceKey:
        """Its identity as one value."""
        return TaskInstanceKey(self.dag_id, self.task_id, self.run_id, self.try_number, self.map_index)

    @property
    def log(self) -> logging.Logger:
        """The logger whose records are the task's log."""
        return logging.getLogger("tradewind.task")

    @property
    def state(self) -> TaskInstanceState:
        """`running`: this is a running task."""
        return TaskInstanceState.RUNNING

    @property
    def end_date(self) -> None:
        """Not known before it has ended."""
        return

    duration = end_date

    @property
    def operator(self) -> str:
        """Name of the operator's class."""
        return self.task.task_type

    @property
    def operator_name(self) -> str:
        """What people call the operator."""
        return self.task.operator_name

    @property
    def queue(self) -> str:
        """The queue that it was taken from."""
        return self.task.queue

    @property
    def pool(self) -> str:
        """The pool whose slots it holds."""
        return str(getattr(self.task, "pool", "default_pool"))

    @property
    def dag_run(self) -> DagRun:
        """The run that it belongs to."""
        return self.get_template_context()["dag_run"]

    def get_template_context(self) -> Context:
        """The context of the task."""
        return running_task("ti.get_template_context()").context

    def render_templates(self, context: Context | None = None, jinja_env: Any = None) -> BaseOperator:
        """Render the templated fields of the task; it happens before `execute` anyway.

        Args:
            context: what the templates see; the task's own context when None.
            jinja_env: a Jinja environment; that of the DAG when None.

        Returns:
            The task.
        """
        self.task.render_template_fields(context or self.get_template_context(), jinja_env)
        return self.task

    def get_previous_start_date(self, state: DagRunState | str | None = None) -> dt.datetime | None:
        """When the run of the DAG before this one started, or the last before it in a state."""
        wanted = None if state is None else DagRunState(state)
        found = running_task("ti.get_previous_start_date()").get_previous_run(wanted)
        return None if found is None else optional_context_date(found.start_date)

    def skip_tasks(self, task_ids: Iterable[str | TaskNode | tuple[str, int]]) -> None:
        """Say that tasks of this run are not needed; they become skipped once this task has succeeded.

        Args:
            task_ids: ids of tasks, or the tasks themselves.

        Raises:
            TaskNotFound: the DAG has no such task.
        """
        for item in task_ids:
            task_id = item if isinstance(item, str) else item.task_id if isinstance(item, TaskNode) else item[0]
            self.task.dag.get_task(task_id)
            self.skips[task_id] = None

    def __getattr__(self, name: str) -> NoReturn:
        why = _MISSING.get(name, "there is no such attribute")
        raise AttributeError(f"The task instance has no {name!r}: {why}.")
