"""Who may use the public API, and which part of a long list is asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Query, Request
from fastapi.security import HTTPBearer

from tradewind.server.api.services import Services
from tradewind.server.auth.credentials import bearer_token, find_user
from tradewind.server.auth.principals import UserPrincipal

if TYPE_CHECKING:
    from tradewind.server.store import Transaction

# Only for the API's description of itself: the header is read below, which says more precisely what is wrong.
_described = HTTPBearer(auto_error=False, description="A credential of role admin or viewer")


def services_of(request: Request) -> Services:
    """The services of the app that answers the request."""
    services: Services = request.app.state.services
    return services


def _user(*, writes: bool) -> Callable[[Request, Any], Awaitable[UserPrincipal]]:
    async def authenticate(request: Request, _: Annotated[Any, Depends(_described)]) -> UserPrincipal:
        token = bearer_token(request.headers.get("authorization"))

        def find(tx: Transaction) -> UserPrincipal:
            return find_user(tx, token, writes=writes)

        return await services_of(request).store.read(find)

    return authenticate


Given = Annotated[Services, Depends(services_of)]
"""The services, as an argument of a route."""

Reader = Annotated[UserPrincipal, Depends(_user(writes=False))]
"""A caller who may read."""

Writer = Annotated[UserPrincipal, Depends(_user(writes=True))]
"""A caller who may change things."""

Limit = Annotated[int, Query(ge=1, le=1000, description="Rows to answer with, at most.")]
Offset = Annotated[int, Query(ge=0, description="Rows to leave out at the beginning.")]
