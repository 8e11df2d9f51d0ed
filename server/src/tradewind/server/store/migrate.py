"""The schema's version: bring it up to date, go back, tell and check it. Needs no configuration file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tradewind.server.store.database import Database
from tradewind.server.store.errors import StoreError
from tradewind.server.store.migrations.head import HEAD
from tradewind.server.store.postgres import PostgresDatabase
from tradewind.server.store.sqlite import SqliteDatabase
from tradewind.server.store.tables import metadata

__all__ = ["HEAD", "check", "current", "downgrade", "script_directory", "upgrade"]

_ADVISORY_LOCK = 0x74726164  # any number that no other program takes: two migrations at once wait for each other


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the schema up to a revision, all steps or none.

    Raises:
        StoreError: the database is not there, or its schema is newer than this version knows.
    """
    with _transaction(url) as connection:
        _refuse_unknown(connection)
        command.upgrade(_config(connection), revision)


def downgrade(url: str, revision: str) -> None:
    """Go back to an older revision, or to `base`; what only the newer schema can hold is lost.

    Raises:
        StoreError: the database is not there, or its schema is newer than this version knows.
    """
    with _transaction(url) as connection:
        _refuse_unknown(connection)
        command.downgrade(_config(connection), revision)


def current(url: str) -> str | None:
    """The revision of the schema; None for a database without one."""
    with _transaction(url) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def check(url: str) -> list[str]:
    """What differs between the schema and what this version needs; empty when nothing does."""
    with _transaction(url) as connection:
        found = MigrationContext.configure(connection).get_current_revision()
        if found != HEAD:
            return [f"the schema is {found or 'none'} and must be {HEAD}; run: tradewind-server db migrate"]
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return [str(difference) for difference in compare_metadata(context, metadata)]


def script_directory() -> ScriptDirectory:
    """The steps that this version knows."""
    return ScriptDirectory(str(Path(__file__).with_name("migrations")))


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    return config


def _refuse_unknown(connection: Connection) -> None:
    found = MigrationContext.configure(connection).get_current_revision()
    if found is not None and found not in {script.revision for script in script_directory().walk_revisions()}:
        raise StoreError(
            f"the database has schema {found}, which this version does not know: it was used by a newer version; "
            "install that one"
        )


@contextmanager
def _transaction(url: str) -> Iterator[Connection]:
    """One transaction on a connection of its own, which no other migration shares."""
    database: Database
    if url.startswith("sqlite"):
        database = SqliteDatabase(url)
    else:
        database = PostgresDatabase(url, patience_seconds=0, sender="migrate")
    try:
        with database.connect(read_only=False) as connection:
            if database.dialect == "sqlite":
                # A step may copy a table and drop the old one, which must not empty those that refer to it.
                connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
            database.begin(connection, read_only=False)
            try:
                if database.dialect == "postgresql":
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
                yield connection
                database.commit(connection, ())
            except BaseException:
                database.rollback(connection)
                raise
    except DBAPIError as error:
        explained = database.explain(error)
        raise StoreError(str(error.orig if explained is error else explained).strip()) from error
