"""Rules of `Variable` and `Connection` outside and inside a task."""

from collections.abc import Callable
from typing import Any

import pytest

from tradewind.sdk import Connection, Context, Variable, contract, get_current_context
from tradewind.sdk.authoring.context import ContextValues, running
from tradewind.sdk.exceptions import (
    AirflowNotFoundException,
    ConnectionNotFound,
    OutsideTaskError,
    TradewindException,
    UnsupportedFeatureError,
    VariableNotFound,
)


class Task:
    """A running task with some secrets."""

    def __init__(self) -> None:
        self.context: Context = ContextValues(run_id="r")  # type: ignore[assignment]  # a dict with another error
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

    def get_connection(self, conn_id: str) -> contract.Connection | None:
        return self.connections.get(conn_id)


@pytest.mark.parametrize("use", [lambda: Variable.get("x"), lambda: Connection.get("x"), get_current_context])
def test_outside_a_task_there_are_no_secrets_and_no_context(use: Any) -> None:
    with pytest.raises(OutsideTaskError, match="works in a running task only"):
        use()


def test_a_variable_is_text_or_json() -> None:
    with running(Task()):
        assert Variable.get("plain") == "text"
        assert Variable.get("json", deserialize_json=True) == {"a": [1, 2]}


def test_a_variable_that_is_missing_has_its_default_or_an_error() -> None:
    with running(Task()):
        assert Variable.get("missing", default=None) is None
        assert Variable.get("missing", {"a": 1}, deserialize_json=True) == {"a": 1}
        with pytest.raises(VariableNotFound) as missing:
            Variable.get("missing")
    assert str(missing.value).startswith("There is no variable 'missing'.")
    assert isinstance(missing.value, KeyError)
    assert isinstance(missing.value, AirflowNotFoundException)


def test_a_variable_that_is_no_json_is_not_shown_in_the_error() -> None:
    with running(Task()), pytest.raises(TradewindException, match="Variable 'broken' is no JSON") as broken:
        Variable.get("broken", deserialize_json=True)
    assert "s3cret" not in str(broken.value)


def test_a_connection_has_the_fields_and_the_uri_of_airflow() -> None:
    with running(Task()):
        found = Connection.get("db")
        with pytest.raises(ConnectionNotFound, match="There is no connection 'nothing'"):
            Connection.get("nothing")
    assert (found.conn_type, found.schema, found.port, found.extra_dejson) == ("my_sql", "s", 5432, {"k": "v w"})
    assert found.get_uri() == "my-sql://u:p%2Fw@h.example:5432/s?k=v+w"
    assert "p/w" not in repr(found)


@pytest.mark.parametrize(
    ("fields", "uri"),
    [
        ({}, "http://"),
        ({"host": "h"}, "http://h/"),
        ({"host": "https://h"}, "http://https://h/"),
        ({"password": "p"}, "http://:p@/"),
        ({"login": "a@b", "host": "h", "port": 1}, "http://a%40b@h:1/"),
        ({"host": "h", "extra": {"a": {"b": 1}}}, "http://h/?__extra__=%7B%22a%22%3A+%7B%22b%22%3A+1%7D%7D"),
        ({"host": "h", "extra": "no json"}, "http://h/?__extra__=no+json"),
    ],
)
def test_every_part_of_a_uri_is_quoted_and_may_be_absent(fields: dict[str, Any], uri: str) -> None:
    assert Connection("c", "http", **fields).get_uri() == uri


def test_an_extra_that_is_no_object_is_refused() -> None:
    with running(Task()), pytest.raises(TradewindException, match="extra of connection 'odd' must be a JSON object"):
        _ = Connection.get("odd").extra_dejson


def test_a_connection_without_extra_has_empty_settings() -> None:
    assert Connection("c", "http").extra_dejson == {}


def test_what_is_not_supported_yet_says_so() -> None:
    uses: list[Callable[[], object]] = [
        lambda: Variable.set("a", 1),
        lambda: Variable.delete("a"),
        Variable.keys,
        Connection("c", "t").get_hook,
    ]
    for use in uses:
        with pytest.raises(UnsupportedFeatureError, match="does not support it yet"):
            use()


def test_the_current_context_is_that_of_the_running_task() -> None:
    with running(Task()):
        assert get_current_context()["run_id"] == "r"


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("logical_date", "triggered without a logical date"),
        ("conf", "dag_run.conf"),
        ("execution_date", "logical_date is its name now"),
        ("var", "Variable.get"),
        ("macros", "does not have it yet"),
        ("nonsense", "there is no such key"),
    ],
)
def test_a_missing_key_of_the_context_says_why(key: str, words: str) -> None:
    context = ContextValues(ds="2024-01-01")
    with pytest.raises(KeyError, match=words):
        context[key]
    assert context.get(key) is None
    assert key not in context
