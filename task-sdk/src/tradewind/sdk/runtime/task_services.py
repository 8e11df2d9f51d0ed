"""What user code asks of the control plane while its task runs; secrets that came with the task cost no call."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from tradewind.sdk.authoring.context import Context
from tradewind.sdk.client.calls import ProblemError
from tradewind.sdk.client.task_client import TaskClient
from tradewind.sdk.contract import Connection, DagRunState, RunSummary, Secrets, Variable, XComValue
from tradewind.sdk.exceptions import DagRunAlreadyExists
from tradewind.sdk.masking import Masker, connection_values, variable_values


class TaskServices:
    """The task that this process runs, see `authoring.context.RunningTask`.

    Args:
        context: the task context.
        secrets: what came with the task.
        client: for what did not.
        masker: told of everything that is handed to user code.
    """

    def __init__(self, context: Context, secrets: Secrets, client: TaskClient, masker: Masker) -> None:
        self.context = context
        self._variables = {variable.key: variable.value for variable in secrets.variables}
        self._connections = {connection.conn_id: connection for connection in secrets.connections}
        self._client = client
        self._masker = masker

    def get_variable(self, key: str) -> str | None:
        """The value of a variable; None when there is no such variable."""
        if key in self._variables:
            return self._variables[key]
        found = self._client.get_variable(key)
        if found is None:
            return None
        self._masker.add(variable_values(found))
        return found.value

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

    def list_variable_keys(self, prefix: str = "") -> list[str]:
        """Keys of the variables of the deployment that the task may read, sorted."""
        return self._client.list_variable_keys(prefix)

    def get_connection(self, conn_id: str) -> Connection | None:
        """A connection; None when there is no such connection."""
        if conn_id in self._connections:
            return self._connections[conn_id]
        found = self._client.get_connection(conn_id)
        if found is not None:
            self._masker.add(connection_values(found))
        return found

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
