"""What a deployment gives out whole, secrets included: for admins only, and noted in the audit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter
from pydantic import Field

from tradewind.server.api.public.access import Given, User
from tradewind.server.api.public.shapes import Shape
from tradewind.server.store import audit, secrets

if TYPE_CHECKING:
    from tradewind.server.contract import Connection as StoredConnection
    from tradewind.server.store import Transaction

router = APIRouter(prefix="/exports", tags=["Exports"])

PAGE = 1000


class ExportedConnection(Shape):
    """A connection with its secrets."""

    connection_id: str
    conn_type: str
    description: str | None
    host: str | None
    login: str | None
    password: str | None
    schema_name: Annotated[str | None, Field(serialization_alias="schema")]
    port: int | None
    extra: str | None


class ConnectionExport(Shape):
    """All connections."""

    connections: list[ExportedConnection]


@router.post("/connections")
async def export_connections(services: Given, user: User) -> ConnectionExport:
    """All connections with their secrets. A POST, so that viewers may not and nothing between keeps the answer."""

    def export(tx: Transaction) -> list[StoredConnection]:
        found: list[StoredConnection] = []
        while True:
            page = secrets.list_connections(tx, limit=PAGE, offset=len(found))
            found += page.items
            if not page.items or len(found) >= page.total:
                break
        audit.append(tx, actor=user.label, action="export_connections", subject="connections", detail={})
        return found

    rows = await services.store.write(export)
    return ConnectionExport(connections=[_whole(row) for row in rows])


def _whole(row: StoredConnection) -> ExportedConnection:
    return ExportedConnection(
        connection_id=row.conn_id,
        conn_type=row.conn_type,
        description=row.description,
        host=row.host,
        login=row.login,
        password=row.password,
        schema_name=row.schema_name,
        port=row.port,
        extra=row.extra,
    )
