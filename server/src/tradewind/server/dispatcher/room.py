"""Where executors have room, and whether more of it could bring anything."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import replace

from tradewind.server.contract import ActivityKind
from tradewind.server.executors.protocol import Executor, SessionIdentity
from tradewind.server.store.handouts import ClaimRequest, FreedPlace, Handout, WorkerBinding

Line = tuple[str, ActivityKind, WorkerBinding | None, tuple[str, ...]]
"""What waits together: for an executor, of a kind, for a session if it has some, in its queues."""


class Room:
    """Free places of the executors of one process, as requests to claim.

    Executors live in the event loop and claims are made in the thread of the store's transactions, which is ahead: it
    knows what was claimed and what has ended before the executors do. So the room is a picture of the executors,
    corrected by what they have not heard of yet.

    A claim that filled fewer places than it asked for has emptied its line. Until something becomes ready, further
    places there bring nothing, and no claim is worth its transaction. The same goes for what a limit held back, until
    something ends.

    Args:
        executors: those whose capacity is known here.
    """

    def __init__(self, executors: Sequence[Executor]) -> None:
        self._executors = {executor.name: executor for executor in executors}
        self._lock = threading.Lock()
        self._picture: list[ClaimRequest] = []
        self._claimed: dict[str, Handout] = {}
        self._freed: dict[str, FreedPlace] = {}
        self._emptied: set[Line] = set()
        self._shut: set[str] = set()
        self._held_back = False
        self._ended = False

    def look(self, handed_over: Iterable[str] = ()) -> None:
        """Take a new picture of the executors; only in the event loop.

        Args:
            handed_over: dispatches that were given to their executors, or that these did not take.
        """
        with self._lock:
            for dispatch_id in handed_over:
                self._claimed.pop(dispatch_id, None)
            for dispatch_id in [one for one, place in self._freed.items() if not self._holds(place)]:
                del self._freed[dispatch_id]
            self._picture = [
                ClaimRequest(
                    kind=offer.kind,
                    executor=executor.name,
                    limit=offer.free,
                    queues=tuple(sorted(offer.queues or ())),
                    worker=None if offer.session is None else _binding(offer.session),
                )
                for executor in self._executors.values()
                for offer in executor.capacity()
                # No queues in a claim would mean all of them.
                if offer.kind is ActivityKind.PARSE_DAG_FILE or offer.queues is None or offer.queues
            ]

    def requests(
        self, kind: ActivityKind, freed: Collection[FreedPlace] = (), taken: Collection[Handout] = ()
    ) -> list[ClaimRequest]:
        """What there is room for, in lines that are not known to be empty.

        Args:
            kind: of activity.
            freed: places that the transaction of the claim frees.
            taken: what that transaction has claimed already.
        """
        with self._lock:
            return [
                replace(request, limit=limit)
                for request in self._picture
                if request.kind is kind and request.executor not in self._shut and _line(request) not in self._emptied
                if (limit := request.limit + self._correction(request, freed, taken)) > 0
            ]

    def has_unasked(self) -> bool:
        """Whether there is room in a line that is not known to be empty."""
        return any(self.requests(kind) for kind in ActivityKind)

    def begin(self) -> None:
        """A claim begins: what has ended so far is known to it."""
        self._ended = False

    def something_is_ready(self, *kinds: ActivityKind) -> None:
        """Any line of these kinds may hold something again."""
        with self._lock:
            self._emptied = {line for line in self._emptied if line[1] not in kinds}

    def something_ended(self) -> None:
        """What a limit held back may have room now."""
        with self._lock:
            self._ended = True
            if self._held_back:
                self._held_back = False
                self._emptied.clear()

    def claimed(
        self,
        requests: Iterable[ClaimRequest],
        handouts: Iterable[Handout],
        *,
        freed: Iterable[FreedPlace] = (),
        held_back: bool = False,
    ) -> None:
        """Note what a committed claim gave, which lines it has emptied, and whether a limit held something back."""
        with self._lock:
            # Something that ended meanwhile may have been what was missing.
            self._held_back = held_back and not self._ended
            again = held_back and self._ended
            filled: Counter[Hashable] = Counter()
            asked = {_place(request): request for request in requests}
            for handout in handouts:
                place = _place_of(handout)
                filled[place] += 1
                self._claimed[handout.dispatch_id] = handout
            self._freed.update((place.dispatch_id, place) for place in freed if self._holds(place))
            for place, request in asked.items():
                if filled[place] < request.limit and not again:
                    self._emptied.add(_line(request))

    def shut(self, executor: str) -> None:
        """Ask nothing for an executor that does not take what it has room for."""
        self._shut.add(executor)

    def open(self, executor: str) -> None:
        """Ask for an executor again."""
        self._shut.discard(executor)

    def _correction(self, request: ClaimRequest, freed: Collection[FreedPlace], further: Collection[Handout]) -> int:
        """What the executor has not heard of yet: places freed less places taken."""
        taken = sum(_takes(handout, request) for handout in (*self._claimed.values(), *further))
        if request.worker is None:
            return -taken
        session_id = request.worker.session_id
        # The picture still has what its executor has let go of since.
        places = {**self._freed, **{place.dispatch_id: place for place in freed if self._holds(place)}}
        free = sum(place.session_id == session_id and place.kind is request.kind for place in places.values())
        return free - taken

    def _holds(self, place: FreedPlace) -> bool:
        executor = self._executors.get(place.executor)
        return executor is not None and executor.holds(place.dispatch_id)


def without(requests: Iterable[ClaimRequest], taken: Iterable[Handout]) -> list[ClaimRequest]:
    """The requests less the places that brokers have given away: their kinds share them, those of a session do not."""
    given = Counter(handout.executor for handout in taken if handout.worker is None)
    left = (
        request if request.worker is not None else replace(request, limit=request.limit - given[request.executor])
        for request in requests
    )
    return [request for request in left if request.limit > 0]


def _takes(handout: Handout, request: ClaimRequest) -> bool:
    """Whether what was claimed takes a place of the request: kinds share the places of a broker."""
    if handout.executor != request.executor:
        return False
    kind = ActivityKind(handout.activity.kind)
    return request.worker is None or (kind is request.kind and handout.worker == request.worker)


def _line(request: ClaimRequest) -> Line:
    return request.executor, request.kind, request.worker, tuple(request.queues)


def _place(request: ClaimRequest) -> Hashable:
    return request.executor, request.kind, request.worker and request.worker.session_id


def _place_of(handout: Handout) -> Hashable:
    kind = ActivityKind(handout.activity.kind)
    return handout.executor, kind, handout.worker and handout.worker.session_id


def _binding(identity: SessionIdentity) -> WorkerBinding:
    return WorkerBinding(
        session_id=identity.session_id,
        credential_id=identity.credential_id,
        instance_id=identity.instance_id,
        connection_epoch=identity.connection_epoch,
        worker=identity.worker,
    )
