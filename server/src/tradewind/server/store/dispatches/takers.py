"""Those who have free places, who of them gets the next activity, and what they got."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tradewind.server.store.handouts import ClaimRequest, Handout


class Handouts(list[Handout]):
    """What a claim handed out.

    Args:
        handouts: the handouts.
        held_back: whether work was left because of a limit. It may go when an instance ends (hint `freed`).
        contended: whether work was left because another process claimed or changed it. It may go in a moment.
    """

    def __init__(self, handouts: Iterable[Handout] = (), *, held_back: bool = False, contended: bool = False) -> None:
        super().__init__(handouts)
        self.held_back = held_back
        self.contended = contended

    def add(self, more: Handouts) -> None:
        """Take over what a further part of the claim gave."""
        self.extend(more)
        self.held_back |= more.held_back
        self.contended |= more.contended


@dataclass(slots=True)
class _Taker:
    request: ClaimRequest
    free: int

    def serves(self, queue: str | None) -> bool:
        return queue is None or not self.request.queues or queue in self.request.queues


class Takers:
    """Free places of one executor for one kind of activity.

    Args:
        requests: who asks for how much.
    """

    def __init__(self, requests: Iterable[ClaimRequest]) -> None:
        self._takers = [_Taker(request, request.limit) for request in requests if request.limit > 0]

    def queues(self) -> list[str] | None:
        """The queues that somebody serves; None for all of them."""
        if any(not taker.request.queues for taker in self._takers):
            return None
        return sorted({queue for taker in self._takers for queue in taker.request.queues})

    def free(self, queue: str | None) -> int:
        """Free places for a queue, or for activities that wait in none."""
        return sum(taker.free for taker in self._takers if taker.serves(queue))

    def take(self, queue: str | None) -> ClaimRequest:
        """Give a place away: the request with most free ones among those that serve the queue.

        Raises:
            ValueError: there is none.
        """
        able = [taker for taker in self._takers if taker.free > 0 and taker.serves(queue)]
        taker = max(able, key=lambda one: one.free)
        taker.free -= 1
        return taker.request
