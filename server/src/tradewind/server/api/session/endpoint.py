"""The WebSocket `GET /execution/session`: who may not open it is told so by HTTP, before a connection exists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from starlette.websockets import WebSocket

from tradewind.server.api.execution.calls import Caller, Handler
from tradewind.server.api.execution.identify import identify_by_header
from tradewind.server.api.execution.perform import audit_refusal
from tradewind.server.api.problems import internal_error, problem, problem_response
from tradewind.server.api.session.connection import Connection
from tradewind.server.api.versioning import HEADER, QUERY, negotiate
from tradewind.server.contract import OPERATIONS, VERSION
from tradewind.server.domain.refusals import Refused

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from tradewind.server.api.services import Services
    from tradewind.server.contract import Problem

_OPERATION = OPERATIONS["open_session"]


class SessionEndpoint:
    """ASGI app of the worker session.

    Args:
        services: see `Services`.
        handlers: operation to handler.
    """

    def __init__(self, services: Services, handlers: Mapping[str, Handler]) -> None:
        self._services = services
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        websocket = WebSocket(scope, receive, send)
        try:
            caller = await self._admit(websocket)
        except Refused as refusal:
            await audit_refusal(self._services, Caller(), _OPERATION.id, refusal)
            await _deny(websocket, problem(refusal))
            return
        except Exception as error:  # noqa: BLE001 - logged with an id, told as that id
            await _deny(websocket, internal_error(error, _OPERATION.id))
            return
        if caller.worker is None:
            raise TypeError("open_session is not called by a worker")
        await websocket.accept(headers=[(HEADER.encode(), VERSION.encode())])
        await Connection(websocket, self._services, self._handlers, caller.worker).run()

    async def _admit(self, websocket: WebSocket) -> Caller:
        requested = websocket.headers.get(HEADER) or websocket.query_params.get(QUERY)
        negotiate(requested)
        return await identify_by_header(self._services, _OPERATION, websocket.headers.get("authorization"))


async def _deny(websocket: WebSocket, document: Problem) -> None:
    await websocket.send_denial_response(problem_response(document, {HEADER: VERSION}))
