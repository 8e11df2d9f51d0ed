"""Whatever a connection holds comes back from its URI and from its JSON, and from an environment that holds either."""

import json

from hypothesis import given
from hypothesis import strategies as st

from tradewind.sdk import Connection
from tradewind.sdk.environment_secrets import EnvironmentSecrets

some = st.none() | st.text(min_size=1)
protocols = st.just("") | st.from_regex(r"[a-z][a-z0-9+.\-]{0,8}://", fullmatch=True)
names = st.text(min_size=1).filter(lambda text: "://" not in text)
settings = st.dictionaries(st.text(min_size=1), st.text() | st.integers() | st.lists(st.booleans()), min_size=1)
connections = st.builds(
    Connection,
    st.just("c"),
    st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True).filter(lambda name: name != "postgresql"),
    host=st.none() | st.builds(str.__add__, protocols, names),
    login=some,
    password=st.none() | st.text(),
    schema=some,
    port=st.none() | st.integers(0, 65535),
    extra=st.none() | st.text(min_size=1) | settings,
)


@given(connections)
def test_the_uri_says_all_of_a_connection(connection: Connection) -> None:
    assert Connection.from_uri(connection.get_uri(), "c") == connection


@given(connections, some)
def test_the_json_says_all_of_a_connection(connection: Connection, description: str | None) -> None:
    connection.description = description
    found = Connection.from_json(connection.as_json(), "c")
    connection.password = connection.password or None  # what is empty is left out
    assert found == connection


@given(connections, st.booleans())
def test_an_environment_says_all_of_a_connection(connection: Connection, as_json: bool) -> None:
    connection.password = connection.password or None
    text = connection.as_json() if as_json else connection.get_uri()
    found = EnvironmentSecrets({"TRADEWIND_CONN_C": text, "TRADEWIND_VAR_C": text}).connection("c")
    assert found is not None
    said = {name: getattr(found, name) for name in ("conn_type", "host", "login", "password", "port", "extra")}
    assert said == {name: getattr(connection, name) for name in said}
    assert found.schema_name == connection.schema


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_a_variable_of_an_environment_is_its_text(value: object) -> None:
    text = json.dumps(value)
    found = EnvironmentSecrets({"TRADEWIND_VAR_MY.KEY": text}).variable("my.key")
    assert found is not None
    assert (found.key, found.value) == ("my.key", text)
    assert EnvironmentSecrets({}).variable("my.key") is None
