"""What follows from writes at once, in their own transaction: one commit for an outcome and all that it leads to."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass

from tradewind.server.store.transaction import Transaction

_LOG = logging.getLogger(__name__)

Following = Callable[[Transaction, Collection[str]], None]


class FollowerFailedError(Exception):
    """A follower failed: the writes that it followed are to be committed without it."""


@dataclass(frozen=True, eq=False)
class Follower:
    """A part of the control plane that acts in transactions of others.

    Attributes:
        topics: hints that it acts on. Whoever else listens to them is woken all the same.
        job: what it does, in the committer's thread, given the topics that were hinted at. Like any job it may run more
            than once; what it wants to remember or to tell belongs into `Transaction.after_commit`. A job that cannot
            act now puts its hint back.
    """

    topics: frozenset[str]
    job: Following


class Followers:
    """The followers of a store, in the order in which they act."""

    def __init__(self) -> None:
        self._followers: tuple[Follower, ...] = ()

    def add(self, topics: Collection[str], job: Following) -> Follower:
        """Let a job follow whatever hints at one of the topics; behind those that were added before."""
        follower = Follower(frozenset(topics), job)
        self._followers = (*self._followers, follower)
        return follower

    def remove(self, follower: Follower) -> None:
        """Follow no more; one that is gone already is no error."""
        self._followers = tuple(one for one in self._followers if one is not follower)

    def act(self, transaction: Transaction) -> None:
        """Let each act once, if something was hinted at that it follows, also by one before it.

        Raises:
            FollowerFailedError: one has failed; the transaction must not be committed.
        """
        for follower in self._followers:
            hinted = transaction.topics & follower.topics
            if not hinted:
                continue
            transaction.topics -= hinted
            try:
                follower.job(transaction, hinted)
            except Exception as error:
                _LOG.warning("a follower failed and acts in a transaction of its own: %s", error, exc_info=error)
                raise FollowerFailedError(str(error)) from error
