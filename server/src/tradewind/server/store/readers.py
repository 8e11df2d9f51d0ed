"""A small pool of threads that read, each on a connection of its own and from one moment's view of the data."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection

from tradewind.server.store.database import Database
from tradewind.server.store.errors import OutageError, too_busy
from tradewind.server.store.transaction import Surroundings, Transaction

_LOG = logging.getLogger(__name__)
T = TypeVar("T")


class Readers:
    """Runs queries. A connection that was lost is opened again, once for a query."""

    def __init__(self, database: Database, surroundings: Surroundings) -> None:
        self._database = database
        self._surroundings = surroundings
        self._local = threading.local()
        self._lock = threading.Lock()
        self._connections: set[Connection] = set()
        self._pool = ThreadPoolExecutor(surroundings.options.readers, thread_name_prefix="tradewind-reader")

    def submit(self, query: Callable[[Transaction], T]) -> Future[T]:
        """Run a query in one of the threads.

        Raises:
            Refused: `too_busy`: the store is closed.
        """
        try:
            return self._pool.submit(self._run, query)
        except RuntimeError:
            raise too_busy("the store is closing") from None

    def close(self) -> None:
        """Finish the queries that wait, and disconnect."""
        self._pool.shutdown()
        for connection in self._connections:
            connection.close()
        self._connections.clear()

    def _run(self, query: Callable[[Transaction], T]) -> T:
        try:
            return self._attempt(query)
        except OutageError:
            try:
                return self._attempt(query)
            except OutageError as error:
                _LOG.exception("a query is refused: the database cannot be used")
                raise too_busy(str(error)) from error

    def _attempt(self, query: Callable[[Transaction], T]) -> T:
        try:
            connection = self._connection()
            begun = self._database.begin(connection, read_only=True)
            try:
                return query(Transaction(connection, begun.now, self._surroundings, read_only=True))
            finally:
                self._database.rollback(connection)
        except Exception as error:
            explained = self._database.explain(error)
            if explained is error:
                raise
            self._forget()
            if isinstance(explained, OutageError):
                raise explained from error
            raise OutageError(str(explained)) from error

    def _connection(self) -> Connection:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._database.connect(read_only=True)
            self._local.connection = connection
            with self._lock:
                self._connections.add(connection)
        return connection

    def _forget(self) -> None:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            return
        self._local.connection = None
        with self._lock:
            self._connections.discard(connection)
        try:
            connection.invalidate()
            connection.close()
        except Exception:  # noqa: BLE001  it is thrown away
            _LOG.debug("a broken connection did not close in order", exc_info=True)
