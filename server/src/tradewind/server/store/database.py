"""What the committer and the readers need of a database, whichever it is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from tradewind.server.store.statements import DialectName


@dataclass(frozen=True, slots=True)
class Begun:
    """A transaction that has begun.

    Attributes:
        now: its moment on the store's clock.
        identity: names it, to ask later whether it was committed; None where that question does not arise.
    """

    now: datetime
    identity: str | None = None


class Database(Protocol):
    """One kind of database. Every method may raise the driver's errors; `explain` says what they mean."""

    dialect: DialectName
    patience_seconds: float
    """How long an outage is worth waiting for."""

    def connect(self, *, read_only: bool) -> Connection:
        """Open a connection that begins no transaction by itself."""
        ...

    def begin(self, connection: Connection, *, read_only: bool) -> Begun: ...

    def commit(self, connection: Connection, topics: Collection[str]) -> None:
        """Commit; other processes that listen get the topics as hints."""
        ...

    def rollback(self, connection: Connection) -> None: ...

    def was_committed(self, connection: Connection, identity: str) -> bool:
        """Whether a transaction whose end was not seen did commit."""
        ...

    def explain(self, error: Exception) -> Exception:
        """`OutageError`, `ConflictError`, or the error itself when a job is to blame."""
        ...
