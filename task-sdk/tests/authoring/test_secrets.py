"""Rules of `Variable` and `Connection` outside and inside a task."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.authoring.running_task import RunningTask
from tradewind.sdk import Connection, Variable, get_current_context
from tradewind.sdk.authoring.context import ContextValues, running
from tradewind.sdk.exceptions import (
    AirflowNotFoundException,
    ConnectionNotFound,
    OutsideTaskError,
    TradewindException,
    VariableNotFound,
)

USES: list[Callable[[], object]] = [
    lambda: Variable.set("x", 1),
    lambda: Variable.delete("x"),
    get_current_context,
]


@pytest.mark.parametrize("use", USES)
def test_outside_a_task_nothing_is_written_and_there_is_no_context(use: Any) -> None:
    with pytest.raises(OutsideTaskError, match="works in a running task only"):
        use()


def test_a_variable_is_text_or_json() -> None:
    with running(RunningTask()):
        assert Variable.get("plain") == "text"
        assert Variable.get("json", deserialize_json=True) == {"a": [1, 2]}


def test_a_variable_that_is_missing_has_its_default_or_an_error() -> None:
    with running(RunningTask()):
        assert Variable.get("missing", default=None) is None
        assert Variable.get("missing", {"a": 1}, deserialize_json=True) == {"a": 1}
        assert Variable.get("missing", default_var="of Airflow 2") == "of Airflow 2"
        with pytest.raises(VariableNotFound) as missing:
            Variable.get("missing")
    assert str(missing.value) == "There is no variable 'missing'. Create it, or give Variable.get a default."
    assert isinstance(missing.value, KeyError)
    assert isinstance(missing.value, AirflowNotFoundException)


def test_a_variable_that_is_no_json_is_not_shown_in_the_error() -> None:
    with running(RunningTask()), pytest.raises(TradewindException, match="Variable 'broken' is no JSON") as broken:
        Variable.get("broken", deserialize_json=True)
    assert "s3cret" not in str(broken.value)


def test_json_that_is_nested_too_deep_is_refused_in_words() -> None:
    deep = "[" * 20_000 + "]" * 20_000
    connection = Connection("c", "http", extra=deep)
    with pytest.raises(TradewindException, match="extra of connection 'c' is no JSON that can be read: it is nested"):
        _ = connection.extra_dejson
    assert Connection("c", "http", extra=f'{{"a": "{deep}"}}').get_extra_dejson(nested=True) == {"a": deep}
    assert Connection.from_uri(connection.get_uri(), "c") == connection


def test_a_connection_has_the_fields_and_the_uri_of_airflow() -> None:
    with running(RunningTask()):
        found = Connection.get("db")
        with pytest.raises(ConnectionNotFound, match="There is no connection 'nothing'"):
            Connection.get("nothing")
    assert (found.conn_type, found.schema, found.port, found.extra_dejson) == ("my_sql", "s", 5432, {"k": "v w"})
    assert found.get_uri() == "my-sql://u:p%2Fw@h.example:5432/s?k=v+w"
    assert "p/w" not in repr(found)


def test_an_extra_that_is_no_object_is_refused() -> None:
    with (
        running(RunningTask()),
        pytest.raises(TradewindException, match="extra of connection 'odd' must be a JSON object"),
    ):
        _ = Connection.get("odd").extra_dejson


def test_a_connection_without_extra_has_empty_settings() -> None:
    assert Connection("c", "http").extra_dejson == {}


@pytest.mark.parametrize(
    ("value", "serialize_json", "text"),
    [("x", False, "x"), (5, False, "5"), ({"a": [None]}, True, '{\n  "a": [\n    null\n  ]\n}'), ("x", True, '"x"')],
)
def test_a_variable_is_written_as_text_or_json(value: Any, serialize_json: bool, text: str) -> None:
    task = RunningTask()
    with running(task):
        Variable.set("key", value, serialize_json=serialize_json)
        assert task.variables["key"] == text
        assert Variable.get("key", deserialize_json=serialize_json) == (value if serialize_json else text)


@pytest.mark.parametrize("value", [float("nan"), object()])
def test_a_value_without_a_form_in_json_is_not_written(value: Any) -> None:
    with running(RunningTask()), pytest.raises(TradewindException, match="Variable 'key' cannot be written as JSON"):
        Variable.set("key", value, serialize_json=True)


def test_variables_are_deleted_and_listed() -> None:
    with running(RunningTask()):
        Variable.delete("broken")
        Variable.delete("never there")
        assert (Variable.keys(), Variable.keys("js")) == (["json", "plain"], ["json"])


def test_settings_within_settings_are_read_when_asked_for() -> None:
    connection = Connection("c", "http", extra={"a": '{"b": [1]}', "c": "5", "d": "[]", "e": {"f": "{}"}})
    assert connection.get_extra_dejson() == connection.extra_dejson
    assert connection.get_extra_dejson(nested=True) == {"a": {"b": [1]}, "c": "5", "d": [], "e": {"f": "{}"}}


def test_a_connection_is_given_by_a_uri_or_by_its_parts() -> None:
    assert Connection("db", uri="my-sql://u:p@h:1/s?k=v") == Connection(
        "db", "my_sql", host="h", login="u", password="p", schema="s", port=1, extra={"k": "v"}
    )
    assert Connection("db", uri="my-sql://h", description="words").description == "words"
    with pytest.raises(ValueError, match="Connection 'db' is given a URI and parts of one"):
        Connection("db", "http", uri="http://h")


@pytest.mark.parametrize("wrong", ["nonsense", "http://s3cret:x@h:port", "a://b://c://s3cret"])
def test_a_uri_that_is_none_is_not_shown_in_the_error(wrong: str) -> None:
    with pytest.raises(ValueError, match="The URI of connection 'db' is wrong") as error:
        Connection("db", uri=wrong)
    assert "s3cret" not in str(error.value)


def test_connections_with_the_same_fields_are_the_same() -> None:
    assert Connection("c", "http") == Connection("c", "http")
    assert Connection("c", "http") != Connection("c", "http", port=1)
    assert Connection("c").conn_type == "generic"


def test_the_current_context_is_that_of_the_running_task() -> None:
    with running(RunningTask()):
        assert get_current_context()["run_id"] == "r"


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("logical_date", "triggered without a logical date"),
        ("conf", "dag_run.conf"),
        ("execution_date", "logical_date is its name now"),
        ("partition_key", "does not have it yet"),
        ("nonsense", "there is no such key"),
    ],
)
def test_a_missing_key_of_the_context_says_why(key: str, words: str) -> None:
    context = ContextValues(ds="2024-01-01")
    with pytest.raises(KeyError, match=words):
        context[key]
    assert context.get(key) is None
    assert key not in context
