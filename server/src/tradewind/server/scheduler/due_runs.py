"""Runs that schedules make: when to look for them, and one look, bounded in what it writes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from tradewind.server.scheduler.faults import FAULTS, ScheduleFaultError
from tradewind.server.store import Store, Transaction, schedules
from tradewind.server.store.schedules import DueDag
from tradewind.server.store.scheduling.leadership import still_leads

log = logging.getLogger(__name__)

DAGS_AT_ONCE = 50
"""DAGs of one round of a look, each of which gets one run; the others wait for the next round."""

STEPS_PER_LOOK = 100
INSTANCES_PER_LOOK = 2000
"""Bounds on what one transaction writes, so that other writes wait tens of milliseconds at most. A step is a run that
is created or found to be there; the run that reaches the second bound is made whole."""

FAULTY_DAG_SECONDS = 60.0
"""How long a DAG is left alone after its schedule could not be evaluated."""


@dataclass(slots=True)
class Look:
    """What a look did.

    Attributes:
        created: names of the runs that were created, with their DAGs.
        faulty: DAGs whose schedule cannot be evaluated, with the reason.
        more: whether there is more to do at once.
        due_in: seconds until the next run is due, on the store's clock; None for no run.
        deposed: whether another leads by now, so that nothing was done.
    """

    created: list[tuple[str, str]] = field(default_factory=list)
    faulty: dict[str, Exception] = field(default_factory=dict)
    more: bool = False
    due_in: float | None = None
    deposed: bool = False


class DueLook:
    """One execution of the write job: runs of all DAGs that are due, in turn.

    Args:
        tx: the transaction.
        epoch: epoch of the leadership that acts.
        ignored: DAGs to leave alone for now.
    """

    def __init__(self, tx: Transaction, epoch: int, ignored: Collection[str] = ()) -> None:
        self._tx = tx
        self._epoch = epoch
        self._ignored = set(ignored)
        self._look = Look()
        self._steps = 0
        self._instances = 0

    def run(self) -> Look:
        """Make runs round by round, one for each due DAG, until none is due or it is enough for one transaction.

        With catch-up a DAG may be due thousands of times: it gets one run a round like any other.
        """
        look = self._look
        if not still_leads(self._tx, self._epoch):
            look.deposed = True
            return look
        while not look.more and (due := self._due()):
            for one in due:
                if self._steps >= STEPS_PER_LOOK or self._instances >= INSTANCES_PER_LOOK:
                    look.more = True
                    break
                self._make(one)
        look.due_in = _due_in(self._tx, self._ignored)
        return look

    def _due(self) -> list[DueDag]:
        found = schedules.due_dags(self._tx, DAGS_AT_ONCE + len(self._ignored))
        return [due for due in found if due.dag_id not in self._ignored]

    def _make(self, due: DueDag) -> None:
        self._steps += 1
        before = self._tx.changes
        try:
            made = schedules.make_run(self._tx, due)
        except FAULTS as error:
            if self._tx.changes != before:
                raise ScheduleFaultError(due.dag_id) from error
            self._ignored.add(due.dag_id)
            self._look.faulty[due.dag_id] = error
            return
        if made.run_id is not None:
            self._look.created.append((due.dag_id, made.run_id))
            self._instances += made.instances


class DueRuns:
    """Makes the runs of schedules for a leader, and knows when to look for them.

    It looks when a run is due, after a hint that a schedule changed, and whenever the leader renews its lease: the
    store's clock may have jumped, and a hint may be lost.

    Args:
        store: the metadata database.
        clock: monotonic seconds.
    """

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._look_at: float | None = None
        self._faulty: dict[str, float] = {}

    @property
    def look_at(self) -> float | None:
        """When to look next, in seconds of the clock; None to wait for a hint."""
        return self._look_at

    def look_soon(self) -> None:
        """Look at the next opportunity."""
        self._look_at = self._clock()

    async def lead(self) -> None:
        """Begin to lead: what waits for runs to end may wait for runs that ended under another leader."""
        self._faulty.clear()
        await self._store.write(schedules.release_all)
        self.look_soon()

    async def make(self, epoch: int) -> bool:
        """Make what is due, if it is time to look; whether to go on at once.

        Args:
            epoch: epoch of the leadership that acts.

        Raises:
            Refused: by the store.
        """
        now = self._clock()
        if self._look_at is None or self._look_at > now:
            return False
        self._faulty = {dag_id: until for dag_id, until in self._faulty.items() if until > now}
        ignored = frozenset(self._faulty)
        due_in = await self._store.read(lambda tx: _due_in(tx, ignored))
        if due_in is None or due_in > 0:
            self._wait(now, due_in)
            return False
        try:
            look = await self._store.write(lambda tx: DueLook(tx, epoch, ignored).run())
        except ScheduleFaultError as fault:
            # Nothing was committed; the others are made by the next look, without it.
            look = Look(faulty={fault.dag_id: fault}, more=True)
        for dag_id, run_id in look.created:
            log.info("scheduled run created", extra={"dag_id": dag_id, "run_id": run_id})
        for dag_id, error in look.faulty.items():
            log.error("schedule can not be evaluated", extra={"dag_id": dag_id}, exc_info=error)
            self._faulty[dag_id] = now + FAULTY_DAG_SECONDS
        self._wait(now, look.due_in)
        return look.more

    def _wait(self, now: float, due_in: float | None) -> None:
        moments = list(self._faulty.values())
        if due_in is not None:
            moments.append(now + due_in)
        self._look_at = min(moments, default=None)


def _due_in(tx: Transaction, ignored: Collection[str]) -> float | None:
    moment = schedules.next_due(tx, ignored)
    return None if moment is None else max(0.0, (moment - tx.now).total_seconds())
