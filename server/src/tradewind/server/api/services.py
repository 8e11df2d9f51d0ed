"""What the API works with, put together once by whoever starts it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from tradewind.server.api.logs import LogStore
from tradewind.server.api.open_connections import OpenConnections
from tradewind.server.auth.keys import KeyRefresher
from tradewind.server.auth.tokens import TokenSigner
from tradewind.server.dispatcher import Dispatcher
from tradewind.server.executors.worker_session import WorkerSessionExecutor
from tradewind.server.settings import Settings
from tradewind.server.store import Store


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class SessionLimits:
    """Bounds of one worker connection.

    Attributes:
        hello_seconds: time that a worker has for its first frame.
        in_flight: requests of one connection that are worked on at once; further ones wait unread.
        line_frames: frames that may wait for a slow worker before its connection is closed.
        line_bytes: the same, in bytes.
    """

    hello_seconds: float = 10
    in_flight: int = 64
    line_frames: int = 4096
    line_bytes: int = 64 << 20


@dataclass(frozen=True)
class Services:
    """Everything that a handler may use; one per API process.

    `clock` answers in UTC and judges only the expiry of tokens: states are decided on the store's clock.
    """

    store: Store
    settings: Settings
    signer: TokenSigner
    executor: WorkerSessionExecutor
    dispatcher: Dispatcher
    logs: LogStore
    clock: Callable[[], datetime] = _utc_now
    session_limits: SessionLimits = SessionLimits()
    connections: OpenConnections = field(default_factory=OpenConnections)

    @cached_property
    def keys(self) -> KeyRefresher:
        """Learns signing keys of other processes."""
        return KeyRefresher(self.store, self.signer)
