"""HTTP to the control plane; the one module that knows the HTTP library."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from tradewind.sdk.__about__ import __version__
from tradewind.sdk.client.calls import Call, ProblemError, Reply, operation_of
from tradewind.sdk.contract import UNSET, VERSION, Operation
from tradewind.sdk.exceptions import ServerUnreachable, TradewindRuntimeError

VERSION_HEADER = "Tradewind-API-Version"
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0

QueryValue = str | int | bool | list[str] | None
"""A query parameter; a list is a repeated one, None is left out."""

_JSON = "application/json"
_PROBLEM = "application/problem+json"
_GATEWAY = {502, 503, 504}


class HttpTransport:
    """Calls of the Task Execution Interface over kept-alive connections of one event loop.

    Args:
        url: URL of the server, such as `http://127.0.0.1:8080`; a path before `/execution` is kept.
        credential: token of the worker, for operations that it calls for itself.
        answer_seconds: how long to wait for an answer.
        connections: connections that may be open at once.
    """

    def __init__(
        self, url: str, credential: str | None = None, *, answer_seconds: float = ANSWER_SECONDS, connections: int = 20
    ) -> None:
        self._url = server_url(url)
        self._credential = credential
        self._client = httpx.AsyncClient(
            headers={**_agent(), VERSION_HEADER: VERSION},
            timeout=httpx.Timeout(answer_seconds, connect=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            verify=_verifies(self._url),
            trust_env=_may_have_proxy(self._url),
        )

    async def send(self, call: Call) -> Reply:
        """Make a call.

        Raises:
            ServerUnreachable: no answer came; whether the server acted on the call is unknown.
            TradewindRuntimeError: there is no such operation, or a parameter is wrong.
        """
        operation = operation_of(call)
        content, media = _content(call)
        with _unreachable(self._url):
            response = await self._client.request(
                operation.method,
                self._url + operation_path(operation, call.parameters),
                params=query_of(operation, call.parameters),
                content=content,
                headers=_headers(media, self._token(operation, call)),
            )
        return _reply(response, operation.response_media, self._url)

    def _token(self, operation: Operation, call: Call) -> str | None:
        if operation.caller == "anyone":
            return None
        return call.token if operation.caller == "activity" else self._credential

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


class PublicApi:
    """Calls of the public API, for commands.

    Args:
        url: URL of the server.
        token: bearer token.
        answer_seconds: how long to wait for an answer.
    """

    def __init__(self, url: str, token: str | None, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._url = server_url(url)
        self._client = httpx.Client(
            headers=_agent() | _headers(None, token),
            timeout=httpx.Timeout(answer_seconds, connect=CONNECT_SECONDS),
            verify=_verifies(self._url),
            trust_env=_may_have_proxy(self._url),
        )

    def get(self, path: str, **query: QueryValue) -> Any:
        """Read something; what the server answers, in plain values.

        Args:
            path: below the URL of the server, its parts quoted.
            query: query parameters; those that are None are left out.

        Raises:
            ProblemError: the server refuses.
            ServerUnreachable: no answer came.
        """
        return self.request("GET", path, query=query)

    def post(self, path: str, body: Any) -> Any:
        """Create something."""
        return self.request("POST", path, body=body)

    def patch(self, path: str, body: Any) -> Any:
        """Change something."""
        return self.request("PATCH", path, body=body)

    def delete(self, path: str) -> None:
        """Delete something."""
        self.request("DELETE", path)

    def request(
        self, method: str, path: str, *, query: Mapping[str, QueryValue] | None = None, body: Any = UNSET
    ) -> Any:
        """Make any call; None where the answer is empty."""
        with _unreachable(self._url):
            response = self._client.request(
                method,
                self._url + path,
                params=_given(query or {}),
                content=None if body is UNSET else msgspec.json.encode(body),
                headers=_headers(None if body is UNSET else _JSON, None),
            )
        reply = _accepted(f"{method} {path}", _reply(response, _JSON, self._url))
        return None if reply.body is UNSET else reply.body

    def stream(self, path: str, **query: QueryValue) -> Iterator[Any]:
        """Read JSON lines as they come, however long the server pauses between them.

        Raises:
            ProblemError: the server refuses.
            ServerUnreachable: no answer came, or the connection broke.
        """
        with (
            _unreachable(self._url),
            self._client.stream(
                "GET",
                self._url + path,
                params=_given(query),
                timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
            ) as response,
        ):
            if not response.is_success:
                response.read()
                _accepted(f"GET {path}", _reply(response, _JSON, self._url))
            for line in response.iter_lines():
                if line.strip():
                    yield _decoded(line.encode(), self._url)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def server_url(url: str) -> str:
    """The URL of a server without a slash at its end.

    Raises:
        TradewindRuntimeError: it is no HTTP URL.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise TradewindRuntimeError(f"The server URL {url!r} is none: {error}.") from None
    is_address = parts.scheme in {"http", "https"} and parts.hostname and port != 0
    if not is_address or not url.strip().isprintable():
        raise TradewindRuntimeError(f"The server URL {url!r} must look like http://127.0.0.1:8080.")
    return url.strip().rstrip("/")


