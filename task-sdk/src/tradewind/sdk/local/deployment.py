"""What a local run has in place of a deployment: variables, connections and XComs in memory."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tradewind.sdk.authoring.secrets import Connection
from tradewind.sdk.contract import RunSummary, TaskInstanceState, TriggerRun
from tradewind.sdk.exceptions import TradewindException


@dataclass(frozen=True)
class TriggeredRun:
    """A run of another DAG that a task asked for. A local run notes it and does not carry it out."""

    dag_id: str
    request: TriggerRun
    summary: RunSummary


@dataclass
class LocalDeployment:
    """What tasks of local runs read and write. Give the same one to several runs and they share it.

    Attributes:
        variables: key to text.
        connections: conn_id to connection.
        xcoms: (dag_id, run_id, task_id, key) to plain JSON value.
        runs: runs that have ended or are running, oldest first.
        triggered: runs that tasks asked for.
    """

    variables: dict[str, str] = field(default_factory=dict)
    connections: dict[str, Connection] = field(default_factory=dict)
    xcoms: dict[tuple[str, str, str, str], Any] = field(default_factory=dict)
    runs: list[RunSummary] = field(default_factory=list)
    triggered: list[TriggeredRun] = field(default_factory=list)
    _states: dict[tuple[str, str], Mapping[str, TaskInstanceState]] = field(default_factory=dict)

    def begin(self, run: RunSummary) -> None:
        """Note that a run begins; one of the same name takes its place."""
        self.runs = [other for other in self.runs if (other.dag_id, other.run_id) != (run.dag_id, run.run_id)]
        self.runs.append(run)

    def end(self, run: RunSummary, states: Mapping[str, TaskInstanceState]) -> None:
        """Note how a run ended, and its tasks."""
        self.begin(run)
        self._states[run.dag_id, run.run_id] = dict(states)

    def states_before(self, run: RunSummary) -> Mapping[str, TaskInstanceState] | None:
        """States of the tasks in the run of the same DAG before this one; None when there was none."""
        earlier = [other for other in self.until(run, run.dag_id) if other.run_id != run.run_id]
        return self._states.get((run.dag_id, earlier[0].run_id)) if earlier else None

    def until(self, run: RunSummary, dag_id: str) -> list[RunSummary]:
        """Runs of a DAG up to the date of a run, the newest first."""
        known = [other for other in self.runs if other.dag_id == dag_id and _moment(other) <= _moment(run)]
        return sorted(known, key=_moment, reverse=True)

    def read_variables(self, path: str | Path) -> None:
        """Take over the variables of a JSON file: an object of key to value.

        Raises:
            TradewindException: there is no such file, or it holds something else.
        """
        for key, value in _json_object(path, "variables").items():
            self.variables[key] = value if isinstance(value, str) else json.dumps(value)

    def read_connections(self, path: str | Path) -> None:
        """Take over the connections of a JSON file: an object of conn_id to URI or to the fields of a connection.

        Raises:
            TradewindException: there is no such file, or it holds something else.
        """
        for conn_id, given in _json_object(path, "connections").items():
            self.connections[conn_id] = _connection(conn_id, given, path)


def _moment(run: RunSummary) -> dt.datetime:
    return run.logical_date or run.run_after


def _connection(conn_id: str, given: Any, path: str | Path) -> Connection:
    if not isinstance(given, str | Mapping):
        raise TradewindException(f"Connection {conn_id!r} in {path} must be a URI or an object, not {given!r}.")
    try:
        if isinstance(given, str):
            return Connection(conn_id=conn_id, uri=given)
        return Connection.from_json(json.dumps(given), conn_id=conn_id)
    except (TypeError, ValueError) as error:
        raise TradewindException(f"Connection {conn_id!r} in {path} cannot be used. {error}") from None


def _json_object(path: str | Path, what: str) -> dict[str, Any]:
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise TradewindException(f"The file of {what}, {path}, cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise TradewindException(f"The file of {what}, {path}, is no JSON: {error}.") from error
    except RecursionError:
        raise TradewindException(
            f"The file of {what}, {path}, is no JSON that can be read: it is nested too deep."
        ) from None
    if not isinstance(found, dict):
        raise TradewindException(f"The file of {what}, {path}, must hold one JSON object.")
    return found
