"""PostgreSQL: transactions that begin, tell the time and end in one round trip each."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import psycopg
from psycopg import errors as codes
from sqlalchemy import URL, Connection, NullPool, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError

from tradewind.server.store.database import Begun
from tradewind.server.store.errors import ConflictError, OutageError, StoreError
from tradewind.server.store.statements import DialectName

CHANNEL = "tradewind"
OLDEST_SUPPORTED = 150_000
CONNECT_SECONDS = 5

_BEGIN_WRITE = (
    "BEGIN; SELECT statement_timestamp(), pg_current_xact_id()::text || ' ' || pg_postmaster_start_time()::text"
)
_BEGIN_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT statement_timestamp(), NULL"
_CONFLICTS = (codes.DeadlockDetected, codes.SerializationFailure, codes.LockNotAvailable)
_OUTAGES = (
    codes.DiskFull,
    codes.OutOfMemory,
    codes.TooManyConnections,
    codes.AdminShutdown,
    codes.CrashShutdown,
    codes.CannotConnectNow,
    codes.ReadOnlySqlTransaction,
    codes.IoError,
)


class PostgresDatabase:
    """The database on a server.

    Args:
        url: `postgresql://…`.
        patience_seconds: how long a lost server is waited for.
        sender: name of this process among those that send hints.

    Raises:
        StoreError: the URL is not one of PostgreSQL.
    """

    dialect: DialectName = "postgresql"

    def __init__(self, url: str, *, patience_seconds: float, sender: str) -> None:
        self.patience_seconds = patience_seconds
        self._sender = sender
        self.url = driver_url(url)
        self._engine = create_engine(
            self.url,
            isolation_level="AUTOCOMMIT",
            poolclass=NullPool,
            connect_args={
                "connect_timeout": CONNECT_SECONDS,
                "application_name": "tradewind",
                # A server that is gone without a word is noticed within seconds, not within the kernel's two hours.
                "keepalives_idle": 5,
                "keepalives_interval": 2,
                "keepalives_count": 3,
                "tcp_user_timeout": 10_000,
            },
        )
        event.listen(self._engine, "connect", _set_up)

    def connect(self, *, read_only: bool) -> Connection:
        # Without the option SQLAlchemy forgets how many rows an insert has added.
        return self._engine.connect().execution_options(preserve_rowcount=True)

    def begin(self, connection: Connection, *, read_only: bool) -> Begun:
        cursor = _execute(connection, _BEGIN_READ if read_only else _BEGIN_WRITE)
        cursor.nextset()
        row = cursor.fetchone()
        return Begun(*row)  # type: ignore[misc]  # the statement returns one row of two columns

    def commit(self, connection: Connection, topics: Collection[str]) -> None:
        # One notification a batch: commits that notify queue behind each other in the server.
        notify = f"SELECT pg_notify('{CHANNEL}', '{self._sender} {' '.join(sorted(topics))}'); " if topics else ""
        try:
            _execute(connection, notify + "COMMIT")
        except psycopg.OperationalError as error:
            explained = self.explain(error)
            if isinstance(explained, OutageError):
                raise OutageError(str(explained), commit_sent=True) from error
            raise

    def rollback(self, connection: Connection) -> None:
        # A connection that was lost meanwhile has nothing to roll back, and what it was lost by is what counts.
        if not connection.invalidated:
            _execute(connection, "ROLLBACK")

    def was_committed(self, connection: Connection, identity: str) -> bool:
        """Ask the server, and wait while it is still at it.

        A server that has crashed gives the id of a transaction that it had not written down to another one, which may
        be committed by now: its word that one is committed counts only while it has not been started anew.

        Raises:
            OutageError: nobody can know.
        """
        number, _, started = identity.partition(" ")
        ask = f"SELECT pg_xact_status('{number}'::xid8), pg_postmaster_start_time()::text = '{started}', pg_sleep(0.05)"
        while True:
            status, is_same_server, _ = _driver(connection).execute(ask).fetchone() or (None, False, None)
            if status == "committed" and not is_same_server:
                raise OutageError("PostgreSQL was started anew while a commit was on its way", commit_sent=True)
            if status != "in progress":
                return bool(status == "committed")

    def explain(self, error: Exception) -> Exception:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if isinstance(cause, _CONFLICTS):
            return ConflictError(str(cause).strip())
        lost = isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError) and cause.sqlstate is None
        if lost or isinstance(cause, _OUTAGES) or str(getattr(cause, "sqlstate", None))[:2] == "08":
            return OutageError(f"PostgreSQL: {str(cause).strip()}")
        return error


def driver_url(url: str) -> URL:
    """The URL with the driver that this distribution brings.

    Raises:
        StoreError: it is not a URL of PostgreSQL.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "postgresql":
        raise StoreError(f"database.url: expected sqlite:///PATH or postgresql://…, got {parsed.render_as_string()}")
    return parsed.set(drivername="postgresql+psycopg")


def libpq_url(url: str) -> str:
    """The URL as the driver itself takes it."""
    return driver_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _driver(connection: Connection) -> psycopg.Connection[Any]:
    return connection.connection.driver_connection  # type: ignore[return-value]  # the engine's driver is psycopg


def _execute(connection: Connection, script: str) -> psycopg.Cursor[Any]:
    """Several statements without parameters in one round trip; a script can not be prepared."""
    return _driver(connection).execute(script.encode(), prepare=False)


def _set_up(connection: psycopg.Connection[Any], _record: Any) -> None:
    if connection.info.server_version < OLDEST_SUPPORTED:
        found, needed = connection.info.server_version // 10_000, OLDEST_SUPPORTED // 10_000
        raise StoreError(f"PostgreSQL {found} is too old; Tradewind needs {needed} or later")
    connection.autocommit = True
    connection.execute("SET TIME ZONE 'UTC'")
    connection.execute("SET lock_timeout = '5s'")