def operation_path(operation: Operation, parameters: Mapping[str, str]) -> str:
    """The path of a call. A parameter that ends the path may contain slashes."""
    path = operation.path
    for parameter in operation.parameters:
        if parameter.location == "path":
            placeholder = f"{{{parameter.name}}}"
            safe = "/" if path.endswith(placeholder) else ""
            path = path.replace(placeholder, _quoted(parameters[parameter.name], safe))
    return path


def query_of(operation: Operation, parameters: Mapping[str, str]) -> dict[str, str]:
    """The query parameters of a call."""
    names = [parameter.name for parameter in operation.parameters if parameter.location == "query"]
    return {name: parameters[name] for name in names if name in parameters}


def _quoted(value: str, safe: str) -> str:
    # `.` and `..` would be taken for steps in the path, and an empty part would vanish.
    steps = [quote(step, safe="") for step in (value.split("/") if safe else [value])]
    return "/".join(step.replace(".", "%2E") if step in {".", ".."} else step for step in steps)


def _content(call: Call) -> tuple[bytes | None, str | None]:
    if call.text is not None:
        return call.text.encode(), operation_of(call).request_media
    if call.body is UNSET:
        return None, None
    return msgspec.json.encode(call.body), _JSON


def _given(query: Mapping[str, QueryValue]) -> dict[str, QueryValue]:
    return {name: value for name, value in query.items() if value is not None}


def _headers(media: str | None, token: str | None) -> dict[str, str]:
    headers = {"Content-Type": media} if media else {}
    if token:
        if not token.isascii() or not token.isprintable():
            raise TradewindRuntimeError("The token holds characters that no token has; check how it was set.")
        headers["Authorization"] = f"Bearer {token}"
    return headers


def _agent() -> dict[str, str]:
    return {"User-Agent": f"tradewind-task-sdk/{__version__}"}


def _verifies(url: str) -> bool:
    # Without TLS, reading the certificates of the machine would be most of the start of a command.
    return url.startswith("https:")


def _may_have_proxy(url: str) -> bool:
    # A proxy of the environment cannot reach this machine's own server.
    host = urlsplit(url).hostname or ""
    return host != "localhost" and not host.startswith("127.") and host != "::1"


def _reply(response: httpx.Response, media: str | None, url: str) -> Reply:
    answered = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if response.is_error:
        if answered in {_PROBLEM, _JSON}:
            return Reply(response.status_code, _decoded(response.content, url))
        if response.status_code in _GATEWAY:
            raise ServerUnreachable(f"{url} does not answer: a gateway before it says {response.status_code}.")
        return Reply(response.status_code, {"detail": f"{url} answered {response.status_code} with no details."})
    if response.is_redirect:
        target = response.headers.get("location", "elsewhere")
        raise TradewindRuntimeError(f"{url} sends to {target}; use the URL of the server itself.")
    if not response.content:
        return Reply(response.status_code)
    if answered == _JSON:
        return Reply(response.status_code, _decoded(response.content, url))
    if media in {None, _JSON}:
        raise TradewindRuntimeError(f"{url} answered with {answered or 'no media type'}: is this a Tradewind server?")
    return Reply(response.status_code, response.content)


def _accepted(what: str, reply: Reply) -> Reply:
    if reply.status >= 400:
        raise ProblemError(what, reply.status, reply.body if isinstance(reply.body, Mapping) else {})
    return reply


def _decoded(data: bytes, url: str) -> Any:
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise TradewindRuntimeError(f"{url} answered with broken JSON: {error}.") from error


@contextmanager
def _unreachable(url: str) -> Iterator[None]:
    try:
        yield
    except httpx.TimeoutException as error:
        raise ServerUnreachable(f"{url} does not answer in time ({type(error).__name__}).") from error
    except httpx.TransportError as error:
        raise ServerUnreachable(f"{url} cannot be reached: {str(error) or type(error).__name__}.") from error
