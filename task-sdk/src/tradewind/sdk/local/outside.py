"""Secrets for a DAG file that no worker imports: in tests, in `tradewind dags test` and `check`, or by hand."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tradewind.sdk.client.known_server import find_token, find_url
from tradewind.sdk.environment_secrets import CONNECTION_PREFIX, VARIABLE_PREFIX, EnvironmentSecrets
from tradewind.sdk.exceptions import TradewindException
from tradewind.sdk.local.transport import connection_fields

if TYPE_CHECKING:
    from tradewind.sdk.contract import Connection
    from tradewind.sdk.local.deployment import LocalDeployment

_OF_A_TASK = "TRADEWIND_CTX_DAG_ID"
_VARIABLES = "/api/v2/variables"
_PAGE = 1000


class OutsideSource:
    """Looks in files that were given, in the environment, and for variables on the server that is configured, if any.

    A program that a task has started asks no server: what the task may read is for the task's own process to ask.

    Args:
        environ: the environment.
        deployment: what was given.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ, deployment: LocalDeployment | None = None) -> None:
        self._environ = environ
        self._secrets = EnvironmentSecrets(environ)
        self._deployment = deployment
        self._server_says = ""

    def get_variable(self, key: str) -> str | None:
        """The value of a variable; None when there is none in any of these places."""
        if self._deployment is not None and key in self._deployment.variables:
            return self._deployment.variables[key]
        found = self._secrets.variable(key)
        return self._variable_of_server(key) if found is None else found.value

    def get_connection(self, conn_id: str) -> Connection | None:
        """A connection; None when there is none in these places. A server gives none out but to its workers."""
        if self._deployment is not None and conn_id in self._deployment.connections:
            return connection_fields(self._deployment.connections[conn_id])
        return self._secrets.connection(conn_id)

    def list_variable_keys(self, prefix: str = "") -> list[str]:
        """Keys of the variables that were given and of those of the server, sorted.

        Those of the environment are not among them: it has their names in capitals only.
        """
        given = [] if self._deployment is None else self._deployment.variables
        keys = {*given, *(str(one["key"]) for one in self._variables_of_server())}
        return sorted(key for key in keys if key.startswith(prefix))

    def mask(self, values: list[str]) -> None:
        """Nothing: what such a program prints is not kept by a worker."""

    def missing_hint(self, kind: str, name: str) -> str:
        """Where it was looked for."""
        if kind == "connection":
            return (
                f" Outside a worker it has to be in the environment, as {CONNECTION_PREFIX}{name.upper()}, or in a file"
                " of connections: a server gives no passwords out."
            )
        return f" The environment has no {VARIABLE_PREFIX}{name.upper()}, and {self._server_says}."

    def _variable_of_server(self, key: str) -> str | None:
        found = self._ask(f"{_VARIABLES}/{quote(key, safe='/')}")
        if found is None:
            return None
        value = found.get("value")
        if value is None:
            self._server_says = "the server tells its value to an admin's credential only"
        return None if value is None else str(value)

    def _variables_of_server(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while page := self._ask(_VARIABLES, limit=_PAGE, offset=len(found)):
            found += page["variables"]
            if not page["variables"] or len(found) >= page["total_entries"]:
                break
        return found

    def _ask(self, path: str, **query: int) -> dict[str, Any] | None:
        """What the server answers; None when there is none that can be asked, or when it has no such thing."""
        if _OF_A_TASK in self._environ:
            self._server_says = "a program that a task has started asks no server"
            return None
        from tradewind.sdk.client.calls import ProblemError
        from tradewind.sdk.client.http import PublicApi

        try:
            url, token = find_url(self._environ), find_token(self._environ)
            if url is None or token is None:
                self._server_says = "no server is configured (TRADEWIND_API_URL and TRADEWIND_API_TOKEN)"
                return None
            self._server_says = f"the server at {url.value} has none"
            with PublicApi(url.value, token.value) as api:
                answer: dict[str, Any] = api.get(path, **query)
                return answer
        except ProblemError as problem:
            if problem.reason != "not_found":
                self._server_says = f"the server did not tell it: {problem.detail}"
        except TradewindException as error:
            self._server_says = f"the server was not asked: {str(error).rstrip('.')}"
        return None
