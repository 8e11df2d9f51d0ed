"""Grouped commits: one thread, one connection, and everything that waits as one transaction."""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tradewind.server.contract import ProblemReason
from tradewind.server.domain.refusals import Refused
from tradewind.server.store.database import Database
from tradewind.server.store.errors import ConflictError, OutageError, too_busy
from tradewind.server.store.followers import FollowerFailedError, Followers
from tradewind.server.store.gathering import Gathering
from tradewind.server.store.hints import Hints, call_in_loops
from tradewind.server.store.transaction import Surroundings, Transaction

_LOG = logging.getLogger(__name__)

Job = Callable[[Transaction], Any]
JobForMany = Callable[[Transaction, Sequence[Any]], Sequence[Any]]

MOST_CONFLICTS = 10
LONGEST_PAUSE_SECONDS = 1.0


@dataclass(eq=False, slots=True)
class Write:
    """A job that waits for its commit, or an item for a function that takes many.

    Attributes:
        answer: result, or exception that is raised to whoever waits; valid once the transaction is committed.
        answered: whether the one who waits has been told.
    """

    job: Job | None
    function: JobForMany | None
    item: Any
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    answer: Any = None
    failed: bool = False
    answered: bool = False

    def succeed(self, answer: Any) -> None:
        self.answer, self.failed = answer, False

    def fail(self, error: BaseException) -> None:
        self.answer, self.failed = error, True

    def resolve(self) -> None:
        """Tell the one who waits, in its loop; it may have stopped waiting."""
        if self.future.done():
            return
        if self.failed:
            self.future.set_exception(self.answer)
        else:
            self.future.set_result(self.answer)


