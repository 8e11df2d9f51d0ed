"""HTTP: the one module that knows the HTTP library."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from tradewind.sdk.client.calls import Call, Reply, ServerUnreachable, accepted
from tradewind.sdk.contract import OPERATIONS, VERSION

VERSION_HEADER = "Tradewind-API-Version"
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
_JSON = "application/json"


class HttpTransport:
    """Carries calls of the Task Execution Interface over connections that stay open.

    Args:
        api_url: base URL of the API server.
        worker_token: credential of the worker, for calls without an execution token.
        timeout_seconds: time that an answer may take.
    """

    def __init__(self, api_url: str, worker_token: str, *, timeout_seconds: float = ANSWER_SECONDS) -> None:
        self._url = api_url.rstrip("/")
        self._worker_token = worker_token
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(timeout_seconds, connect=CONNECT_SECONDS), headers={VERSION_HEADER: VERSION}
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def call(self, call: Call) -> Reply:
        """Make a call, once.

        Raises:
            ServerUnreachable: no answer was heard.
        """
        operation = OPERATIONS[call.operation]
        headers = {"Authorization": f"Bearer {call.token or self._worker_token}"}
        content = call.body if call.text is None else call.text.encode()
        if content is not None:
            headers["Content-Type"] = operation.request_media or _JSON
        try:
            answer = await self._http.request(
                operation.method,
                self._url + _path(operation.path, call.parameters),
                params=_query(call),
                content=content,
                headers=headers,
            )
        except httpx.HTTPError as error:
            raise ServerUnreachable(_describe(error)) from error
        return Reply(answer.status_code, answer.content)


def _path(template: str, parameters: Mapping[str, str]) -> str:
    """Fill in the path of an operation. A parameter that ends the path may hold slashes."""
    path = template
    for name, value in parameters.items():
        safe = "/" if template.endswith("{" + name + "}") else ""
        path = path.replace("{" + name + "}", quote(value, safe=safe))
    return path


def _query(call: Call) -> dict[str, str]:
    inside = {parameter.name for parameter in OPERATIONS[call.operation].parameters if parameter.location == "query"}
    return {name: value for name, value in call.parameters.items() if name in inside}


def _describe(error: httpx.HTTPError) -> str:
    return str(error) or type(error).__name__


class PublicApi:
    """The public API, for the command line: paths in, JSON out.

    Args:
        api_url: base URL of the API server.
        token: credential of a person or program.
    """

    def __init__(self, api_url: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(
            base_url=api_url.rstrip("/"),
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            headers=headers,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """Read something.

        Args:
            path: below the base URL, its parts quoted.
            query: query parameters; a list is a repeated one, None is left out.

        Raises:
            ServerUnreachable: no answer was heard.
            ProblemError: the server refused.
        """
        given = {name: value for name, value in query.items() if value is not None}
        return self._send("GET", path, params=given)

    def post(self, path: str, body: Any) -> Any:
        """Create something; raises as `get`."""
        return self._send("POST", path, json=body)

    def stream(self, path: str) -> Iterator[Any]:
        """The JSON values of an answer that arrives line by line, for as long as it takes; raises as `get`."""
        endless = httpx.Timeout(None, connect=CONNECT_SECONDS)
        try:
            with self._http.stream("GET", path, timeout=endless) as answer:
                if answer.is_error:
                    answer.read()
                    accepted(Reply(answer.status_code, answer.content))
                for line in answer.iter_lines():
                    if line:
                        yield json.loads(line)
        except httpx.HTTPError as error:
            raise ServerUnreachable(_describe(error)) from error

    def _send(self, method: str, path: str, **options: Any) -> Any:
        try:
            answer = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise ServerUnreachable(_describe(error)) from error
        body = accepted(Reply(answer.status_code, answer.content)).body
        return json.loads(body) if body else None
