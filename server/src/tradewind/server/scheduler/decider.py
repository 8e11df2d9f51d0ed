"""Decisions about runs in whatever transaction changed them, and what the scheduler's loop has to know of that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tradewind.server.contract import DAG_RUN_FINAL
from tradewind.server.scheduler.run_pass import RunMemory, RunPass
from tradewind.server.store import Transaction, schedules


@dataclass(frozen=True, slots=True)
class Decided:
    """What a pass over the dirty runs means for the loop.

    Attributes:
        refused: runs whose rows were not as the projection said, or whose leader is another by now.
        faulty: runs that can not be decided, with the reason.
        more: whether there is more to do at once.
        due_in: seconds until something is due by itself; None for nothing.
        released: whether a schedule waited for a run that has ended.
    """

    refused: tuple[int, ...]
    faulty: Mapping[int, Exception]
    more: bool
    due_in: float | None
    released: bool


class Decider:
    """Decides in the thread of the store's transactions, and there alone; what it remembers outlives a commit only.

    Attributes:
        ignored: runs to leave alone for now; set by the loop as a whole.
    """

    def __init__(self) -> None:
        self._memory = RunMemory()
        self._epoch: int | None = None
        self._told_due = False
        self.ignored: frozenset[int] = frozenset()

    def decide(self, tx: Transaction, epoch: int) -> Decided:
        """Pass over the dirty runs and over what is due by itself.

        Args:
            tx: a transaction that writes.
            epoch: epoch of the leadership that decides.
        """
        if epoch != self._epoch:
            # Somebody else may have led since the projections were made.
            self._memory.forget()
            self._epoch = epoch
        # Whatever was marked in this transaction before is seen now; what the pass itself marks waits for the next one.
        tx.topics.discard("dirty")
        result = RunPass(self._memory, tx, epoch, self.ignored).run()
        ended = [run.pk for run in result.decided if run.state in DAG_RUN_FINAL]
        released = schedules.release_after(tx, ended)
        more = result.more or "dirty" in tx.topics
        tx.topics.discard("dirty")
        tx.after_commit(lambda: self._memory.keep(result))
        return Decided(tuple(result.refused), result.faulty, more, result.due_in, released)

    def follow(self, tx: Transaction, epoch: int | None, tell: Callable[[Transaction, Decided], None]) -> None:
        """Decide about what a transaction has just changed.

        Args:
            tx: the transaction.
            epoch: epoch of the leadership; None when this process does not lead, which leaves it to the one that does.
            tell: takes what the loop has to know once the transaction is committed.
        """
        if epoch is None:
            tx.hint("dirty")
            return
        decided = self.decide(tx, epoch)
        if decided.more:
            tx.hint("dirty")
        due = decided.due_in is not None
        if decided.refused or decided.faulty or decided.released or due or self._told_due:
            self._told_due = due
            tell(tx, decided)
