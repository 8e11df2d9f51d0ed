"""One transaction as the store's functions see it: a clock, statements, hints, and what must happen before the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Executable, Table

from tradewind.server.store.errors import ConflictError
from tradewind.server.store.prepared import Answer, Statements
from tradewind.server.store.row_sets import as_row_set
from tradewind.server.store.statements import DialectName, PerDialect

if TYPE_CHECKING:
    import asyncio

    from tradewind.server.secrets.cipher import Cipher
    from tradewind.server.store.options import StoreOptions

Statement = Executable | PerDialect
Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all transactions of a store share.

    Attributes:
        dialect: which database it is.
        options: limits and durations.
        cipher: encrypts secrets at rest.
        cache: immutable rows that were read before, by kind; shared by threads, so whole values are put and got.
        statements: executes.
    """

    dialect: DialectName
    options: StoreOptions
    cipher: Cipher
    cache: dict[str, Any] = field(default_factory=dict)
    statements: Statements = field(default_factory=Statements)


class Transaction:
    """A transaction that is open on one connection.

    Attributes:
        now: its moment on the store's clock, one value for the whole batch.
        read_only: whether it can change and lock nothing.
        memo: what functions remember until the end of the transaction.
        topics: what to hint at once it is committed.
        told: what to call in event loops once it is committed.
        changes: how often something was changed or put off; compared before and after a job.
    """

    __slots__ = (
        "_after_commit",
        "_before_commit",
        "_connection",
        "_surroundings",
        "changes",
        "memo",
        "now",
        "read_only",
        "told",
        "topics",
    )

    def __init__(
        self, connection: Connection, now: datetime, surroundings: Surroundings, *, read_only: bool = False
    ) -> None:
        self._connection = connection
        self._surroundings = surroundings
        self._before_commit: list[Callable[[Transaction], None]] = []
        self._after_commit: list[Callable[[], None]] = []
        self.told: list[tuple[asyncio.AbstractEventLoop, Callable[[], None]]] = []
        self.now = now
        self.read_only = read_only
        self.memo: dict[str, Any] = {}
        self.topics: set[str] = set()
        self.changes = 0

    @property
    def dialect(self) -> DialectName:
        return self._surroundings.dialect

    @property
    def options(self) -> StoreOptions:
        return self._surroundings.options

    @property
    def cipher(self) -> Cipher:
        return self._surroundings.cipher

    @property
    def cache(self) -> dict[str, Any]:
        return self._surroundings.cache

    def hint(self, topic: str) -> None:
        """Wake the subscribers of a topic once the transaction is committed; lost with it otherwise."""
        self.topics.add(topic)

    def before_commit(self, action: Callable[[Transaction], None]) -> None:
        """Do something once, after the last job of the batch and inside its transaction."""
        self.changes += 1
        self._before_commit.append(action)

    def after_commit(self, action: Callable[[], None]) -> None:
        """Do something in the thread of the transaction once it is committed, before anybody is told; never if not.

        The action must not fail, and must not wait.
        """
        self._after_commit.append(action)

    def tell(self, loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
        """Call a function in an event loop once the transaction is committed; never if not."""
        self.told.append((loop, call))

    def complete(self) -> None:
        """Do what was put off until the end of the transaction."""
        while self._before_commit:
            self._before_commit.pop(0)(self)

    def committed(self) -> None:
        """Do what was to be done after the commit."""
        for action in self._after_commit:
            action()

    def rows(self, statement: Statement, parameters: Mapping[str, Any] | None = None) -> Sequence[Any]:
        """All rows of a query, as named tuples."""
        return self._execute(statement, parameters).rows

    def row(self, statement: Statement, parameters: Mapping[str, Any] | None = None) -> Any | None:
        """The first row of a query, if any."""
        return next(iter(self._execute(statement, parameters).rows), None)

    def value(self, statement: Statement, parameters: Mapping[str, Any] | None = None) -> Any:
        """The first column of the first row of a query; None when there is no row."""
        row = self.row(statement, parameters)
        return None if row is None else row[0]

    def change(self, statement: Statement, parameters: Parameters) -> int:
        """Insert, update or delete, for one set of parameters or for each of many; return how many rows changed."""
        if not parameters:
            return 0
        self.changes += 1
        if isinstance(statement, PerDialect):
            statement = statement.of(self.dialect)
        if not isinstance(parameters, Mapping):
            many = as_row_set(statement, parameters) if self.dialect == "postgresql" and len(parameters) > 1 else None
            if many is not None:
                return self._execute(*many).changed
        return self._execute(statement, parameters).changed

    def change_each(self, statement: Statement, parameters: Sequence[Mapping[str, Any]]) -> None:
        """Change one row for each set of parameters.

        Raises:
            ConflictError: another transaction has changed one of them since they were read.
        """
        changed = self.change(statement, parameters)
        if changed != len(parameters):
            raise ConflictError(f"{len(parameters)} rows were to change and {changed} did")

    def change_returning(self, statement: Statement, parameters: Mapping[str, Any]) -> Sequence[Any]:
        """Change rows and return what the statement says of them."""
        self.changes += 1
        return self._execute(statement, parameters).rows

    def lock_table(self, table: Table) -> None:
        """Let no other transaction change a small table until the end of this one; SQLite has one writer anyway."""
        self.changes += 1
        if self._surroundings.dialect == "postgresql":
            self._connection.exec_driver_sql(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE")

    def _execute(self, statement: Statement, parameters: Parameters | None) -> Answer:
        if isinstance(statement, PerDialect):
            statement = statement.of(self._surroundings.dialect)
        return self._surroundings.statements.execute(self._connection, statement, parameters)
