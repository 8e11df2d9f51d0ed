"""The loop of a scheduler: lead or stand by, look at what changed, sleep until a hint or the next due time."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from tradewind.server.domain.refusals import Refused
from tradewind.server.scheduler.decider import Decided, Decider
from tradewind.server.scheduler.due_runs import DueRuns
from tradewind.server.scheduler.faults import RunFaultError
from tradewind.server.scheduler.takeover import OutageFloor, is_due, take_over
from tradewind.server.settings import Settings
from tradewind.server.store import Store, Subscription, Transaction, plans, scheduling

log = logging.getLogger(__name__)

FAULTY_RUN_SECONDS = 60.0
"""How long a run is left alone after a decision about it failed."""

SHORTEST_RETRY_SECONDS = 0.05
LONGEST_RETRY_SECONDS = 1.0
"""Pauses after a refused write; each is twice the one before it."""


@dataclass(frozen=True, slots=True)
class _Watch:
    """What a renewal of the leadership tells, on the store's clock."""

    epoch: int | None
    now: datetime


class Scheduler:
    """Decides about live runs while it leads, and waits for its turn while another does.

    What changes in this process is decided about in the same transaction. The loop does the rest: what other processes
    changed, what is due by itself, and the leadership.

    Args:
        store: the metadata database.
        settings: sections `scheduler` and `workers`.
        name: who leads, for people.
        clock: monotonic seconds.
    """

    def __init__(
        self, store: Store, settings: Settings, *, name: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        # A second life under the same name is another leader: the first may still be writing.
        self._name = f"{name}-{secrets.token_hex(4)}"
        self._clock = clock
        self._lease = settings.scheduler.lease_seconds
        self._poll = settings.scheduler.poll_seconds
        self._decider = Decider()
        self._floor = OutageFloor(settings.workers.lease_seconds)
        self._due_runs = DueRuns(store, clock)
        self._epoch: int | None = None
        self._renew_at = 0.0
        self._due_at: float | None = None
        self._wakes_at = 0.0
        self._faulty: dict[int, float] = {}
        self._pause = SHORTEST_RETRY_SECONDS

    @property
    def is_leader(self) -> bool:
        """Whether the last renewal succeeded."""
        return self._epoch is not None

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then resign."""
        subscription, changes = (self._store.hints.subscribe(topic) for topic in ("dirty", plans.TOPIC))
        loop = asyncio.get_running_loop()

        def tell(tx: Transaction, decided: Decided) -> None:
            tx.tell(loop, partial(self._hear_of_decisions, decided, subscription))

        follower = self._store.followers.add({"dirty"}, lambda tx, _: self._decider.follow(tx, self._epoch, tell))
        bells = [
            asyncio.create_task(_ring(stop, subscription)),
            asyncio.create_task(self._hear_of_schedules(changes, subscription)),
        ]
        try:
            while not stop.is_set():
                pause = await self._turn()
                self._wakes_at = self._clock() + pause
                await subscription.wait(pause)
        finally:
            for bell in bells:
                bell.cancel()
            self._store.followers.remove(follower)
            subscription.close()
            changes.close()
            await self._resign()

    async def _hear_of_schedules(self, changes: Subscription, subscription: Subscription) -> None:
        while await changes.wait():
            self._due_runs.look_soon()
            subscription.wake()

    def _hear_of_decisions(self, decided: Decided, subscription: Subscription) -> None:
        """Take note of what was decided in a transaction of others, and get up if that leaves something to do."""
        if self._epoch is None:
            return
        self._take_note(decided)
        earlier = self._due_at is not None and self._due_at < self._wakes_at
        if decided.refused or decided.released or earlier:
            subscription.wake()

    async def _turn(self) -> float:
        """Do what is to be done now, and return how many seconds to sleep unless something happens."""
        try:
            if self._clock() >= self._renew_at:
                await self._renew()
            if self._epoch is None:
                return max(0.0, self._renew_at - self._clock())
            more_due = await self._due_runs.make(self._epoch)
            epoch = self._epoch
            decided = await self._store.write(lambda tx: self._decider.decide(tx, epoch))
        except Refused as refusal:
            return self._back_off(f"the store refused a write: {refusal}", refusal.retry_after_seconds)
        except RunFaultError as fault:
            self._leave_alone({fault.run_pk: fault})
            return 0.0
        except Exception:
            log.exception("a turn of the scheduler failed")
            return self._back_off("a turn failed", None)
        self._take_note(decided)
        if decided.refused:
            return self._back_off(f"{len(decided.refused)} decisions came too late", None)
        self._pause = SHORTEST_RETRY_SECONDS
        return 0.0 if decided.more or more_due else self._until_next()

    def _back_off(self, why: str, retry_after: float | None) -> float:
        log.warning("scheduler pauses", extra={"why": why, "seconds": self._pause})
        pause = self._pause if retry_after is None else min(retry_after, LONGEST_RETRY_SECONDS)
        self._pause = min(self._pause * 2, LONGEST_RETRY_SECONDS)
        return pause

    def _until_next(self) -> float:
        moments = [self._renew_at, self._clock() + self._poll]
        moments += [moment for moment in (self._due_at, self._due_runs.look_at) if moment is not None]
        moments += self._faulty.values()
        return max(0.0, min(moments) - self._clock())

    async def _renew(self) -> None:
        """Become or stay the leader, and give up overdue dispatches."""

        def job(tx: Transaction) -> _Watch:
            return _Watch(scheduling.take_leadership(tx, self._name, self._lease), tx.now)

        before = self._clock()
        watch = await self._store.write(job)
        # The lease began at some moment of the write, so that it is renewed well before its end.
        self._renew_at = before + self._lease / 3
        if watch.epoch != self._epoch:
            log.info("leadership changed", extra={"scheduler": self._name, "epoch": watch.epoch})
            self._floor.forget()
            if watch.epoch is not None:
                await self._due_runs.lead()
            self._epoch = watch.epoch
        if watch.epoch is not None:
            self._due_runs.look_soon()
            await self._take_over(watch.epoch, self._floor.reached(self._clock(), watch.now))

    async def _take_over(self, epoch: int, floor: datetime) -> None:
        if not await self._store.read(lambda tx: is_due(tx, floor)):
            return
        for dispatch_id in await self._store.write(lambda tx: take_over(tx, epoch, floor)):
            log.warning("dispatch counts as lost", extra={"dispatch_id": dispatch_id})

    def _take_note(self, decided: Decided) -> None:
        now = self._clock()
        self._leave_alone(decided.faulty)
        if decided.refused:
            # Rows changed in between, or another leads: look again, and find out which.
            self._renew_at = now
        if decided.released:
            self._due_runs.look_soon()
        self._due_at = None if decided.due_in is None else now + decided.due_in

    def _leave_alone(self, faulty: Mapping[int, Exception]) -> None:
        """Ignore runs for a while, and no longer those whose while is over."""
        now = self._clock()
        for pk, error in faulty.items():
            log.error("run can not be decided", extra={"run_pk": pk}, exc_info=error)
            self._faulty[pk] = now + FAULTY_RUN_SECONDS
        self._faulty = {pk: until for pk, until in self._faulty.items() if until > now}
        self._decider.ignored = frozenset(self._faulty)

    async def _resign(self) -> None:
        if self._epoch is None:
            return
        self._epoch = None
        try:
            await self._store.write(lambda tx: scheduling.resign_leadership(tx, self._name))
        except Refused as refusal:
            log.warning("leadership runs out instead of being resigned", extra={"why": str(refusal)})


async def _ring(stop: asyncio.Event, subscription: Subscription) -> None:
    await stop.wait()
    subscription.wake()
