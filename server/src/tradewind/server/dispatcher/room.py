"""Where executors have room, and whether more of it could bring anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace

from tradewind.server.contract import ActivityKind
from tradewind.server.executors.protocol import Executor, SessionIdentity
from tradewind.server.store.handouts import ClaimRequest, Handout, WorkerBinding


class Room:
    """Free places of the executors of one process, as requests to claim.

    A claim that filled fewer places than it asked for has emptied its line. Until something becomes ready, further
    places there bring nothing, and no claim is worth its transaction. The same goes for what a limit held back, until
    something ends.

    Args:
        executors: those whose capacity is known here.
    """

    def __init__(self, executors: Sequence[Executor]) -> None:
        self._executors = list(executors)
        self._emptied: set[Hashable] = set()
        self._shut: set[str] = set()
        self._held_back = False
        self._ended = False

    def requests(self, kind: ActivityKind) -> list[ClaimRequest]:
        """What there is room for. A session that serves no queue can take no task."""
        return [
            ClaimRequest(
                kind=kind,
                executor=executor.name,
                limit=offer.free,
                queues=tuple(sorted(offer.queues or ())),
                worker=None if offer.session is None else _binding(offer.session),
            )
            for executor in self._executors
            if executor.name not in self._shut
            for offer in executor.capacity()
            if offer.kind is kind and offer.free > 0
            # No queues in a claim would mean all of them.
            if kind is ActivityKind.PARSE_DAG_FILE or offer.queues is None or offer.queues
        ]

    def has_unasked(self) -> bool:
        """Whether there is room in a line that is not known to be empty."""
        return any(_line(request) not in self._emptied for kind in ActivityKind for request in self.requests(kind))

    def something_is_ready(self) -> None:
        """Any line may hold something again, and what ended so far is known to the claim that follows."""
        self._emptied.clear()
        self._ended = False

    def something_ended(self) -> None:
        """What a limit holds back may have room now."""
        self._ended = True

    def may_go_on(self) -> bool:
        """Whether a limit held something back at the last claim, and something has ended since it began."""
        return self._held_back and self._ended

    def claimed(
        self, requests: Iterable[ClaimRequest], handouts: Iterable[Handout], *, held_back: bool = False
    ) -> None:
        """Note which lines a claim has emptied, and whether a limit held something back."""
        self._held_back = held_back
        filled = Counter(
            (handout.executor, handout.worker.session_id if handout.worker else None, handout.activity.kind)
            for handout in handouts
        )
        for request in requests:
            session_id = request.worker.session_id if request.worker else None
            if filled[request.executor, session_id, request.kind.value] < request.limit:
                self._emptied.add(_line(request))

    def shut(self, executor: str) -> None:
        """Ask nothing for an executor that does not take what it has room for."""
        self._shut.add(executor)

    def open(self, executor: str) -> None:
        """Ask for an executor again."""
        self._shut.discard(executor)


def without(requests: Iterable[ClaimRequest], taken: Iterable[Handout]) -> list[ClaimRequest]:
    """The requests less the places that brokers have given away: their kinds share them, those of a session do not."""
    given = Counter(handout.executor for handout in taken if handout.worker is None)
    left = (
        request if request.worker is not None else replace(request, limit=request.limit - given[request.executor])
        for request in requests
    )
    return [request for request in left if request.limit > 0]


def _line(request: ClaimRequest) -> Hashable:
    return request.executor, request.kind, request.worker, tuple(request.queues)


def _binding(identity: SessionIdentity) -> WorkerBinding:
    return WorkerBinding(
        session_id=identity.session_id,
        credential_id=identity.credential_id,
        instance_id=identity.instance_id,
        connection_epoch=identity.connection_epoch,
        worker=identity.worker,
    )
