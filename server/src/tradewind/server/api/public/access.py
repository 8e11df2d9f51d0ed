"""Who may use the public API, and which part of a long list is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import Depends, Query, Request
from fastapi.security import HTTPBearer

from tradewind.server.api.services import Services
from tradewind.server.auth.credentials import bearer_token, find_user
from tradewind.server.auth.principals import UserPrincipal

if TYPE_CHECKING:
    from tradewind.server.store import Transaction

_READS: Final = frozenset({"GET", "HEAD"})
# Only for the API's description of itself: the header is read below, which says more precisely what is wrong.
_described = HTTPBearer(auto_error=False, description="A credential of role admin or viewer")


def services_of(request: Request) -> Services:
    """The services of the app that answers the request."""
    services: Services = request.app.state.services
    return services


async def authenticate(request: Request, _: Annotated[Any, Depends(_described)]) -> UserPrincipal:
    """Who calls, and whether they may: viewers read, admins do everything.

    Raises:
        Refused: missing_token, malformed_token, unknown_credential, revoked_credential or not_allowed.
    """
    token = bearer_token(request.headers.get("authorization"))
    writes = request.method not in _READS

    def find(tx: Transaction) -> UserPrincipal:
        return find_user(tx, token, writes=writes)

    return await services_of(request).store.read(find)


Given = Annotated[Services, Depends(services_of)]
"""The services, as an argument of a route."""

User = Annotated[UserPrincipal, Depends(authenticate)]
"""The caller, for routes that name them; every route is guarded, see `routes`."""

Limit = Annotated[int, Query(ge=1, le=1000, description="Rows to answer with, at most.")]
Offset = Annotated[int, Query(ge=0, description="Rows to leave out at the beginning.")]
