"""`var` and `conn` of the task context: variables and connections by attribute, for templates above all."""

from __future__ import annotations

from typing import Any

from tradewind.sdk.authoring.secrets import Connection, Variable
from tradewind.sdk.exceptions import ConnectionNotFound

_ABSENT: Any = object()


class VariableAccessor:
    """Variables by attribute: `value.report_to`, or with a default `value.get("report_to", "nobody")`.

    Args:
        deserialize_json: whether to give what a value says as JSON instead of its text.
    """

    def __init__(self, *, deserialize_json: bool) -> None:
        self._deserialize_json = deserialize_json

    def __getattr__(self, key: str) -> Any:
        if key.startswith("__"):  # what Python and Jinja look for at any object
            raise AttributeError(key)
        return Variable.get(key, deserialize_json=self._deserialize_json)

    def __getitem__(self, key: str) -> Any:
        return Variable.get(key, deserialize_json=self._deserialize_json)

    def get(self, key: str, default: Any = _ABSENT) -> Any:
        """The value of a variable, or the default when there is none.

        Raises:
            VariableNotFound: there is none, and no default was given.
        """
        if default is _ABSENT:
            return Variable.get(key, deserialize_json=self._deserialize_json)
        return Variable.get(key, default=default, deserialize_json=self._deserialize_json)

    def __repr__(self) -> str:
        return f"<variables as {'JSON' if self._deserialize_json else 'text'}>"


class VariableAccessors:
    """`var` of the context: `var.value.key` is the text of a variable, `var.json.key` what it says as JSON."""

    def __init__(self) -> None:
        self.value = VariableAccessor(deserialize_json=False)
        self.json = VariableAccessor(deserialize_json=True)

    def __getitem__(self, form: str) -> VariableAccessor:
        """As in Airflow, where it is a dict."""
        return {"value": self.value, "json": self.json}[form]

    def __repr__(self) -> str:
        return "<variables>"


class ConnectionAccessor:
    """`conn` of the context: `conn.warehouse.host`, or with a default `conn.get("warehouse", None)`."""

    def __getattr__(self, conn_id: str) -> Connection:
        if conn_id.startswith("__"):  # what Python and Jinja look for at any object
            raise AttributeError(conn_id)
        return Connection.get(conn_id)

    def __getitem__(self, conn_id: str) -> Connection:
        return Connection.get(conn_id)

    def get(self, conn_id: str, default_conn: Any = None) -> Any:
        """A connection, or the default when there is none."""
        try:
            return Connection.get(conn_id)
        except ConnectionNotFound:
            return default_conn

    def __repr__(self) -> str:
        return "<connections>"
