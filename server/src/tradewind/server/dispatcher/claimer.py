"""Claiming for the free places of this process: by itself, or in the transaction that made work ready or ended some."""

from __future__ import annotations

import base64
import hashlib
import secrets as random_bytes
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tradewind.server.contract import ActivityKind, Secrets
from tradewind.server.dispatcher.deliveries import (
    NO_SECRETS,
    DeliveryBuilder,
    UndeliverableError,
    fault_of,
    refuse_unwritable,
)
from tradewind.server.dispatcher.room import Room, without
from tradewind.server.executors.protocol import Executor
from tradewind.server.store import Transaction, dispatches
from tradewind.server.store.handouts import FreedPlace, Handout

TICKET_BYTES = 32

READY = {"ready": ActivityKind.EXECUTE_TASK, "to_parse": ActivityKind.PARSE_DAG_FILE}
"""Hints that activities of a kind may wait to be claimed."""

FOLLOWED = frozenset({*READY, "freed"})
"""Hints after which a claim may bring something."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A claimed activity on its way to its executor: with its secrets over a session, with a ticket otherwise.

    Attributes:
        fault: why it can go to nobody; None for one that can.
    """

    handout: Handout
    secrets: Secrets = NO_SECRETS
    ticket: str | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim gave, on the store's clock.

    Attributes:
        parcels: to be handed over once the transaction is committed.
        now: moment of the transaction.
        contended: whether another process was at the same work; worth another look in a moment.
    """

    parcels: Sequence[Parcel]
    now: datetime
    contended: bool


class Claimer:
    """Fills the room with work, in the thread of the store's transactions.

    Args:
        room: free places.
        executors: by name.
        builder: finds what travels with a handout.
    """

    def __init__(self, room: Room, executors: Mapping[str, Executor], builder: DeliveryBuilder) -> None:
        self._room = room
        self._executors = executors
        self._builder = builder

    def claim(self, tx: Transaction, freed: Collection[FreedPlace] = ()) -> Claimed:
        """Claim for all free places, parses first: new code waits for them, and they are few.

        Args:
            tx: a transaction that writes.
            freed: places that it frees.
        """
        room = self._room
        room.begin()
        taken: list[Handout] = tx.memo.setdefault("claimed_here", [])
        parses = room.requests(ActivityKind.PARSE_DAG_FILE, freed, taken)
        tasks = room.requests(ActivityKind.EXECUTE_TASK, freed, taken)
        first = dispatches.claim(tx, parses)
        rest = without(tasks, first)
        second = dispatches.claim(tx, rest)
        handouts = [*first, *second]
        taken += handouts
        tx.after_commit(lambda: room.claimed([*parses, *rest], handouts, freed=freed, held_back=second.held_back))
        return Claimed(self.packed(tx, handouts), tx.now, second.contended)

    def follow(self, tx: Transaction, hinted: Collection[str], tell: Callable[[Transaction, Claimed], None]) -> None:
        """Claim what a transaction has just made ready, or room for.

        Args:
            tx: the transaction.
            hinted: which of `FOLLOWED` was hinted at.
            tell: takes what is to be handed over once the transaction is committed.
        """
        self._room.something_is_ready(*(READY[hint] for hint in hinted if hint in READY))
        if "freed" in hinted:
            self._room.something_ended()
        claimed = self.claim(tx, dispatches.places_freed(tx))
        if claimed.parcels or claimed.contended:
            tell(tx, claimed)

    def packed(self, tx: Transaction, handouts: Sequence[Handout]) -> list[Parcel]:
        """Add what travels with each handout: secrets over a session, a new ticket through a broker."""
        parcels = [self._parcel(tx, handout) for handout in handouts]
        tickets = {
            parcel.handout.dispatch_id: hashlib.sha256(parcel.ticket.encode("ascii")).hexdigest()
            for parcel in parcels
            if parcel.ticket is not None
        }
        if tickets:
            dispatches.set_tickets(tx, tickets)
        return parcels

    def _parcel(self, tx: Transaction, handout: Handout) -> Parcel:
        try:
            pushed = self._builder.secrets(tx, handout)
            if self.delivers_to_sessions(handout.executor):
                return Parcel(handout, secrets=pushed)
            # Whoever exchanges the ticket could be told nothing else, over and over.
            refuse_unwritable(handout, pushed)
        except UndeliverableError as error:
            return Parcel(handout, fault=fault_of(handout, NO_SECRETS, error))
        return Parcel(handout, ticket=_new_ticket())

    def delivers_to_sessions(self, name: str) -> bool:
        """Whether an executor of this process delivers over sessions."""
        executor = self._executors.get(name)
        return executor is not None and executor.delivers == "session"


def _new_ticket() -> str:
    return base64.urlsafe_b64encode(random_bytes.token_bytes(TICKET_BYTES)).rstrip(b"=").decode("ascii")
