"""SQLite: one file, one writer held by a lock, write-ahead log, every commit on disk before it is acknowledged."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from sqlalchemy import URL, Connection, NullPool, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError

from tradewind.server.store.database import Begun
from tradewind.server.store.errors import InUseError, OutageError, StoreError
from tradewind.server.store.statements import DialectName

try:
    from pysqlite3 import dbapi2 as driver
except ImportError:  # a platform without its wheel: the guard below still decides
    import sqlite3 as driver  # type: ignore[no-redef,unused-ignore]

__all__ = ["SqliteDatabase", "WriterLock", "check_version", "database_path", "driver"]

SAFE_SINCE = (3, 51, 3)
"""Before it, from 3.7.0 on, a write-ahead log that is reset while another connection checkpoints may be lost."""
WITHDRAWN = (3, 52, 0)
BUSY_SECONDS = 5.0

_OUTAGES = {5: "locked", 6: "locked", 7: "out of memory", 8: "read-only", 10: "failing", 13: "full", 14: "unreachable"}
"""Primary result codes (https://www.sqlite.org/rescode.html) for which no job is to blame."""
_DAMAGES = {11: "is damaged", 26: "is no SQLite database"}
"""Primary result codes after which no later try succeeds either."""


def check_version(version: tuple[int, int, int]) -> None:
    """Refuse a SQLite library that may lose data.

    Raises:
        StoreError: the version is older than 3.51.3 or is the withdrawn 3.52.0.
    """
    if version < SAFE_SINCE or version == WITHDRAWN:
        raise StoreError(
            f"SQLite {'.'.join(map(str, version))} may corrupt a database in write-ahead mode; install the wheel "
            "pysqlite3 0.6.1 or later, which brings a safe one, or use PostgreSQL (database.url = postgresql://…)"
        )


class WriterLock:
    """Keeps a second control plane away from a SQLite file, for as long as this process lives.

    Args:
        database: path of the database; the lock is the file beside it that ends in `.lock`.

    Raises:
        InUseError: another process, or another store of this one, holds it.
    """

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".lock")
        self._file: IO[str] = self._path.open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            holder = self._file.read().strip()
            self._file.close()
            raise InUseError(
                f"{database} is in use by another control-plane process{f' ({holder})' if holder else ''}. With SQLite "
                "all roles are one process; stop it, or use PostgreSQL (database.url = postgresql://…) to run several"
            ) from None
        self._file.truncate(0)
        self._file.write(f"process {os.getpid()}\n")
        self._file.flush()

    def release(self) -> None:
        """Let another process have the database."""
        self._file.close()


class SqliteDatabase:
    """The database in a file.

    Args:
        url: `sqlite:///PATH`; the directory and the file are created, readable by the user alone.

    Raises:
        StoreError: the library is not safe, or the path cannot be used.
    """

    dialect: DialectName = "sqlite"
    patience_seconds = 0.0

    def __init__(self, url: str) -> None:
        check_version(driver.sqlite_version_info)
        self.path = database_path(url)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise StoreError(f"{self.path}: the database cannot be opened: {error}") from None
        self._engine = create_engine(
            URL.create("sqlite", database=str(self.path)),
            module=driver,
            poolclass=NullPool,
            connect_args={"timeout": BUSY_SECONDS, "isolation_level": None, "check_same_thread": False},
        )
        event.listen(self._engine, "connect", _set_up)
        self._last_now = datetime.min.replace(tzinfo=UTC)

    def connect(self, *, read_only: bool) -> Connection:
        connection = self._engine.connect().execution_options(preserve_rowcount=True)
        if read_only:
            connection.exec_driver_sql("PRAGMA query_only = ON")
        return connection

    def begin(self, connection: Connection, *, read_only: bool) -> Begun:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
        self._last_now = max(self._last_now, datetime.now(UTC))
        return Begun(self._last_now)

    def commit(self, connection: Connection, topics: Collection[str]) -> None:
        connection.exec_driver_sql("COMMIT")

    def rollback(self, connection: Connection) -> None:
        if connection.connection.driver_connection.in_transaction:  # type: ignore[union-attr]  # it is open
            connection.exec_driver_sql("ROLLBACK")

    def was_committed(self, connection: Connection, identity: str) -> bool:
        raise NotImplementedError("SQLite tells at once whether a commit happened")

    def explain(self, error: Exception) -> Exception:
        if not isinstance(error, DBAPIError):
            return error
        code = getattr(error.orig, "sqlite_errorcode", 1) & 0xFF
        if code in _OUTAGES and isinstance(error.orig, driver.OperationalError):
            return OutageError(f"{self.path} is {_OUTAGES[code]}: {error.orig}")
        if code in _DAMAGES:
            return StoreError(
                f"{self.path} {_DAMAGES[code]} ({error.orig}): restore it from a backup, or move it and what lies "
                "beside it under its name (-wal, -shm) away and begin anew with `tradewind-server db migrate`; "
                "database.url names another file"
            )
        return error


def database_path(url: str) -> Path:
    """The file that a `sqlite:///` URL names.

    Raises:
        StoreError: it names none: a database in memory cannot be shared by the writer and the readers.
    """
    name = make_url(url).database
    if not name or name == ":memory:":
        raise StoreError(f"database.url: {url} names no file; write sqlite:///PATH")
    return Path(name).absolute()


def _set_up(connection: Any, _record: Any) -> None:
    """Every connection: a commit is on disk when it returns, and referenced rows exist."""
    for pragma in (
        f"busy_timeout = {int(BUSY_SECONDS * 1000)}",
        "synchronous = FULL",
        "foreign_keys = ON",
        "temp_store = MEMORY",
        "journal_size_limit = 67108864",
    ):
        connection.execute(f"PRAGMA {pragma}").close()
    _use_write_ahead_log(connection)


def _use_write_ahead_log(connection: Any) -> None:
    """Switch a new file over. SQLite itself does not wait when another connection is just doing the same."""
    deadline = time.monotonic() + BUSY_SECONDS
    while connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
        except driver.OperationalError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.01)
