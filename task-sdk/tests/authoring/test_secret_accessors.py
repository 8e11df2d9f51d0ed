"""`var` and `conn` of the task context."""

import pytest

from tests.authoring.running_task import RunningTask
from tradewind.sdk.authoring.context import running
from tradewind.sdk.authoring.secret_accessors import ConnectionAccessor, VariableAccessors
from tradewind.sdk.exceptions import ConnectionNotFound, VariableNotFound


def test_variables_are_attributes_as_text_and_as_json() -> None:
    var = VariableAccessors()
    with running(RunningTask()):
        assert (var.value.plain, var["value"].plain, var.value["plain"], var.value.get("plain")) == ("text",) * 4
        assert var.json.json == {"a": [1, 2]}
        assert (var.value.get("none", "x"), var.json.get("none", None)) == ("x", None)
        with pytest.raises(VariableNotFound, match="There is no variable 'none'"):
            _ = var.value.none
        with pytest.raises(VariableNotFound):
            var.value.get("none")


def test_connections_are_attributes() -> None:
    conn = ConnectionAccessor()
    with running(RunningTask()):
        assert (conn.db.host, conn["db"].login, conn.get("db").port) == ("h.example", "u", 5432)
        assert (conn.get("none"), conn.get("none", default_conn=5)) == (None, 5)
        with pytest.raises(ConnectionNotFound, match="There is no connection 'none'"):
            _ = conn.none


def test_accessors_are_looked_at_without_a_call() -> None:
    for accessor in (VariableAccessors(), VariableAccessors().value, ConnectionAccessor()):
        assert not hasattr(accessor, "__html__")
        assert repr(accessor).startswith("<")
