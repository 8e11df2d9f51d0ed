"""Connections. Passwords and extra go in and never come out here: only tasks that are granted them read them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter
from pydantic import AfterValidator, Field
from starlette.responses import Response

from tradewind.server.api.public.access import Given, Limit, Offset, UpdateMask, User
from tradewind.server.api.public.shapes import Body, Shape, masked, same_name
from tradewind.server.contract import Connection as StoredConnection
from tradewind.server.contract import ConnectionId, ProblemReason
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import audit, secrets

if TYPE_CHECKING:
    from tradewind.server.auth.principals import UserPrincipal
    from tradewind.server.store import Transaction

router = APIRouter(prefix="/connections", tags=["Connections"])

ConnectionType = Annotated[str, Field(min_length=1, max_length=500)]
Description = Annotated[str, Field(max_length=5000)]
Host = Annotated[str, Field(max_length=500)]
Login = Annotated[str, Field(max_length=5000)]
Password = Annotated[str, Field(max_length=50_000)]
Port = Annotated[int, Field(strict=True, ge=0, le=65_535)]


def _object(extra: str) -> str:
    """The text itself, which tasks read as an object. An empty one stands for none."""
    try:
        read = json.loads(extra or "{}")
    except (ValueError, RecursionError) as error:
        message = f"must be the text of a JSON object: {error}"
        raise ValueError(message) from None
    if not isinstance(read, dict):
        message = "must be the text of a JSON object, such as '{\"timeout\": 5}'"
        raise ValueError(message)  # noqa: TRY004 - pydantic takes it for a wrong value
    return extra


Extra = Annotated[str, Field(max_length=500_000), AfterValidator(_object)]


class Connection(Shape):
    """A connection without its secrets."""

    connection_id: str
    conn_type: str
    description: str | None
    host: str | None
    login: str | None
    schema_name: Annotated[str | None, Field(serialization_alias="schema")]
    port: int | None
    has_password: bool
    has_extra: bool


class ConnectionCollection(Shape):
    """Connections and how many there are in all."""

    connections: list[Connection]
    total_entries: int


class ConnectionPatch(Body):
    """What to change of a connection; what is left out stays, null removes. Its id is for clients that repeat it."""

    connection_id: str | None = None
    conn_type: ConnectionType | None = None
    description: Description | None = None
    host: Host | None = None
    login: Login | None = None
    password: Password | None = None
    schema_name: Annotated[Host | None, Field(alias="schema")] = None
    port: Port | None = None
    extra: Extra | None = None


class NewConnection(ConnectionPatch):
    """A connection to create."""

    connection_id: ConnectionId
    conn_type: ConnectionType


@router.get("")
async def list_connections(services: Given, limit: Limit = 50, offset: Offset = 0) -> ConnectionCollection:
    """Connections in alphabetical order."""
    page = await services.store.read(lambda tx: secrets.list_connections(tx, limit=limit, offset=offset))
    return ConnectionCollection(connections=[_shown(row) for row in page.items], total_entries=page.total)


@router.get("/{connection_id:path}")
async def get_connection(services: Given, connection_id: str) -> Connection:
    """One connection."""
    return _shown(await services.store.read(lambda tx: _existing(tx, connection_id)))


@router.post("", status_code=201)
async def create_connection(services: Given, user: User, body: NewConnection) -> Connection:
    """Create a connection."""
    fields = body.model_dump(exclude={"connection_id"}, exclude_none=True)
    connection = StoredConnection(conn_id=body.connection_id, **fields)

    def create(tx: Transaction) -> None:
        if secrets.get_connection(tx, body.connection_id) is not None:
            raise Refused(
                ProblemReason.ALREADY_EXISTS,
                f"there is a connection {body.connection_id} already",
                field="connection_id",
                action="change it with PATCH",
            )
        _put(tx, user, connection)

    await services.store.write(create)
    return _shown(connection)


@router.patch("/{connection_id:path}")
async def patch_connection(
    services: Given, user: User, connection_id: str, body: ConnectionPatch, update_mask: UpdateMask = None
) -> Connection:
    """Change a connection."""
    same_name("connection_id", body.connection_id, connection_id)
    changes: dict[str, Any] = body.model_dump(include=masked(body, update_mask) - {"connection_id"})
    if changes.get("conn_type", "") is None:
        raise Refused(ProblemReason.INVALID_VALUE, "conn_type may not be removed", field="conn_type")

    def change(tx: Transaction) -> StoredConnection:
        connection = _existing(tx, connection_id).model_copy(update=changes)
        _put(tx, user, connection)
        return connection

    return _shown(await services.store.write(change))


@router.delete("/{connection_id:path}", status_code=204)
async def delete_connection(services: Given, user: User, connection_id: str) -> Response:
    """Delete a connection."""

    def delete(tx: Transaction) -> None:
        if not secrets.delete_connection(tx, connection_id):
            raise _not_found(connection_id)
        audit.append(tx, actor=user.label, action="delete_connection", subject=connection_id, detail={})

    await services.store.write(delete)
    return Response(status_code=204)


def _existing(tx: Transaction, connection_id: str) -> StoredConnection:
    connection = secrets.get_connection(tx, connection_id)
    if connection is None:
        raise _not_found(connection_id)
    return connection


def _put(tx: Transaction, user: UserPrincipal, connection: StoredConnection) -> None:
    secrets.put_connection(tx, connection)
    audit.append(tx, actor=user.label, action="set_connection", subject=connection.conn_id, detail={})


def _shown(row: StoredConnection) -> Connection:
    return Connection(
        connection_id=row.conn_id,
        conn_type=row.conn_type,
        description=row.description,
        host=row.host,
        login=row.login,
        schema_name=row.schema_name,
        port=row.port,
        has_password=row.password is not None,
        has_extra=row.extra is not None,
    )


def _not_found(connection_id: str) -> Refused:
    return Refused(
        ProblemReason.NOT_FOUND,
        f"there is no connection {connection_id}",
        field="connection_id",
        action="correct the name",
    )
