"""What an executor is: a small set of calls between the dispatcher and whatever carries activities to workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from tradewind.server.contract import ActivityKind, Delivery, Envelope


class SessionIdentity(Protocol):
    """Who is at the other end of a worker session: what a claim binds a dispatch to."""

    @property
    def session_id(self) -> str: ...

    @property
    def credential_id(self) -> str: ...

    @property
    def instance_id(self) -> str: ...

    @property
    def connection_epoch(self) -> int: ...

    @property
    def worker(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Offer:
    """Free places for one kind of activity.

    Attributes:
        worker: name of the worker, or of the broker behind which workers stand.
        session: the worker session that the places are at; None for a broker.
        kind: kind of activity.
        queues: queues that are served; None for all of them.
        free: how many more activities may be handed out now. Below zero where what was handed out is ahead of what was
            heard to have ended, or more runs than there are places for.
    """

    worker: str
    session: SessionIdentity | None
    kind: ActivityKind
    queues: frozenset[str] | None
    free: int


@dataclass(frozen=True, slots=True)
class SessionDelivery:
    """What an executor with authenticated sessions hands out: everything, to the session that it was claimed for.

    Attributes:
        connection_epoch: of the connection that it was claimed for; None for whichever is there. What a newer one
            should have was settled when it was opened.
    """

    session_id: str
    delivery: Delivery
    connection_epoch: int | None = None


Context = SessionDelivery | Envelope


@dataclass(frozen=True, slots=True)
class Observation:
    """What an executor saw of a dispatch. It proves nothing about the activity; the dispatcher judges it.

    Attributes:
        event: `undelivered` when the activity never left the executor, `exited` when what was started for it ended.
        exit_code: of what ended; negative for a signal; None when unknown.
        message: one sentence for people, without secrets.
    """

    event: Literal["undelivered", "exited"]
    message: str
    exit_code: int | None = None


class ExecutorHost(Protocol):
    """Who listens to an executor. Both calls come from the event loop and return at once."""

    def capacity_changed(self) -> None:
        """There may be more room than before."""

    def observed(self, dispatch_id: str, observation: Observation) -> None:
        """Something was seen of a dispatch."""


class NotAccepted(Exception):
    """The executor can not take an activity now: its session is gone or its places are taken; nothing was delivered."""


class Executor(Protocol):
    """Carries activities to workers.

    Attributes:
        name: what tasks call it; unique in a deployment.
        delivers: `session` for the whole delivery over an authenticated session, `ticket` for an envelope.
    """

    @property
    def name(self) -> str: ...

    @property
    def delivers(self) -> Literal["session", "ticket"]: ...

    def attach(self, host: ExecutorHost) -> None:
        """Name the one listener; called once, before anything else."""

    async def queue_activity(self, *, kind: ActivityKind, context: Context) -> None:
        """Take over one activity. A dispatch that is known already is accepted again and delivered once more.

        Raises:
            NotAccepted: nothing was taken over.
            TypeError: the context is not of the sort that the executor delivers.
        """

    async def cancel(self, dispatch_id: str, message: str) -> None:
        """End what runs for a dispatch, as far as it can be reached. An unknown dispatch is no error."""

    def capacity(self) -> list[Offer]:
        """Where there is room now; offers without free places say which queues are served."""

    def known(self) -> set[str]:
        """Dispatches that this process holds: delivered and not seen to end."""

    def holds(self, dispatch_id: str) -> bool:
        """Whether a dispatch is among the known ones; may be called from any thread."""

    async def close(self) -> None:
        """Let go of everything; what was delivered runs on."""
