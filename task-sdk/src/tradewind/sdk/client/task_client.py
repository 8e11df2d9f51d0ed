"""The operations that a task may call, one method each."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tradewind.sdk.client.calls import Call, LogMasks, ProblemError, Transport, accepted
from tradewind.sdk.contract import (
    UNSET,
    Connection,
    DagRunState,
    RunSummary,
    SetVariable,
    SetXCom,
    TriggerRun,
    Variable,
    VariableKeys,
    XComValue,
    from_plain,
    to_plain,
)

BUSY_PATIENCE_SECONDS = 300.0
"""How long a call of a task is repeated while the server says that it is too busy."""

_BUSY_PAUSE_SECONDS = 1.0


class TaskClient:
    """Calls of a task, over the connection to its supervisor.

    Every method raises `ProblemError` when the call is refused for a reason that it does not name, and
    `ServerUnreachable` when no answer comes. A server that is too busy is asked again.

    Args:
        transport: the way.
        sleep: waits for some seconds.
    """

    def __init__(self, transport: Transport, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._transport = transport
        self._sleep = sleep

    def get_xcom(self, task_id: str, key: str, map_index: int | None = None) -> XComValue | None:
        """An XCom of the own run; None when there is none."""
        parameters = {"task_id": task_id, "key": key}
        if map_index is not None:
            parameters["map_index"] = str(map_index)
        found = self._find(Call("get_xcom", parameters))
        return None if found is UNSET else from_plain(XComValue, found)

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
        """An XCom of any run; None when there is none.

        Args:
            dag_id: DAG of the run.
            task_id: the task that left it.
            key: its key.
            run_id: the run; the one with the name of the own run when None.
            include_prior_dates: whether the newest of that run and those before it is meant.
            map_index: which of the mapped instances.
        """
        parameters = {"dag_id": dag_id, "task_id": task_id, "key": key}
        if run_id is not None:
            parameters["run_id"] = run_id
        if include_prior_dates:
            parameters["include_prior_dates"] = "true"
        if map_index is not None:
            parameters["map_index"] = str(map_index)
        found = self._find(Call("find_xcom", parameters))
        return None if found is UNSET else from_plain(XComValue, found)

    def set_xcom(self, key: str, value: Any) -> None:
        """Leave an XCom of the own task instance; it is committed when this returns.

        Args:
            key: its key; another value under the same key is replaced.
            value: plain JSON values.
        """
        body = to_plain(SetXCom(op_id=_op_id(), value=value))
        self._send(Call("set_xcom", {"key": key}, body))

    def get_variable(self, key: str) -> Variable | None:
        """A variable; None when there is none."""
        found = self._find(Call("get_variable", {"key": key}))
        return None if found is UNSET else from_plain(Variable, found)

    def set_variable(self, key: str, value: str, description: str | None = None) -> None:
        """Write a variable; it is committed when this returns. Its description stays when none is given."""
        body = to_plain(SetVariable(op_id=_op_id(), value=value, description=description))
        self._send(Call("set_variable", {"key": key}, body))

    def delete_variable(self, key: str) -> bool:
        """Delete a variable; False when there is none."""
        try:
            self._send(Call("delete_variable", {"key": key, "op_id": _op_id()}))
        except ProblemError as problem:
            if problem.reason == "not_found":
                return False
            raise
        return True

    def list_variable_keys(self, prefix: str = "") -> list[str]:
        """Keys of the variables that the task may read and that begin with a prefix, sorted."""
        answer = self._send(Call("list_variable_keys", {"prefix": prefix} if prefix else {}))
        return from_plain(VariableKeys, answer).keys

    def get_connection(self, conn_id: str) -> Connection | None:
        """A connection with its secrets; None when there is none."""
        found = self._find(Call("get_connection", {"conn_id": conn_id}))
        return None if found is UNSET else from_plain(Connection, found)

    def mask(self, values: Sequence[str]) -> None:
        """Hide texts in the log; where nobody keeps one, nothing is to be done."""
        if isinstance(self._transport, LogMasks):
            self._transport.mask(values)

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
        """Create a run of a DAG; it is committed when this returns.

        Args:
            dag_id: the DAG.
            run_id: name of the run; made from the time when None.
            logical_date: the date that the run is about.
            run_after: moment from which the run may start; now when None.
            conf: configuration that its tasks can read, in plain JSON values.
            note: words about the run.
            reset: whether a run of this name or date that exists is cleared and starts again.
        """
        body = TriggerRun(
            op_id=_op_id(),
            run_id=run_id,
            logical_date=logical_date,
            run_after=run_after,
            conf=dict(conf or {}),
            note=note,
            reset=reset,
        )
        return from_plain(RunSummary, self._send(Call("trigger_run", {"dag_id": dag_id}, to_plain(body))))

    def get_run(self, dag_id: str, run_id: str) -> RunSummary | None:
        """A run of the own DAG, or of one that may be read or triggered; None when there is none."""
        found = self._find(Call("get_run", {"dag_id": dag_id, "run_id": run_id}))
        return None if found is UNSET else from_plain(RunSummary, found)

    def get_previous_run(self, state: DagRunState | None = None) -> RunSummary | None:
        """The run of the own DAG before the own one, in any state or in one; None when there is none."""
        found = self._find(Call("get_previous_run", {} if state is None else {"state": str(state)}))
        return None if found is UNSET else from_plain(RunSummary, found)

    def _find(self, call: Call) -> Any:
        try:
            return self._send(call)
        except ProblemError as problem:
            if problem.reason == "not_found":
                return UNSET
            raise

    def _send(self, call: Call) -> Any:
        waited = 0.0
        while True:
            try:
                return accepted(call, self._transport.send(call)).body
            except ProblemError as problem:
                pause = max(problem.retry_after_seconds or _BUSY_PAUSE_SECONDS, 0.01)
                waited += pause
                if problem.reason != "too_busy" or waited > BUSY_PATIENCE_SECONDS:
                    raise
            self._sleep(pause)


def _op_id() -> str:
    return str(uuid.uuid4())
