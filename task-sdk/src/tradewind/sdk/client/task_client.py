"""The operations that a task may call, one method each."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

from tradewind.sdk.client.calls import Call, ProblemError, Transport, accepted
from tradewind.sdk.contract import (
    UNSET,
    Connection,
    SetXCom,
    Variable,
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

    def set_xcom(self, key: str, value: Any) -> None:
        """Leave an XCom of the own task instance; it is committed when this returns.

        Args:
            key: its key; another value under the same key is replaced.
            value: plain JSON values.
        """
        body = to_plain(SetXCom(op_id=str(uuid.uuid4()), value=value))
        self._send(Call("set_xcom", {"key": key}, body))

    def get_variable(self, key: str) -> Variable | None:
        """A variable; None when there is none."""
        found = self._find(Call("get_variable", {"key": key}))
        return None if found is UNSET else from_plain(Variable, found)

    def get_connection(self, conn_id: str) -> Connection | None:
        """A connection with its secrets; None when there is none."""
        found = self._find(Call("get_connection", {"conn_id": conn_id}))
        return None if found is UNSET else from_plain(Connection, found)

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
