"""The web application: the interface of tasks, worker sessions and the public API in one FastAPI app."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.routing import WebSocketRoute

from tradewind.server.__about__ import __version__
from tradewind.server.api.bodies import limited
from tradewind.server.api.execution.routes import ExecutionRoutes
from tradewind.server.api.execution.table import HANDLERS, check_handlers
from tradewind.server.api.problems import internal_error, invalid_by, problem, problem_response
from tradewind.server.api.public.routes import public_router
from tradewind.server.api.session.endpoint import SessionEndpoint
from tradewind.server.contract import ProblemReason
from tradewind.server.domain.refusals import Refused

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from tradewind.server.api.execution.calls import Handler
    from tradewind.server.api.services import Services

_EXECUTION: Final = "/execution/"
# FastAPI traces and measures every request as soon as any library configures OpenTelemetry: here that is a choice.
_TELEMETRY: Final[TelemetryConfig] = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
_REASONS: Final[Mapping[int, tuple[ProblemReason, str]]] = {
    400: (ProblemReason.MALFORMED_BODY, "send JSON in UTF-8"),
    404: (ProblemReason.NOT_FOUND, "correct the path; /openapi.json lists what there is"),
    405: (ProblemReason.METHOD_NOT_ALLOWED, "use a method that the path has; /openapi.json lists what there is"),
}


class App(FastAPI):
    """FastAPI, but for the interface of tasks: its calls go straight to their handlers.

    They come several times for every task and need none of the layers that a call goes through before a FastAPI route.
    """

    execution: ExecutionRoutes
    max_body_bytes: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if scope["path"].startswith(_EXECUTION):
                await self.execution(scope, receive, send)
                return
            declared = Headers(scope=scope).get("content-length")
            receive = limited(receive, declared, self.max_body_bytes)
        await super().__call__(scope, receive, send)


def create_app(services: Services, handlers: Mapping[str, Handler] = HANDLERS) -> FastAPI:
    """The application.

    Args:
        services: what it works with.
        handlers: operation to handler.

    Raises:
        RuntimeError: an operation of the contract has no handler, or a handler no operation.
    """
    check_handlers(handlers)
    app = App(
        title="Tradewind",
        summary="Public API of Tradewind; the interface of tasks is described by the contract in schemas/.",
        version=__version__,
        telemetry=_TELEMETRY,
        redirect_slashes=False,
        # The pages that FastAPI offers load their scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        exception_handlers={
            Refused: _refused,
            RequestValidationError: _invalid,
            HTTPException: _http_error,
            Exception: _unexpected,
        },
    )
    app.state.services = services
    app.execution = ExecutionRoutes(services, handlers)
    app.router.routes.insert(0, WebSocketRoute("/execution/session", SessionEndpoint(services, handlers)))
    app.max_body_bytes = services.settings.api.max_body_bytes
    app.include_router(public_router())
    return app


async def _refused(_request: Request, error: Exception) -> Response:
    if not isinstance(error, Refused):
        raise error
    return problem_response(problem(error))


async def _invalid(_request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    # FastAPI puts where a value stands (body, query, path) before its name.
    faults = [{**fault, "loc": tuple(fault["loc"])[1:]} for fault in error.errors()]
    return problem_response(problem(invalid_by(faults, what="the request")))


async def _http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if isinstance(error.__cause__, Refused):
        # FastAPI takes what goes wrong while it reads a body for an error of its own.
        return problem_response(problem(error.__cause__))
    known = _REASONS.get(error.status_code)
    if known is None:
        return problem_response(internal_error(error, f"{request.method} {request.url.path}"))
    reason, action = known
    detail = f"{request.method} {request.url.path}: {error.detail}"
    return problem_response(problem(Refused(reason, detail, action=action)), error.headers)


async def _unexpected(request: Request, error: Exception) -> Response:
    return problem_response(internal_error(error, f"{request.method} {request.url.path}"))
