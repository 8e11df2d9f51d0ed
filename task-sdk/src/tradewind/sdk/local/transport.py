"""The Task Execution Interface in memory: what a task of a local run calls."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from tradewind.sdk.authoring.secrets import Connection
from tradewind.sdk.client.calls import Call, Reply, operation_of
from tradewind.sdk.contract import Connection as ConnectionFields
from tradewind.sdk.contract import (
    DagRunState,
    DagRunType,
    RunSummary,
    SetVariable,
    SetXCom,
    TriggerRun,
    VariableKeys,
    XComValue,
    from_plain,
    to_plain,
)
from tradewind.sdk.contract import Variable as VariableValue
from tradewind.sdk.environment_secrets import EnvironmentSecrets
from tradewind.sdk.local.deployment import LocalDeployment, TriggeredRun


class LocalTransport:
    """Answers the calls of one task instance from memory.

    Args:
        deployment: what there is.
        run: the run of the task.
        task_id: the task.
        now: tells the time.
    """

    def __init__(
        self, deployment: LocalDeployment, run: RunSummary, task_id: str, now: Callable[[], dt.datetime]
    ) -> None:
        self._deployment = deployment
        self._run = run
        self._task_id = task_id
        self._now = now
        self._operations: Mapping[str, Callable[[Mapping[str, str], Any], Reply]] = {
            "get_xcom": self._get_xcom,
            "find_xcom": self._find_xcom,
            "set_xcom": self._set_xcom,
            "get_variable": self._get_variable,
            "set_variable": self._set_variable,
            "delete_variable": self._delete_variable,
            "list_variable_keys": self._list_variable_keys,
            "get_connection": self._get_connection,
            "trigger_run": self._trigger_run,
            "get_run": self._get_run,
            "get_previous_run": self._get_previous_run,
        }

    def send(self, call: Call) -> Reply:
        """Answer a call as a server would."""
        operation_of(call)
        return self._operations[call.operation](call.parameters, call.body)

    def _get_xcom(self, given: Mapping[str, str], _: Any) -> Reply:
        return self._xcom(self._run.dag_id, self._run.run_id, given)

    def _find_xcom(self, given: Mapping[str, str], _: Any) -> Reply:
        if "run_id" in given:
            return self._xcom(given["dag_id"], given["run_id"], given)
        for run in self._deployment.until(self._run, given["dag_id"]):
            reply = self._xcom(run.dag_id, run.run_id, given)
            if reply.status == HTTPStatus.OK:
                return reply
        return _not_found(f"no earlier run has an XCom {given['key']} of {given['task_id']}")

    def _xcom(self, dag_id: str, run_id: str, given: Mapping[str, str]) -> Reply:
        place = (dag_id, run_id, given["task_id"], given["key"])
        if place not in self._deployment.xcoms:
            return _not_found(f"task {given['task_id']} has no XCom {given['key']}")
        return _found(XComValue(value=self._deployment.xcoms[place]))

    def _set_xcom(self, given: Mapping[str, str], body: Any) -> Reply:
        place = (self._run.dag_id, self._run.run_id, self._task_id, given["key"])
        self._deployment.xcoms[place] = from_plain(SetXCom, body).value
        return Reply(HTTPStatus.NO_CONTENT)

    def _get_variable(self, given: Mapping[str, str], _: Any) -> Reply:
        key = given["key"]
        if key in self._deployment.variables:
            return _found(VariableValue(key=key, value=self._deployment.variables[key]))
        found = EnvironmentSecrets(os.environ).variable(key)
        return _not_found(f"there is no variable {key}") if found is None else _found(found)

    def _set_variable(self, given: Mapping[str, str], body: Any) -> Reply:
        self._deployment.variables[given["key"]] = from_plain(SetVariable, body).value
        return Reply(HTTPStatus.NO_CONTENT)

    def _delete_variable(self, given: Mapping[str, str], _: Any) -> Reply:
        if self._deployment.variables.pop(given["key"], None) is None:
            return _not_found(f"there is no variable {given['key']}")
        return Reply(HTTPStatus.NO_CONTENT)

    def _list_variable_keys(self, given: Mapping[str, str], _: Any) -> Reply:
        prefix = given.get("prefix", "")
        return _found(VariableKeys(keys=sorted(key for key in self._deployment.variables if key.startswith(prefix))))

    def _get_connection(self, given: Mapping[str, str], _: Any) -> Reply:
        conn_id = given["conn_id"]
        if conn_id in self._deployment.connections:
            return _found(connection_fields(self._deployment.connections[conn_id]))
        found = EnvironmentSecrets(os.environ).connection(conn_id)
        return _not_found(f"there is no connection {conn_id}") if found is None else _found(found)

    def _trigger_run(self, given: Mapping[str, str], body: Any) -> Reply:
        request = from_plain(TriggerRun, body)
        after = request.run_after or self._now()
        summary = RunSummary(
            dag_id=given["dag_id"],
            run_id=request.run_id or f"{DagRunType.OPERATOR_TRIGGERED}__{after.isoformat()}",
            run_type=DagRunType.OPERATOR_TRIGGERED,
            state=DagRunState.QUEUED,
            run_after=after,
            logical_date=request.logical_date,
        )
        self._deployment.triggered.append(TriggeredRun(given["dag_id"], request, summary))
        return _found(summary)

    def _get_run(self, given: Mapping[str, str], _: Any) -> Reply:
        place = (given["dag_id"], given["run_id"])
        for run in self._deployment.runs:
            if (run.dag_id, run.run_id) == place:
                return _found(run)
        if any((one.dag_id, one.summary.run_id) == place for one in self._deployment.triggered):
            return _problem(
                409,
                "conflict",
                f"dag.test() notes that a run of {given['dag_id']} was triggered and does not carry it out, "
                "so that waiting for it would never end",
            )
        return _not_found(f"DAG {given['dag_id']} has no run {given['run_id']}")

    def _get_previous_run(self, given: Mapping[str, str], _: Any) -> Reply:
        for run in self._deployment.until(self._run, self._run.dag_id):
            if run.run_id != self._run.run_id and given.get("state", run.state) == run.state:
                return _found(run)
        return _not_found("there is no run before this one")


def connection_fields(found: Connection) -> ConnectionFields:
    """A connection as it travels."""
    return ConnectionFields(
        conn_id=found.conn_id,
        conn_type=found.conn_type,
        description=found.description,
        host=found.host,
        login=found.login,
        password=found.password,
        port=found.port,
        schema_name=found.schema,
        extra=found.extra,
    )


def _found(value: Any) -> Reply:
    return Reply(HTTPStatus.OK, to_plain(value))


def _not_found(detail: str) -> Reply:
    return _problem(404, "not_found", detail)


def _problem(status: int, reason: str, detail: str) -> Reply:
    document = {"type": "about:blank", "title": reason, "status": status, "detail": detail, "reason": reason}
    return Reply(status, document)