class Committer:
    """Runs writes in the order of their arrival and answers each one after its commit.

    A write that fails before it changed anything fails alone. One that fails later takes the batch with it, which is
    then run again in halves until the culprit stands alone; a write may therefore run more than once. What follows from
    the writes is done in their transaction; a follower that fails costs them nothing: they are run again without it.
    """

    def __init__(
        self,
        database: Database,
        surroundings: Surroundings,
        hints: Hints,
        followers: Followers,
        gathering: Gathering,
    ) -> None:
        self._database = database
        self._surroundings = surroundings
        self._hints = hints
        self._followers = followers
        self._gathering = gathering
        self._options = surroundings.options
        self._waiting: deque[Write] = deque()
        self._wake = threading.Condition()
        self._wanted = 1
        self._closing = False
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._run, name="tradewind-committer", daemon=True)

    def start(self) -> None:
        """Connect, and begin to work.

        Raises:
            OutageError: the database is not there.
        """
        try:
            self._connection = self._database.connect(read_only=False)
        except DBAPIError as error:
            raise self._database.explain(error) from error
        self._thread.start()

    def close(self) -> None:
        """Finish what waits, then stop; later writes are refused."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()
        self._disconnect()

    def submit(self, write: Write) -> None:
        """Let a write wait for its turn.

        Raises:
            Refused: `too_busy`: too many wait already, or the store is closed.
        """
        with self._wake:
            if self._closing:
                raise too_busy("the store is closing")
            if len(self._waiting) >= self._options.max_waiting:
                raise too_busy(f"{len(self._waiting)} writes wait already")
            self._waiting.append(write)
            if len(self._waiting) == self._wanted:
                self._wake.notify()

    def _run(self) -> None:
        while batch := self._take():
            try:
                self._settle(batch)
            except Exception:  # noqa: BLE001  the thread must live on, whatever went wrong
                _LOG.exception("the committer failed; its %d writes are refused", len(batch))
                error = Refused(ProblemReason.INTERNAL_ERROR, "the store failed", action="see the server's log")
                self._answer([write for write in batch if not write.answered], error=error)
                self._disconnect()

    def _take(self) -> list[Write]:
        """Everything that waits, as far as it fits into one transaction; empty at the end."""
        with self._wake:
            while not self._waiting and not self._closing:
                self._wake.wait()
            self._gather()
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), self._options.max_batch))]

    def _gather(self) -> None:
        """Wait a moment for more, if more is about to come; holds the lock otherwise."""
        wanted = self._gathering.wanted()
        before = len(self._waiting)
        if before >= wanted or self._closing:
            return
        self._wanted = wanted
        self._wake.wait_for(lambda: self._closing or len(self._waiting) >= wanted, self._gathering.longest_seconds)
        self._wanted = 1
        self._gathering.waited(in_vain=len(self._waiting) == before)

    def _settle(self, batch: list[Write]) -> None:
        """Commit a batch, in halves if it must be."""
        parts = [batch]
        while parts:
            part = parts.pop()
            try:
                committed = self._commit(part)
            except OutageError as error:
                _LOG.exception("%d writes are refused: the database cannot be used", len(part))
                self._answer(part, error=too_busy(str(error)))
            except Exception as error:  # noqa: BLE001  it belongs to the one who waits
                if len(part) == 1:
                    if not isinstance(error, Refused):
                        _LOG.error("a write failed and changed nothing", exc_info=error)
                    self._answer(part, error=error)
                else:
                    middle = len(part) // 2
                    parts += [part[middle:], part[:middle]]
            else:
                self._answer(part, committed=committed)

    def _commit(self, part: list[Write]) -> Transaction:
        """Commit some writes as one transaction, across conflicts and short outages; return what it was in the end."""
        deadline = time.monotonic() + self._database.patience_seconds
        followed = True
        for attempt in itertools.count(1):
            try:
                return self._transact(part, followed=followed)
            except FollowerFailedError:
                followed = False
                continue
            except ConflictError as error:
                if len(part) > 1:
                    raise
                if attempt >= MOST_CONFLICTS:
                    raise OutageError(str(error)) from error
            except OutageError as error:
                self._disconnect()
                if error.commit_sent or time.monotonic() >= deadline:
                    raise
            time.sleep(min(0.02 * 2 ** min(attempt, 10), LONGEST_PAUSE_SECONDS))
        raise AssertionError("unreachable")

    def _transact(self, part: list[Write], *, followed: bool) -> Transaction:
        connection, identity = None, None
        transaction: Transaction | None = None
        try:
            if self._connection is None:
                self._connection = self._database.connect(read_only=False)
            connection = self._connection
            begun = self._database.begin(connection, read_only=False)
            identity = begun.identity
            transaction = Transaction(connection, begun.now, self._surroundings)
            self._work(transaction, part)
            if followed:
                self._followers.act(transaction)
            transaction.complete()
            self._database.commit(connection, transaction.topics)
        except Exception as error:
            explained = self._database.explain(error)
            if isinstance(explained, OutageError):
                if not (explained.commit_sent and identity and transaction):
                    raise explained from error
                if not self._did_commit(identity):
                    raise OutageError(str(explained)) from error
                transaction.committed()
                return transaction
            self._roll_back()
            if explained is error:
                raise
            raise explained from error
        transaction.committed()
        return transaction

    def _work(self, transaction: Transaction, part: list[Write]) -> None:
        """Run the jobs in order, and each function of many once, where its first item stands."""
        together: dict[JobForMany, list[Write]] = {}
        for write in part:
            if write.function is not None:
                together.setdefault(write.function, []).append(write)
        for write in part:
            function = write.function
            if function is not None:
                members = together.pop(function, None)
                if members:
                    self._work_together(transaction, function, members)
            elif write.job is not None:
                before = transaction.changes
                try:
                    write.succeed(write.job(transaction))
                except DBAPIError:
                    raise
                except Exception as error:
                    if transaction.changes != before:
                        raise
                    write.fail(error)

    @staticmethod
    def _work_together(transaction: Transaction, function: JobForMany, members: list[Write]) -> None:
        answers = function(transaction, [member.item for member in members])
        for member, answer in zip(members, answers, strict=True):
            if isinstance(answer, Refused):
                member.fail(answer)
            else:
                member.succeed(answer)

    def _did_commit(self, identity: str) -> bool:
        """Ask about a commit whose answer was lost, for as long as an outage is waited for.

        Raises:
            OutageError: there is no answer, so that the same must not be done again.
        """
        deadline = time.monotonic() + self._database.patience_seconds
        for attempt in itertools.count(1):
            self._disconnect()
            try:
                self._connection = self._database.connect(read_only=False)
                return self._database.was_committed(self._connection, identity)
            except OutageError:
                raise
            except Exception as error:
                if time.monotonic() >= deadline:
                    raise OutageError(
                        f"it is not known whether a commit happened: {error}", commit_sent=True
                    ) from error
            time.sleep(min(0.02 * 2 ** min(attempt, 10), LONGEST_PAUSE_SECONDS))
        raise AssertionError("unreachable")

    def _roll_back(self) -> None:
        if self._connection is not None:
            try:
                self._database.rollback(self._connection)
            except Exception:  # noqa: BLE001  a fresh connection has nothing to roll back
                _LOG.warning("a transaction could not be rolled back; connecting again", exc_info=True)
                self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.invalidate()
                connection.close()
            except Exception:  # noqa: BLE001  it is thrown away
                _LOG.debug("a broken connection did not close in order", exc_info=True)

    def _answer(
        self, writes: list[Write], *, committed: Transaction | None = None, error: Exception | None = None
    ) -> None:
        """Tell all who wait, and hint, with one wake-up for each event loop."""
        if error is not None:
            for write in writes:
                write.fail(error)
        for write in writes:
            write.answered = True
        answers = [(write.loop, write.resolve) for write in writes]
        told = committed.told if committed is not None else ()
        topics = committed.topics if committed is not None else ()
        # What is to be done next comes before what is over.
        call_in_loops([*told, *answers, *self._hints.wakes(topics)])
