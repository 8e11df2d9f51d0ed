"""The worker connections that this process holds: one per worker instance, the newest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tradewind.server.store.handouts import WorkerBinding


class Fenceable(Protocol):
    """A connection that can be told that a newer one of the same worker instance took its place."""

    @property
    def identity(self) -> WorkerBinding: ...

    def fence(self) -> None:
        """End the connection; returns at once."""


class OpenConnections:
    """Keeps the newest connection of each worker instance and fences the others.

    A newer connection to another process is noticed by its epoch in the store, at the next sign of life.
    """

    def __init__(self) -> None:
        self._newest: dict[str, Fenceable] = {}

    def admit(self, connection: Fenceable) -> bool:
        """Add a connection and fence an older one; False if it is itself the older."""
        current = self._newest.get(connection.identity.instance_id)
        if current is not None and current.identity.connection_epoch > connection.identity.connection_epoch:
            return False
        self._newest[connection.identity.instance_id] = connection
        if current is not None:
            current.fence()
        return True

    def leave(self, connection: Fenceable) -> None:
        """Remove a connection; one that was replaced is gone already."""
        if self._newest.get(connection.identity.instance_id) is connection:
            del self._newest[connection.identity.instance_id]

    def __len__(self) -> int:
        return len(self._newest)
