"""Secrets that an activity's user code reads, with the token of the activity; what came with it costs no call."""

from __future__ import annotations

from tradewind.sdk.client.task_client import TaskClient
from tradewind.sdk.contract import Connection, Secrets
from tradewind.sdk.masking import Masker, connection_values, variable_values
from tradewind.sdk.parsing.time_limit import time_not_counted


class ActivitySecrets:
    """What the user code of a try or of a parse reads, see `authoring.secret_source.SecretSource`.

    Args:
        secrets: what came with the activity.
        client: for what did not.
        masker: told of everything that is handed to user code.
    """

    def __init__(self, secrets: Secrets, client: TaskClient, masker: Masker) -> None:
        # Loops: a comprehension is a function, which costs a forked process memory pages even where there is nothing.
        self._variables: dict[str, str] = {}
        self._connections: dict[str, Connection] = {}
        for variable in secrets.variables:
            self._variables[variable.key] = variable.value
        for connection in secrets.connections:
            self._connections[connection.conn_id] = connection
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

    def list_variable_keys(self, prefix: str = "") -> list[str]:
        """Keys of the variables of the deployment that the activity may read, sorted."""
        return self._client.list_variable_keys(prefix)

    def mask(self, values: list[str]) -> None:
        """Hide texts in the log, in messages and in errors from now on."""
        self._masker.add(values)
        self._client.mask(values)

    def missing_hint(self, kind: str, name: str) -> str:
        """Nothing: it is plain that the deployment and its workers have none."""
        return ""


class ParseSecrets(ActivitySecrets):
    """What a DAG file reads while it is parsed. Waiting for the server takes nothing of its import's time."""

    def get_variable(self, key: str) -> str | None:
        """The value of a variable; None when there is no such variable."""
        with time_not_counted():
            return super().get_variable(key)

    def get_connection(self, conn_id: str) -> Connection | None:
        """A connection; None when there is no such connection."""
        with time_not_counted():
            return super().get_connection(conn_id)

    def list_variable_keys(self, prefix: str = "") -> list[str]:
        """Keys of the variables of the deployment, sorted."""
        with time_not_counted():
            return super().list_variable_keys(prefix)

    def missing_hint(self, kind: str, name: str) -> str:
        """When the file is parsed next."""
        return f" The file is parsed again when the server has a new {kind}, and when its text changes."
