"""Who may use the public API, and which part of a long list is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import Depends, Path, Query, Request
from fastapi.security import HTTPBearer

from tradewind.server.api.services import Services
from tradewind.server.auth.credentials import bearer_token, find_user
from tradewind.server.auth.principals import UserPrincipal
from tradewind.server.contract import ProblemReason
from tradewind.server.domain.refusals import Refused

if TYPE_CHECKING:
    from fastapi.dependencies.models import Dependant

    from tradewind.server.store import Transaction

_READS: Final = frozenset({"GET", "HEAD"})
# Only for the API's description of itself: the header is read below, which says more precisely what is wrong.
_described = HTTPBearer(auto_error=False, description="A credential of role admin or viewer")


def services_of(request: Request) -> Services:
    """The services of the app that answers the request."""
    services: Services = request.app.state.services
    return services


async def _services(request: Request) -> Services:
    """The same as a dependency: FastAPI would call a plain function in a thread."""
    return services_of(request)


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


async def refuse_unknown_parameters(request: Request) -> None:
    """A query parameter that the route does not have is refused: a filter that is ignored answers with too much.

    It waits for nothing: FastAPI would call a plain function in a thread.

    Raises:
        Refused: unknown_field.
    """
    if not request.query_params:
        return
    known = _query_parameters(request.scope["route"].dependant)
    for name in request.query_params:
        if name not in known:
            raise Refused(
                ProblemReason.UNKNOWN_FIELD,
                f"{request.method} {request.url.path} has no query parameter {name}",
                field=name,
                action=f"use {', '.join(sorted(known))}" if known else "leave it out",
            )


def _query_parameters(dependant: Dependant) -> set[str]:
    return {field.alias for field in dependant.query_params}.union(
        *(_query_parameters(below) for below in dependant.dependencies)
    )


Given = Annotated[Services, Depends(_services)]
"""The services, as an argument of a route."""

User = Annotated[UserPrincipal, Depends(authenticate)]
"""The caller, for routes that name them; every route is guarded, see `routes`."""

LARGEST: Final = 2**31 - 1
"""Largest number that the columns of both databases hold."""

Limit = Annotated[int, Query(ge=1, le=1000, description="Rows to answer with, at most.")]
Offset = Annotated[int, Query(ge=0, le=LARGEST, description="Rows to leave out at the beginning.")]
Number = Annotated[int, Path(ge=0, le=LARGEST)]
"""A number in a path: of a try, an error."""

MapIndex = Annotated[int, Query(ge=-1, le=LARGEST, description="Index of a mapped instance; -1 for one that is not.")]
UpdateMask = Annotated[
    list[str] | None, Query(description="Fields of the body to change; all that it has when absent.")
]
