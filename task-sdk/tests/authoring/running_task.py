"""A running task in memory, with some secrets, for tests of what reads them."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from tradewind.sdk import Context, contract
from tradewind.sdk.authoring.context import ContextValues


class RunningTask:
    """See the module."""

    def __init__(self) -> None:
        self.context: Context = ContextValues(run_id="r")  # type: ignore[assignment]  # a dict with another error
        self.masked: list[str] = []
        self.variables = {"plain": "text", "json": '{"a": [1, 2]}', "broken": "{s3cret"}
        self.connections = {
            "db": contract.Connection(
                conn_id="db",
                conn_type="my_sql",
                host="h.example",
                login="u",
                password="p/w",
                port=5432,
                schema_name="s",
                extra='{"k": "v w"}',
            ),
            "odd": contract.Connection(conn_id="odd", conn_type="http", extra="[1]"),
        }

    def get_variable(self, key: str) -> str | None:
        return self.variables.get(key)

    def set_variable(self, key: str, value: str, description: str | None = None) -> None:
        self.variables[key] = value

    def delete_variable(self, key: str) -> bool:
        return self.variables.pop(key, None) is not None

    def list_variable_keys(self, prefix: str = "") -> list[str]:
        return sorted(key for key in self.variables if key.startswith(prefix))

    def get_connection(self, conn_id: str) -> contract.Connection | None:
        return self.connections.get(conn_id)

    def mask(self, values: list[str]) -> None:
        self.masked.extend(values)

    def missing_hint(self, kind: str, name: str) -> str:
        return ""

    def find_xcom(
        self,
        dag_id: str,
        task_id: str,
        key: str,
        *,
        run_id: str | None = None,
        include_prior_dates: bool = False,
        map_index: int | None = None,
    ) -> contract.XComValue | None:
        return None

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
    ) -> contract.RunSummary:
        raise NotImplementedError

    def get_run(self, dag_id: str, run_id: str) -> contract.RunSummary | None:
        return None

    def get_previous_run(self, state: contract.DagRunState | None = None) -> contract.RunSummary | None:
        return None
