"""The schema as this version needs it: which one a database has, and the whole of it for a SQLite file that is empty.

Alembic is not imported: a control plane whose database needs no step would carry it around for nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Column, Connection, MetaData, String, Table, text
from sqlalchemy.exc import DBAPIError

from tradewind.server.store.database import Database
from tradewind.server.store.errors import OutageError, StoreError
from tradewind.server.store.migrations.head import HEAD
from tradewind.server.store.tables import metadata, pool

__all__ = ["create_if_empty", "revision"]

_VERSION = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True, nullable=False))
_VERSION.primary_key.name = "alembic_version_pkc"
_DEFAULT_POOL = {
    "name": "default_pool",
    "slots": 128,
    "description": "Tasks that name no other pool",
    "include_deferred": False,
    "updated_at": datetime(1970, 1, 1, tzinfo=UTC),
}


def revision(database: Database) -> str | None:
    """The revision of a database's schema; None when it has none.

    Raises:
        StoreError: the database is not there, or cannot be used.
    """
    try:
        with database.connect(read_only=True) as connection:
            found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except DBAPIError as error:
        if isinstance(explained := database.explain(error), OutageError | StoreError):
            raise StoreError(str(explained)) from error
        return None
    return found


def create_if_empty(database: Database) -> None:
    """Make the whole schema in an empty SQLite file; what the steps lead to, without them.

    Raises:
        StoreError: the file cannot be written.
    """
    try:
        with database.connect(read_only=False) as connection:
            database.begin(connection, read_only=False)
            try:
                if not connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar():
                    _create(connection)
                database.commit(connection, ())
            except BaseException:
                database.rollback(connection)
                raise
    except DBAPIError as error:
        explained = database.explain(error)
        raise StoreError(str(error.orig if explained is error else explained).strip()) from error


def _create(connection: Connection) -> None:
    metadata.create_all(connection, checkfirst=False)
    _VERSION.create(connection, checkfirst=False)
    connection.execute(_VERSION.insert().values(version_num=HEAD))
    connection.execute(pool.insert().values(_DEFAULT_POOL))
