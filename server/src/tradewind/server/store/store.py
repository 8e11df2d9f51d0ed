"""The store: the one door to the metadata database."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from tradewind.server.domain.refusals import Refused
from tradewind.server.secrets.cipher import Cipher
from tradewind.server.store import schema
from tradewind.server.store.committer import Committer, Write
from tradewind.server.store.database import Database
from tradewind.server.store.errors import OutageError, StoreError
from tradewind.server.store.followers import Followers
from tradewind.server.store.gathering import Gathering
from tradewind.server.store.hints import Hints
from tradewind.server.store.migrations.head import HEAD
from tradewind.server.store.options import StoreOptions
from tradewind.server.store.readers import Readers
from tradewind.server.store.sqlite import SqliteDatabase, WriterLock
from tradewind.server.store.statements import DialectName
from tradewind.server.store.transaction import Surroundings, Transaction

if TYPE_CHECKING:
    from tradewind.server.store.listener import Listener

T = TypeVar("T")
I = TypeVar("I")  # noqa: E741  an item


class Store:
    """Reads and writes the metadata database on behalf of everything asynchronous.

    `open` makes one. Jobs and queries are plain functions of a `Transaction`; those of this package say all the SQL.

    Attributes:
        hints: wake-ups between the parts of the control plane.
        followers: parts of the control plane in this process that act in the transactions of others.
        gathering: how long a transaction waits for company.
        dialect: `sqlite` or `postgresql`.
        options: limits and durations.
        cipher: encrypts secrets at rest.
    """

    def __init__(self, database: Database, surroundings: Surroundings, hints: Hints, *, held: Sequence[Any]) -> None:
        """For `open` alone."""
        self.hints = hints
        self.followers = Followers()
        self.gathering = Gathering()
        self.dialect: DialectName = surroundings.dialect
        self.options = surroundings.options
        self.cipher = surroundings.cipher
        self._committer = Committer(database, surroundings, hints, self.followers, self.gathering)
        self._readers = Readers(database, surroundings)
        self._held = list(held)

    @classmethod
    def open(
        cls,
        url: str,
        *,
        cipher: Cipher,
        options: StoreOptions | None = None,
        migrate: bool = False,
        exclusive: bool = True,
    ) -> Store:
        """Open the database and start to work.

        Args:
            url: `sqlite:///PATH` or `postgresql://…`.
            cipher: encrypts secrets at rest.
            options: limits and durations; the defaults when absent.
            migrate: whether to bring the schema up to date first.
            exclusive: on SQLite, whether this is the control plane, of which there may be one. Short administrative
                commands are not.

        Raises:
            StoreError: the database cannot be used; the message says why and what to do.
        """
        options = options or StoreOptions()
        hints = Hints()
        lock: WriterLock | None = None
        listener: Listener | None = None
        if url.startswith("sqlite"):
            sqlite = SqliteDatabase(url)
            lock = WriterLock(sqlite.path) if exclusive else None
            database: Database = sqlite
        else:
            database, listener = _open_postgres(url, options, hints)
        held: list[Any] = [] if lock is None else [lock.release]
        try:
            if migrate:
                _migrate(database, url)
            _check_schema(database)
            store = cls(database, Surroundings(database.dialect, options, cipher), hints, held=held)
            store._start(listener)
        except BaseException:
            if lock is not None:
                lock.release()
            raise
        return store

    def _start(self, listener: Listener | None) -> None:
        try:
            self._committer.start()
        except OutageError as error:
            raise StoreError(str(error)) from error
        if listener is not None:
            listener.start()
            self._held.insert(0, listener.stop)

    def close(self) -> None:
        """Commit what waits and let go of the database; blocks until then."""
        self._committer.close()
        self._readers.close()
        while self._held:
            self._held.pop(0)()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def write(self, job: Callable[[Transaction], T]) -> T:
        """Run a job in the next transaction and return its result once that is committed.

        The job may run more than once and must depend on its transaction alone.

        Raises:
            Refused: by the job; or `too_busy`, when too much waits or the database is gone, full or locked.
        """
        return await self._submit(job, None, None)  # type: ignore[no-any-return]  # a write is of any type inside

    async def write_each(self, function: Callable[[Transaction, Sequence[I]], Sequence[T | Refused]], item: I) -> T:
        """Give an item to a function that takes, in the next transaction, all items that wait for it.

        Args:
            function: returns an answer for each item, in their order; a `Refused` is raised to the one who waits.
            item: what to give to it.
        """
        return await self._submit(None, function, item)  # type: ignore[no-any-return]  # as above

    async def read(self, query: Callable[[Transaction], T]) -> T:
        """Run a query on one moment's view of the data.

        Raises:
            Refused: by the query; or `too_busy`, when the database is gone.
        """
        return await asyncio.wrap_future(self._readers.submit(query))

    async def _submit(self, job: Any, function: Any, item: Any) -> Any:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._committer.submit(Write(job, function, item, future, loop))
        return await future


def _open_postgres(url: str, options: StoreOptions, hints: Hints) -> tuple[Database, Listener]:
    # The driver takes memory that a deployment on SQLite does not need.
    from tradewind.server.store.listener import Listener  # noqa: PLC0415  see above
    from tradewind.server.store.postgres import PostgresDatabase, libpq_url  # noqa: PLC0415  see above

    sender = secrets.token_hex(8)
    database = PostgresDatabase(url, patience_seconds=options.outage_seconds, sender=sender)
    return database, Listener(libpq_url(url), sender=sender, hints=hints)


def _migrate(database: Database, url: str) -> None:
    """Bring the schema up to date, with Alembic only where there is a step to do: it is slow to import, and large."""
    if database.dialect == "sqlite":
        schema.create_if_empty(database)
    if schema.revision(database) != HEAD:
        from tradewind.server.store import migrate  # noqa: PLC0415  see above

        migrate.upgrade(url)


def _check_schema(database: Database) -> None:
    """Refuse a database whose schema is not the one of this version.

    Raises:
        StoreError: it is not, or the database is not there.
    """
    found = schema.revision(database)
    if found != HEAD:
        raise StoreError(
            f"the database has schema {found or 'none'} and this version needs {HEAD}; run: tradewind-server db migrate"
        )
