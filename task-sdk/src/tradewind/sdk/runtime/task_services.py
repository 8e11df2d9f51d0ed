"""What user code asks of the control plane while its task runs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from tradewind.sdk.authoring.context import Context
from tradewind.sdk.client.calls import ProblemError
from tradewind.sdk.client.task_client import TaskClient
from tradewind.sdk.contract import DagRunState, RunSummary, Secrets, Variable, XComValue
from tradewind.sdk.exceptions import DagRunAlreadyExists
from tradewind.sdk.masking import Masker, variable_values
from tradewind.sdk.runtime.activity_secrets import ActivitySecrets


class TaskServices(ActivitySecrets):
    """The task that this process runs, see `authoring.context.RunningTask`.

    Args:
        context: the task context.
        secrets: what came with the task.
        client: for what did not.
        masker: told of everything that is handed to user code.
    """

    def __init__(self, context: Context, secrets: Secrets, client: TaskClient, masker: Masker) -> None:
        super().__init__(secrets, client, masker)
        self.context = context

    def set_variable(self, key: str, value: str, description: str | None = None) -> None:
        """Write a variable; it is committed when this returns. Its description stays when none is given."""
        self._client.set_variable(key, value, description)
        if key in self._variables:
            self._variables[key] = value
            self._masker.add(variable_values(Variable(key=key, value=value)))

    def delete_variable(self, key: str) -> bool:
        """Delete a variable; False when there is none."""
        deleted = self._client.delete_variable(key)
        self._variables.pop(key, None)
        return deleted

    def find_xcom(
        self,
        dag_id: str,
        task_id: str,
        key: str,
        *,
        run_id: str | None = None,
        include_prior_dates: bool = False,
        map_index: int | None = None,
    ) -> XComValue | None:
        """An XCom of any run as it is kept; None when there is none. See `TaskClient.find_xcom`."""
        return self._client.find_xcom(
            dag_id, task_id, key, run_id=run_id, include_prior_dates=include_prior_dates, map_index=map_index
        )

    def trigger_run(
        self,
        dag_id: str,
        *,
        run_id: str | None = None,
        logical_date: dt.datetime | None = None,
        run_after: dt.datetime | None = None,
        conf: Mapping[str, Any] | None = None,
        note: str | None = None,
        reset: bool = False,
    ) -> RunSummary:
        """Create a run of a DAG. See `TaskClient.trigger_run`.

        Raises:
            DagRunAlreadyExists: the DAG has a run of this name or logical date.
        """
        try:
            return self._client.trigger_run(
                dag_id,
                run_id=run_id,
                logical_date=logical_date,
                run_after=run_after,
                conf=conf,
                note=note,
                reset=reset,
            )
        except ProblemError as problem:
            if problem.reason == "already_exists":
                raise DagRunAlreadyExists(problem.detail) from problem
            raise

    def get_run(self, dag_id: str, run_id: str) -> RunSummary | None:
        """A run of the own DAG, or of one that may be read or triggered; None when there is none."""
        return self._client.get_run(dag_id, run_id)

    def get_previous_run(self, state: DagRunState | None = None) -> RunSummary | None:
        """The run of the DAG before this one, in any state or in one; None when there is none."""
        return self._client.get_previous_run(state)
