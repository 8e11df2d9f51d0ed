"""The interface over HTTP: every operation at its method and path, mounted at `/execution`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from tradewind.server.api.bodies import ClientGone, decode_body, read_within
from tradewind.server.api.execution.calls import Caller, Handler, OperationCall, OperationResult
from tradewind.server.api.execution.identify import identify_by_header
from tradewind.server.api.execution.perform import Answer, perform
from tradewind.server.api.problems import problem, problem_headers, problem_response
from tradewind.server.api.versioning import HEADER, HEADER_BYTES, negotiate
from tradewind.server.contract import OPERATIONS, VERSION, Operation, Problem, ProblemReason, encode
from tradewind.server.domain.refusals import Refused

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from tradewind.server.api.services import Services

_PARAMETER: Final = re.compile(r"\{([a-z_]+)\}")
_VERSION_FIELD: Final = (HEADER_BYTES, VERSION.encode("ascii"))


@dataclass(frozen=True, slots=True)
class HttpCall:
    """An HTTP request for an operation, see `perform.Incoming`."""

    operation: Operation
    in_path: Mapping[str, str]
    query: bytes
    headers: Mapping[bytes, bytes]
    receive: Receive
    session: None = None

    @property
    def parameters(self) -> Mapping[str, str]:
        if not self.query:
            return self.in_path
        given = parse_qsl(self.query.decode("latin-1"), keep_blank_values=True)
        names = [*self.in_path, *(name for name, _ in given)]
        for name in names:
            if names.count(name) > 1:
                raise Refused(
                    ProblemReason.INVALID_VALUE,
                    f"the parameter {name[:100]} is given more than once",
                    field=name[:100],
                    action="give it once",
                )
        return {**self.in_path, **dict(given)}

    async def identify(self, services: Services) -> Caller:
        negotiate(self._header(HEADER_BYTES))
        return await identify_by_header(services, self.operation, self._header(b"authorization"))

    async def read_body(self, services: Services) -> Any:
        if self.operation.request_media is None:
            return None
        limit = services.settings.api.max_body_bytes
        content = await read_within(self.receive, self._header(b"content-length"), limit)
        return decode_body(self.operation, content)

    def _header(self, name: bytes) -> str | None:
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")


class ExecutionRoutes:
    """ASGI app of the operations. Leaner than a framework's router: this path runs several times for every task.

    Args:
        services: see `Services`.
        handlers: operation to handler, checked to be complete.
    """

    def __init__(self, services: Services, handlers: Mapping[str, Handler]) -> None:
        self._services = services
        streams = (row.id for row in OPERATIONS.values() if row.stream)
        self._handlers = {**handlers, **dict.fromkeys(streams, _no_upgrade)}
        self._routes: dict[str, list[tuple[re.Pattern[str], Operation]]] = defaultdict(list)
        # The path of one operation may begin with another's, whose last parameter would take the rest of it.
        for operation in sorted(OPERATIONS.values(), key=lambda row: -row.path.count("/")):
            self._routes[operation.method].append((_pattern(operation.path), operation))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        found = self._find(scope["method"], path)
        if found is None:
            await problem_response(problem(self._no_route(scope["method"], path)), {HEADER: VERSION})(
                scope, receive, send
            )
            return
        operation, in_path = found
        call = HttpCall(operation, in_path, scope["query_string"], dict(scope["headers"]), receive)
        try:
            answer = await perform(self._services, self._handlers, call)
        except ClientGone:
            return
        await _send(answer, operation, send)

    def _find(self, method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
        for pattern, operation in self._routes.get(method, ()):
            match = pattern.fullmatch(path)
            if match is not None:
                return operation, match.groupdict()
        return None

    def _no_route(self, method: str, path: str) -> Refused:
        allowed = [other for other in self._routes if other != method and self._find(other, path) is not None]
        if allowed:
            return Refused(
                ProblemReason.METHOD_NOT_ALLOWED,
                f"{method} is no method of this path",
                action=f"use {' or '.join(sorted(allowed))}",
            )
        return Refused(
            ProblemReason.UNKNOWN_OPERATION,
            "there is no operation at this path",
            action="correct the path; the operations are listed in the contract",
        )


def _pattern(template: str) -> re.Pattern[str]:
    """A regular expression for a path; a parameter that ends it may contain slashes."""
    parts: list[str] = []
    end = 0
    for match in _PARAMETER.finditer(template):
        parts.append(re.escape(template[end : match.start()]))
        last = match.end() == len(template)
        parts.append(f"(?P<{match[1]}>{'.+' if last else '[^/]+'})")
        end = match.end()
    parts.append(re.escape(template[end:]))
    return re.compile("".join(parts), re.DOTALL)


async def _no_upgrade(call: OperationCall) -> OperationResult:
    raise Refused(
        ProblemReason.INVALID_VALUE,
        f"{call.operation.id} is a WebSocket and this is a plain request",
        field="Upgrade",
        action="open it with a WebSocket client",
    )


async def _send(answer: Answer, operation: Operation, send: Send) -> None:
    result = answer.result
    content = result if isinstance(result, bytes) else b"" if result is None else encode(result)
    headers = [_VERSION_FIELD]
    if isinstance(result, Problem):
        headers += [(name.lower().encode(), value.encode()) for name, value in problem_headers(result).items()]
    elif operation.response_media is not None:
        headers.append((b"content-type", operation.response_media.encode()))
    if result is not None:
        headers.append((b"content-length", str(len(content)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
