"""Variables and connections of a running task: those that came with it, and those that are asked for."""

from __future__ import annotations

from tradewind.sdk.authoring.context import Context
from tradewind.sdk.client.task_client import TaskClient
from tradewind.sdk.contract import Connection, Secrets
from tradewind.sdk.masking import Masker, connection_values, variable_values


class TaskSecrets:
    """What user code asks of the task that this process runs. Declared secrets are answered without a call.

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

    def get_connection(self, conn_id: str) -> Connection | None:
        """A connection; None when there is no such connection."""
        if conn_id in self._connections:
            return self._connections[conn_id]
        found = self._client.get_connection(conn_id)
        if found is not None:
            self._masker.add(connection_values(found))
        return found
