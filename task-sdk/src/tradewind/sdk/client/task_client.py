"""The operations that a task may call, one method each, over whatever transport the task has."""

from __future__ import annotations

import uuid
from typing import Any

from tradewind.sdk.client.calls import Call, ProblemError, Transport, accepted
from tradewind.sdk.contract import Connection, ProblemReason, SetXCom, Variable, XComValue, decode, encode


class TaskClient:
    """What user code can ask of the control plane.

    Args:
        transport: carries the calls; in a task it is the socket to the supervisor.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get_xcom(self, task_id: str, key: str, map_index: int = -1) -> XComValue | None:
        """An XCom of the own run, None when there is none.

        Raises:
            ProblemError: the server refused.
        """
        parameters = {"task_id": task_id, "key": key, "map_index": str(map_index)}
        body = self._find(Call("get_xcom", parameters))
        return None if body is None else decode(XComValue, body)

    def set_xcom(self, key: str, value: Any) -> None:
        """Write an XCom of the own task instance.

        Args:
            key: its key.
            value: any JSON value; its numbers are finite.

        Raises:
            ProblemError: the server refused.
        """
        body = encode(SetXCom(op_id=str(uuid.uuid4()), value=value))
        accepted(self._transport.call(Call("set_xcom", {"key": key}, body=body)))

    def get_variable(self, key: str) -> Variable | None:
        """A variable, None when there is none.

        Raises:
            ProblemError: the server refused.
        """
        body = self._find(Call("get_variable", {"key": key}))
        return None if body is None else decode(Variable, body)

    def get_connection(self, conn_id: str) -> Connection | None:
        """A connection with its secrets, None when there is none.

        Raises:
            ProblemError: the server refused.
        """
        body = self._find(Call("get_connection", {"conn_id": conn_id}))
        return None if body is None else decode(Connection, body)

    def _find(self, call: Call) -> bytes | None:
        try:
            return accepted(self._transport.call(call)).body
        except ProblemError as error:
            if error.problem.reason is ProblemReason.NOT_FOUND:
                return None
            raise
