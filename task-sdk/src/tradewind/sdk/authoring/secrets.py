"""Variables and connections as a task reads them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qsl, quote, urlencode

from tradewind.sdk.authoring.context import running_task
from tradewind.sdk.authoring.unsupported import unsupported
from tradewind.sdk.exceptions import ConnectionNotFound, TradewindException, VariableNotFound

if TYPE_CHECKING:
    from tradewind.sdk import contract

_ABSENT: Any = object()


class Variable:
    """Named texts that the deployment keeps for tasks."""

    @staticmethod
    def get(key: str, default: Any = _ABSENT, deserialize_json: bool = False) -> Any:  # noqa: FBT001, FBT002 - Airflow's
        """The value of a variable.

        A variable that the DAG or task declares (`variables=["key"]`) came with the task and costs no call.

        Args:
            key: its name.
            default: what to return when there is no such variable.
            deserialize_json: whether to return what the value says as JSON instead of its text.

        Raises:
            VariableNotFound: there is none, and no default was given.
            OutsideTaskError: no task runs in this process.
        """
        value = running_task(f"Variable.get({key!r})").get_variable(key)
        if value is None:
            if default is _ABSENT:
                raise VariableNotFound(f"There is no variable {key!r}. Create it, or give Variable.get a default.")
            return default
        return _from_json(value, f"Variable {key!r}") if deserialize_json else value

    @classmethod
    def set(cls, *args: object, **kwargs: object) -> NoReturn:  # noqa: ARG003 - whatever it was called with
        raise unsupported("Variable.set()", "writing variables from tasks")

    @classmethod
    def delete(cls, *args: object, **kwargs: object) -> NoReturn:  # noqa: ARG003 - whatever it was called with
        raise unsupported("Variable.delete()", "writing variables from tasks")

    @classmethod
    def keys(cls, *args: object, **kwargs: object) -> NoReturn:  # noqa: ARG003 - whatever it was called with
        raise unsupported("Variable.keys()", "listing variables in tasks")


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
    """

    def __init__(  # noqa: PLR0917 - Airflow's signature
        self,
        conn_id: str,
        conn_type: str,
        description: str | None = None,
        host: str | None = None,
        login: str | None = None,
        password: str | None = None,
        schema: str | None = None,
        port: int | None = None,
        extra: str | dict[str, Any] | None = None,
    ) -> None:
        self.conn_id = conn_id
        self.conn_type = conn_type
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
            OutsideTaskError: no task runs in this process.
        """
        found = running_task(f"Connection.get({conn_id!r})").get_connection(conn_id)
        if found is None:
            raise ConnectionNotFound(f"There is no connection {conn_id!r}. Create it under this id.")
        return cls._from_contract(found)

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

    def get_uri(self) -> str:
        """The connection as a URI: `type://login:password@host:port/schema?extra`, each part quoted."""
        scheme = self.conn_type.lower().replace("_", "-")
        host = self.host or ""
        inner, separator, rest = host.partition("://")
        protocol = f"{inner}://" if separator else ""
        host = rest if separator else host
        login = "" if self.login is None and self.password is None else quote(self.login or "", safe="")
        password = "" if self.password is None else f":{quote(self.password, safe='')}"
        at = f"{login}{password}@" if login or password else ""
        port = "" if self.port is None else f":{self.port}"
        schema = f"/{quote(self.schema, safe='')}" if self.schema else ""
        if not schema and (host or port or at):
            schema = "/"
        return f"{scheme}://{protocol}{at}{quote(host, safe='')}{port}{schema}{self._query()}"

    def get_hook(self, **arguments: object) -> NoReturn:
        raise unsupported("Connection.get_hook()", "hooks")

    def __repr__(self) -> str:
        """Without the secrets."""
        return f"Connection(conn_id={self.conn_id!r}, conn_type={self.conn_type!r})"

    def _query(self) -> str:
        if not self.extra:
            return ""
        try:
            settings = self.extra_dejson
        except TradewindException:
            settings = {}
        if settings and all(isinstance(value, str) and value for value in settings.values()):
            query = urlencode(settings)
            if dict(parse_qsl(query)) == settings:
                return f"?{query}"
        return f"?{urlencode({'__extra__': self.extra})}"

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
