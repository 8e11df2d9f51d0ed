"""Variables and connections as a task reads and writes them, and as a DAG file reads them while it is imported."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tradewind.sdk.authoring.connection_types import hook_class
from tradewind.sdk.authoring.connection_uri import (
    GENERIC,
    ConnectionFields,
    compose_json,
    compose_uri,
    parse_json,
    parse_uri,
)
from tradewind.sdk.authoring.context import running_task
from tradewind.sdk.authoring.secret_source import secret_source
from tradewind.sdk.exceptions import ConnectionNotFound, TradewindException, VariableNotFound

if TYPE_CHECKING:
    from tradewind.sdk import contract

_ABSENT: Any = object()


class Variable:
    """Named texts that the deployment keeps for tasks and DAG files."""

    @staticmethod
    def get(
        key: str,
        default: Any = _ABSENT,
        deserialize_json: bool = False,  # noqa: FBT001, FBT002 - Airflow's
        *,
        default_var: Any = _ABSENT,
    ) -> Any:
        """The value of a variable.

        A variable that the DAG or task declares (`variables=["key"]`) came with the task and costs no call. At the top
        of a DAG file it is asked for at each parse, and again by each try.

        Args:
            key: its name.
            default: what to return when there is no such variable.
            deserialize_json: whether to return what the value says as JSON instead of its text.
            default_var: another name of `default`, which Airflow 2 had.

        Raises:
            VariableNotFound: there is none, and no default was given.
        """
        source = secret_source(f"Variable.get({key!r})")
        value = source.get_variable(key)
        if value is None:
            instead = default_var if default is _ABSENT else default
            if instead is _ABSENT:
                raise VariableNotFound(
                    f"There is no variable {key!r}. Create it, or give Variable.get a default."
                    + source.missing_hint("variable", key)
                )
            return instead
        return _from_json(value, f"Variable {key!r}") if deserialize_json else value

    @staticmethod
    def set(key: str, value: Any, description: str | None = None, serialize_json: bool = False) -> None:  # noqa: FBT001, FBT002 - Airflow's
        """Write a variable of the deployment; it is committed when this returns.

        A DAG or task declares what it writes (`write_variables=["key"]`).

        Args:
            key: its name.
            value: its text; another value is written as `str(value)`.
            description: words about it; those that are there stay when this is None.
            serialize_json: whether to write the value as JSON.

        Raises:
            TradewindException: the value has no form in JSON.
            OutsideTaskError: no task runs in this process.
        """
        text = _to_json(value, f"Variable {key!r}") if serialize_json else str(value)
        running_task(f"Variable.set({key!r})").set_variable(key, text, description)

    @staticmethod
    def delete(key: str) -> None:
        """Delete a variable of the deployment, if there is one.

        A DAG or task declares what it deletes (`write_variables=["key"]`).

        Raises:
            OutsideTaskError: no task runs in this process.
        """
        running_task(f"Variable.delete({key!r})").delete_variable(key)

    @staticmethod
    def keys(prefix: str = "") -> list[str]:
        """Names of the variables that may be read here and that begin with a prefix, sorted."""
        return secret_source("Variable.keys()").list_variable_keys(prefix)


class Connection:
    """Where something is, and how to log in there.

    Args:
        conn_id: name of the connection.
        conn_type: kind of the connection, such as `postgres` or `http`.
        description: words about it.
        host: name or address of the host.
        login: user name.
        password: secret that goes with the login.
        schema: database or schema on the host.
        port: TCP port.
        extra: further settings, as a JSON object in text form or as a dict.
        uri: all of these in one text, instead of `conn_type` and the following; see `get_uri`.

    Raises:
        ValueError: the URI is none, or other arguments stand beside it.
    """

    def __init__(  # noqa: PLR0917 - Airflow's signature
        self,
        conn_id: str,
        conn_type: str | None = None,
        description: str | None = None,
        host: str | None = None,
        login: str | None = None,
        password: str | None = None,
        schema: str | None = None,
        port: int | None = None,
        extra: str | dict[str, Any] | None = None,
        *,
        uri: str | None = None,
    ) -> None:
        if uri is not None:
            if any(value is not None for value in (conn_type, host, login, password, schema, port, extra)):
                raise ValueError(f"Connection {conn_id!r} is given a URI and parts of one: give one or the other.")
            said = _parsed(parse_uri, uri, f"URI of connection {conn_id!r}")
            conn_type, host, login, password = said.conn_type, said.host, said.login, said.password
            schema, port, extra = said.schema, said.port, said.extra
        self.conn_id = conn_id
        self.conn_type = conn_type or GENERIC
        self.description = description
        self.host = host
        self.login = login
        self.password = password
        self.schema = schema
        self.port = port
        self.extra = json.dumps(extra) if isinstance(extra, dict) else extra

    @classmethod
    def get(cls, conn_id: str) -> Connection:
        """A connection of the deployment.

        One that the DAG or task declares (`connections=["id"]`) came with the task and costs no call.

        Raises:
            ConnectionNotFound: there is none.
        """
        source = secret_source(f"Connection.get({conn_id!r})")
        found = source.get_connection(conn_id)
        if found is None:
            raise ConnectionNotFound(
                f"There is no connection {conn_id!r}. Create it under this id."
                + source.missing_hint("connection", conn_id)
            )
        return cls._from_contract(found)

    @classmethod
    async def async_get(cls, conn_id: str) -> Connection:
        """The same as `get` for an event loop, which goes on meanwhile."""
        import asyncio

        return await asyncio.to_thread(cls.get, conn_id)

    @property
    def extra_dejson(self) -> dict[str, Any]:
        """The further settings as a dict.

        Raises:
            TradewindException: they are no JSON object.
        """
        if not self.extra:
            return {}
        settings = _from_json(self.extra, f"extra of connection {self.conn_id!r}")
        if not isinstance(settings, dict):
            raise TradewindException(f"extra of connection {self.conn_id!r} must be a JSON object.")
        return settings

    def get_extra_dejson(self, nested: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 - Airflow's
        """The further settings as a dict.

        Args:
            nested: whether texts in it that are JSON objects or lists are read, too.

        Raises:
            TradewindException: they are no JSON object.
        """
        settings = self.extra_dejson
        return {name: _nested(value) for name, value in settings.items()} if nested else settings

    @classmethod
    def from_uri(cls, uri: str, conn_id: str = "") -> Connection:
        """The connection that a URI says.

        Raises:
            ValueError: it is none.
        """
        return cls(conn_id, uri=uri)

    @classmethod
    def from_json(cls, value: str, conn_id: str = "") -> Connection:
        """The connection that a JSON object with these fields says; `extra` may be text or an object.

        Raises:
            ValueError: it is no such object.
        """
        said = _parsed(parse_json, value, f"JSON of connection {conn_id!r}")
        return cls(conn_id, **said.as_arguments())

    def get_uri(self) -> str:
        """The connection as a URI: `type://login:password@host:port/schema?extra`, each part quoted."""
        return compose_uri(self._fields())

    def as_json(self) -> str:
        """The connection as a JSON object without its name; what is absent is left out."""
        return compose_json(self._fields())

    def get_hook(self, *, hook_params: Mapping[str, Any] | None = None) -> Any:
        """The hook for connections of this type, as the entry points of `tradewind.connection_types` say.

        Args:
            hook_params: further arguments of the hook.

        Raises:
            TradewindException: nothing that is installed knows the type.
        """
        return hook_class(self.conn_type).for_connection(self.conn_id, **(hook_params or {}))

    def __repr__(self) -> str:
        """Without the secrets."""
        return f"Connection(conn_id={self.conn_id!r}, conn_type={self.conn_type!r})"

    def __eq__(self, other: object) -> bool:
        """Whether all fields are the same."""
        return isinstance(other, Connection) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]  # its fields may change

    def _fields(self) -> ConnectionFields:
        return ConnectionFields(**{name: value for name, value in vars(self).items() if name != "conn_id"})

    @classmethod
    def _from_contract(cls, found: contract.Connection) -> Connection:
        return cls(
            conn_id=found.conn_id,
            conn_type=found.conn_type,
            description=found.description,
            host=found.host,
            login=found.login,
            password=found.password,
            schema=found.schema_name,
            port=found.port,
            extra=found.extra,
        )


def _from_json(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        # The text may be a secret: the sentence says where it breaks, not what it says.
        raise TradewindException(
            f"{what} is no JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    except RecursionError:
        raise TradewindException(f"{what} is no JSON that can be read: it is nested too deep.") from None


def _to_json(value: Any, what: str) -> str:
    try:
        return json.dumps(value, indent=2, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TradewindException(f"{what} cannot be written as JSON: {error}.") from None
    except RecursionError:
        raise TradewindException(f"{what} cannot be written as JSON: it is nested too deep.") from None


def _nested(value: Any) -> Any:
    """A text that is a JSON object or list, read; any other value as it is."""
    if not isinstance(value, str):
        return value
    try:
        inner = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return inner if isinstance(inner, dict | list) else value


def _parsed(parse: Callable[[str], ConnectionFields], text: str, what: str) -> ConnectionFields:
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"The {what} is wrong: {error}.") from None
