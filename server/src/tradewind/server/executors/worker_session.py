"""The executor of connected workers: a push over the session that a worker opened."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal, Protocol

from tradewind.server.contract import ActivityKind, Cancel, Deliver, ServerFrame, Tail
from tradewind.server.executors.protocol import (
    Context,
    ExecutorHost,
    NotAccepted,
    Offer,
    SessionDelivery,
    SessionIdentity,
)

MISSED_RENEWALS = 2
"""Signs of life in a row that do not name a delivered dispatch before its place counts as free.

A push and a sign of life may cross; two in a row after it can not.
"""


class SessionClosed(Exception):
    """The connection of a session is closed; nothing was sent."""


class Session(Protocol):
    """One connection of a worker, as its executor sees it."""

    @property
    def identity(self) -> SessionIdentity: ...

    @property
    def queues(self) -> frozenset[str]: ...

    def send(self, frame: ServerFrame) -> None:
        """Put a frame in line for the worker; never waits.

        Raises:
            SessionClosed: the connection is closed or its line is full.
        """


class _Connected:
    """A connected session with its credit: places per kind, less the dispatches that the worker holds."""

    def __init__(self, session: Session, capacity: Mapping[str, int], live: Mapping[str, ActivityKind]) -> None:
        self.session = session
        self.capacity = dict(capacity)
        self.live = dict(live)
        self.missed: dict[str, int] = {}
        self._held = Counter(live.values())

    def free(self, kind: ActivityKind) -> int:
        return self.capacity.get(kind.value, 0) - self._held[kind]

    def take(self, dispatch_id: str, kind: ActivityKind) -> None:
        self.release(dispatch_id)
        self.live[dispatch_id] = kind
        self._held[kind] += 1

    def release(self, dispatch_id: str) -> bool:
        self.missed.pop(dispatch_id, None)
        kind = self.live.pop(dispatch_id, None)
        if kind is None:
            return False
        self._held[kind] -= 1
        return True


class WorkerSessionExecutor:
    """Registry of connected sessions and their credit, in the process that holds the connections."""

    name = "worker_session"
    delivers: Literal["session"] = "session"

    def __init__(self) -> None:
        self._host: ExecutorHost | None = None
        self._sessions: dict[str, _Connected] = {}
        self._places: dict[str, str] = {}  # dispatch to session

    def attach(self, host: ExecutorHost) -> None:
        self._host = host

    def connect(self, session: Session, capacity: Mapping[str, int], live: Mapping[str, ActivityKind]) -> None:
        """Add a session, or replace its earlier connection.

        Args:
            session: the new connection.
            capacity: kind to places, from hello.
            live: dispatches that occupy places: those that the worker announced and that are still live.
        """
        session_id = session.identity.session_id
        self._forget(session_id)
        self._sessions[session_id] = _Connected(session, capacity, live)
        self._places.update(dict.fromkeys(live, session_id))
        self._changed()

    def disconnect(self, session: Session) -> None:
        """Remove a connection; nothing happens if a newer one has taken its place."""
        session_id = session.identity.session_id
        connected = self._sessions.get(session_id)
        if connected is not None and connected.session is session:
            self._forget(session_id)
            self._changed()

    def offer(self, session: Session, capacity: Mapping[str, int]) -> None:
        """Take over a changed capacity; zero stops further deliveries."""
        connected = self._sessions.get(session.identity.session_id)
        if connected is not None and connected.session is session:
            connected.capacity = dict(capacity)
            self._changed()

    def ended(self, dispatch_ids: Iterable[str]) -> None:
        """Free the places of dispatches that are over, wherever that became known."""
        freed = [dispatch_id for dispatch_id in list(dispatch_ids) if self._release(dispatch_id)]
        if freed:
            self._changed()

    def renewed(self, session_id: str, dispatch_ids: Iterable[str]) -> None:
        """Compare a sign of life with what was delivered, and free places of dispatches that the worker lacks."""
        connected = self._sessions.get(session_id)
        if connected is None:
            return
        named = set(dispatch_ids)
        missed = {
            dispatch_id: connected.missed.get(dispatch_id, 0) + 1
            for dispatch_id in connected.live
            if dispatch_id not in named
        }
        connected.missed = missed
        self.ended([dispatch_id for dispatch_id, times in missed.items() if times >= MISSED_RENEWALS])

    async def queue_activity(self, *, kind: ActivityKind, context: Context) -> None:
        if not isinstance(context, SessionDelivery):
            raise TypeError("a worker session takes a SessionDelivery, not an envelope")
        connected = self._sessions.get(context.session_id)
        if connected is None:
            raise NotAccepted(f"worker session {context.session_id} is not connected here")
        if context.connection_epoch not in {None, connected.session.identity.connection_epoch}:
            raise NotAccepted(f"worker session {context.session_id} has a newer connection")
        # A place that the worker withdrew in this moment makes no difference: its frame and this one cross anyway.
        dispatch_id = context.delivery.dispatch_id
        try:
            connected.session.send(Deliver(delivery=context.delivery))
        except SessionClosed as error:
            raise NotAccepted(f"worker session {context.session_id} closed: {error}") from error
        connected.take(dispatch_id, kind)
        self._places[dispatch_id] = context.session_id

    async def cancel(self, dispatch_id: str, message: str) -> None:
        connected = self._sessions.get(self._places.get(dispatch_id, ""))
        if connected is None:
            return
        try:
            connected.session.send(Cancel(dispatch_id=dispatch_id, message=message))
        except SessionClosed:
            # The worker learns it from the answer to its next hello or sign of life.
            return
        self.ended([dispatch_id])

    def tail(self, dispatch_id: str, seconds: float) -> None:
        """Have the log of a dispatch sent as it comes, for so long, if its worker is connected to this process."""
        connected = self._sessions.get(self._places.get(dispatch_id, ""))
        if connected is not None:
            with contextlib.suppress(SessionClosed):
                connected.session.send(Tail(dispatch_id=dispatch_id, seconds=seconds))

    def capacity(self) -> list[Offer]:
        return [
            Offer(
                worker=connected.session.identity.worker,
                session=connected.session.identity,
                kind=kind,
                queues=connected.session.queues,
                free=connected.free(kind),
            )
            for connected in self._sessions.values()
            for kind in ActivityKind
            if connected.capacity.get(kind.value, 0)
        ]

    def known(self) -> set[str]:
        return set(self._places)

    def holds(self, dispatch_id: str) -> bool:
        return dispatch_id in self._places

    def held(self) -> int:
        """How many dispatches the connected workers hold; may be called from any thread."""
        return len(self._places)

    def is_connected(self, session_id: str) -> bool:
        """Whether this process holds a connection of the session."""
        return session_id in self._sessions

    async def close(self) -> None:
        self._sessions.clear()
        self._places.clear()

    def _release(self, dispatch_id: str) -> bool:
        session_id = self._places.pop(dispatch_id, None)
        connected = self._sessions.get(session_id) if session_id is not None else None
        return connected is not None and connected.release(dispatch_id)

    def _forget(self, session_id: str) -> None:
        connected = self._sessions.pop(session_id, None)
        if connected is not None:
            for dispatch_id in connected.live:
                self._places.pop(dispatch_id, None)

    def _changed(self) -> None:
        if self._host is not None:
            self._host.capacity_changed()
