"""Databases for one history after the other: emptied in between, with a clock that is set and faults on demand."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Integer, text

from tradewind.server.secrets.cipher import Cipher
from tradewind.server.store import Store, StoreOptions, migrate
from tradewind.server.store.database import Begun, Database
from tradewind.server.store.errors import ConflictError, OutageError
from tradewind.server.store.hints import Hints
from tradewind.server.store.postgres import PostgresDatabase
from tradewind.server.store.sqlite import SqliteDatabase
from tradewind.server.store.statements import DialectName
from tradewind.server.store.tables import metadata
from tradewind.server.store.transaction import Surroundings

START = datetime(2026, 1, 1, tzinfo=UTC)
FAULTS = {
    "sqlite": ("conflict", "unreachable"),
    "postgresql": ("conflict", "unreachable", "lost answer"),
}
"""What may happen to a commit. SQLite tells at once whether it happened."""

_KEPT = {"pool"}
"""Tables that the migrations fill."""


@dataclass
class Clock:
    """The one clock of a history; it stands still until it is moved."""

    now: datetime = START

    def monotonic(self) -> float:
        return (self.now - START).total_seconds()

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class TimedDatabase:
    """A database whose transactions are at the moment that a clock shows.

    Nothing has to survive a crash of the machine here, so that commits do not wait for the disk.

    Attributes:
        fault: what happens to the next commit; None for nothing.
    """

    database: Database
    clock: Clock = field(default_factory=Clock)
    fault: str | None = None

    @property
    def dialect(self) -> DialectName:
        return self.database.dialect

    @dialect.setter
    def dialect(self, dialect: DialectName) -> None:
        raise AttributeError("the dialect of a database does not change")

    @property
    def patience_seconds(self) -> float:
        return self.database.patience_seconds

    @patience_seconds.setter
    def patience_seconds(self, seconds: float) -> None:
        raise AttributeError("the patience belongs to the database")

    def connect(self, *, read_only: bool) -> Connection:
        connection = self.database.connect(read_only=read_only)
        no_wait = "PRAGMA synchronous = OFF" if self.dialect == "sqlite" else "SET synchronous_commit = off"
        connection.exec_driver_sql(no_wait)
        return connection

    def begin(self, connection: Connection, *, read_only: bool) -> Begun:
        return Begun(self.clock.now, self.database.begin(connection, read_only=read_only).identity)

    def commit(self, connection: Connection, topics: Collection[str]) -> None:
        fault, self.fault = self.fault, None
        if fault == "conflict":
            raise ConflictError("somebody else was in the way")
        if fault == "unreachable":
            self.database.rollback(connection)
            raise OutageError("the database is away")
        self.database.commit(connection, topics)
        if fault == "lost answer":
            raise OutageError("the answer to the commit was lost", commit_sent=True)

    def rollback(self, connection: Connection) -> None:
        self.database.rollback(connection)

    def was_committed(self, connection: Connection, identity: str) -> bool:
        return self.database.was_committed(connection, identity)

    def explain(self, error: Exception) -> Exception:
        return self.database.explain(error)


class Bench:
    """A migrated database for many histories, one at a time; what is compiled for it once is of use to all of them.

    Args:
        url: an empty database.
        home: a folder for files.
        processes: how many processes of the control plane have it.
    """

    def __init__(self, url: str, home: Path, *, processes: int = 2) -> None:
        migrate.upgrade(url)
        self.url = url
        self.cipher = Cipher.open(home / "secret.key")
        self._databases = [TimedDatabase(_open(url, number)) for number in range(processes)]
        self.dialect = self._databases[0].dialect
        self._template = home / "template.db"
        if self.dialect == "sqlite":
            shutil.copyfile(self._path, self._template)

    def empty(self) -> Clock:
        """Forget everything, and return the clock of the next history."""
        if self.dialect == "sqlite":
            for suffix in ("-wal", "-shm"):
                Path(f"{self._path}{suffix}").unlink(missing_ok=True)
            shutil.copyfile(self._template, self._path)
        else:
            self._empty_tables()
        clock = Clock()
        for database in self._databases:
            database.clock, database.fault = clock, None
        return clock

    def open_stores(self, options: StoreOptions) -> list[tuple[TimedDatabase, Store]]:
        """Open a store for each process of the control plane; whoever opens them closes them."""
        stores: list[tuple[TimedDatabase, Store]] = []
        for database in self._databases:
            surroundings = Surroundings(database.dialect, options, self.cipher)
            store = Store(database, surroundings, Hints(), held=[])
            # Hints between processes may be lost: here all of them are, and every history does without.
            store._start(None)
            stores.append((database, store))
        return stores

    @property
    def _path(self) -> Path:
        return Path(self.url.removeprefix("sqlite:///"))

    def _empty_tables(self) -> None:
        database = self._databases[0].database
        with database.connect(read_only=False) as connection:
            for table in reversed(metadata.sorted_tables):
                if table.name not in _KEPT:
                    connection.execute(table.delete())
                for column in table.primary_key:
                    if isinstance(column.type, Integer) and column.autoincrement is True:
                        connection.execute(text(f"ALTER TABLE {table.name} ALTER COLUMN {column.name} RESTART"))
            connection.execute(text("DELETE FROM pool WHERE name <> 'default_pool'"))
            connection.execute(text("UPDATE pool SET slots = 128"))


def _open(url: str, number: int) -> Database:
    if url.startswith("sqlite"):
        return SqliteDatabase(url)
    return PostgresDatabase(url, patience_seconds=10, sender=f"process{number}")
