"""Databases for one history after the other: emptied in between, with a clock that is set and faults on demand."""

from __future__ import annotations

import threading
from collections import namedtuple
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

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

GATE_SECONDS = 10.0
START = datetime(2026, 1, 1, tzinfo=UTC)
FAULTS = {
    "sqlite": ("conflict", "unreachable"),
    "postgresql": ("conflict", "unreachable", "lost answer"),
}
"""What may happen to a commit. SQLite tells at once whether it happened."""


@dataclass
class Clock:
    """The one clock of a history; it stands still until it is moved."""

    now: datetime = START

    def monotonic(self) -> float:
        return (self.now - START).total_seconds()

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Gate:
    """Holds a commit back until somebody opens it."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._open = threading.Event()

    def arrive(self) -> None:
        self.reached.set()
        assert self._open.wait(GATE_SECONDS)

    def open(self) -> None:
        self._open.set()


@dataclass
class TimedDatabase:
    """A database whose transactions are at the moment that a clock shows.

    Nothing has to survive a crash of the machine here, so that commits do not wait for the disk.

    Attributes:
        fault: what happens to the next commit; None for nothing.
        gate: what commits wait for; None for nothing.
    """

    database: Database
    clock: Clock = field(default_factory=Clock)
    fault: str | None = None
    gate: Gate | None = None

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
        if self.gate is not None:
            self.gate.arrive()
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
    """A migrated database with a store for each process of a control plane, for one history after the other.

    Args:
        url: an empty database.
        home: a folder for files.
        options: limits and durations.
        processes: how many processes of the control plane have it.
    """

    def __init__(self, url: str, home: Path, options: StoreOptions, *, processes: int = 2) -> None:
        migrate.upgrade(url)
        self.url = url
        cipher = Cipher.open(home / "secret.key")
        self.databases = [TimedDatabase(_open(url, number)) for number in range(processes)]
        self.dialect = self.databases[0].dialect
        self._surroundings = [Surroundings(self.dialect, options, cipher) for _ in self.databases]
        # Hints between processes may be lost: here all of them are, and every history does without.
        self.stores = [
            Store(database, surroundings, Hints(), held=[])
            for database, surroundings in zip(self.databases, self._surroundings, strict=True)
        ]
        for store in self.stores:
            store._start(None)
        self._reader = self.databases[0].connect(read_only=False)

    def close(self) -> None:
        self._reader.close()
        for store in self.stores:
            store.close()

    def empty(self) -> Clock:
        """Forget everything, and return the clock of the next history."""
        self._run("BEGIN", *self._emptying())
        self._run("COMMIT")
        clock = Clock()
        for database, surroundings, store in zip(self.databases, self._surroundings, self.stores, strict=True):
            database.clock, database.fault = clock, None
            surroundings.cache.clear()
            for follower in store.followers._followers:
                store.followers.remove(follower)
        return clock

    def somebody_waits(self) -> bool:
        """Whether a transaction waits for a lock that another one has."""
        waiting = "SELECT count(*) AS number FROM pg_locks WHERE NOT granted"
        return self.dialect == "postgresql" and self.read({"waiting": waiting})["waiting"][0].number > 0

    def read(self, queries: Mapping[str, str]) -> dict[str, list[Any]]:
        """Ask several things at one moment; rows have the names of their columns."""
        driver = self._reader.connection.driver_connection
        assert driver is not None
        if self.dialect == "sqlite":
            self._run("BEGIN")
            found = {name: _named(driver.execute(query)) for name, query in queries.items()}
            self._run("ROLLBACK")
            return found
        begin = "BEGIN ISOLATION LEVEL REPEATABLE READ"
        cursor = driver.execute("; ".join([begin, *queries.values(), "ROLLBACK"]).encode(), prepare=False)
        found = {}
        for name in queries:
            cursor.nextset()
            found[name] = _named(cursor)
        return found

    def _run(self, *statements: str) -> None:
        for statement in statements:
            self._reader.exec_driver_sql(statement)

    def _emptying(self) -> Iterator[str]:
        for table in reversed(metadata.sorted_tables):
            yield f"DELETE FROM {table.name}" + (" WHERE name <> 'default_pool'" if table.name == "pool" else "")
        yield "UPDATE pool SET slots = 128"
        if self.dialect == "postgresql":
            yield "SELECT setval(sequencename::regclass, 1, false) FROM pg_sequences"


def _named(cursor: Any) -> list[Any]:
    names = [column[0] for column in cursor.description]
    row_type = namedtuple("Row", names)  # type: ignore[misc]  # noqa: PYI024 - the query says which columns there are
    return [row_type(*row) for row in cursor.fetchall()]


def _open(url: str, number: int) -> Database:
    if url.startswith("sqlite"):
        return SqliteDatabase(url)
    return PostgresDatabase(url, patience_seconds=10, sender=f"process{number}")
