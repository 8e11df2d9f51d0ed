"""The loop of a dispatcher: claim for the capacity at hand, deliver, cancel what ended elsewhere."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

from tradewind.server.contract import VERSION, ActivityKind, Delivery, Envelope
from tradewind.server.dispatcher.claimer import FOLLOWED, READY, Claimed, Claimer, Parcel
from tradewind.server.dispatcher.deliveries import DeliveryBuilder, TokenMinter, UndeliverableError, fault_of
from tradewind.server.dispatcher.room import Room
from tradewind.server.domain.refusals import Refused
from tradewind.server.executors.protocol import (
    Executor,
    NotAccepted,
    Observation,
    SessionDelivery,
)
from tradewind.server.settings import Settings
from tradewind.server.store import Store, Subscription, Transaction, dispatches
from tradewind.server.store.handouts import Handout, LossCause

log = logging.getLogger(__name__)

PAUSE_AFTER_REFUSAL_SECONDS = 0.5
LONGEST_PAUSE_AFTER_CONTENTION_SECONDS = 0.01
"""Pause before claiming again what another process was at; a claim takes a few milliseconds."""
ENDED_ELSEWHERE = "this dispatch is over: it was lost, cancelled or taken over"


class Dispatcher:
    """Hands ready work out through the executors of this process.

    Args:
        store: the metadata database.
        executors: those whose capacity is known here; the dispatcher attaches itself as their listener.
        minter: signs execution tokens.
        settings: sections `api`, `scheduler` and `executors`.
    """

    def __init__(self, store: Store, executors: Sequence[Executor], minter: TokenMinter, settings: Settings) -> None:
        self._store = store
        self._executors = {executor.name: executor for executor in executors}
        self._builder = DeliveryBuilder(minter)
        self._settings = settings
        self._room = Room(executors)
        self._claimer = Claimer(self._room, self._executors, self._builder)
        self._followed: asyncio.Queue[Claimed] = asyncio.Queue()
        self._bell: Subscription | None = None
        self._about_to_look = False
        self._observations: asyncio.Queue[tuple[str, Observation]] = asyncio.Queue()
        for executor in executors:
            executor.attach(self)

    def wake(self) -> None:
        """Look for work now; to be called in the event loop of the dispatcher."""
        if self._bell is not None:
            self._bell.wake()

    def capacity_changed(self) -> None:
        """Look where there is room, once for all that changes in this moment."""
        if not self._about_to_look:
            self._about_to_look = True
            asyncio.get_running_loop().call_soon(self._look)

    def observed(self, dispatch_id: str, observation: Observation) -> None:
        self._observations.put_nowait((dispatch_id, observation))

    async def run(self, stop: asyncio.Event) -> None:
        """Hand out until `stop` is set; what was delivered runs on."""
        self._room.look()
        self._bell = self._store.hints.subscribe(*READY)
        ended = self._store.hints.subscribe("ended")
        freed, stopped = (self._store.hints.subscribe(topic) for topic in ("freed", "ended"))
        try:
            async with asyncio.TaskGroup() as group:
                loops = [
                    group.create_task(self._hand_out(self._bell)),
                    group.create_task(self._hand_over_followed()),
                    group.create_task(self._cancel_ended(ended)),
                    group.create_task(self._notice_ends(freed)),
                    group.create_task(self._notice_ends(stopped)),
                    group.create_task(self._judge_observations()),
                ]
                await stop.wait()
                for running in loops:
                    running.cancel()
        finally:
            for subscription in (self._bell, ended, freed, stopped):
                subscription.close()

    def build_delivery(self, tx: Transaction, handout: Handout) -> Delivery:
        """What the holder of a dispatch needs to run it, with a new token; for whoever exchanges a ticket."""
        return self._builder.delivery(handout, self._builder.secrets(tx, handout), tx.now)

    async def deliver_again(self, handouts: Sequence[Handout]) -> None:
        """Push dispatches that a worker should have and does not, under the same ids.

        Args:
            handouts: dispatches of sessions that are connected at the session executor of this process. Those of
                brokers are left out: whoever started one by its ticket asks for it again by itself.
        """
        pushed = [handout for handout in handouts if self._claimer.delivers_to_sessions(handout.executor)]

        def query(tx: Transaction) -> tuple[list[Parcel], datetime]:
            return self._claimer.packed(tx, pushed), tx.now

        if pushed:
            await self._deliver_all(*await self._store.read(query))

    def _look(self) -> None:
        self._about_to_look = False
        self._room.look()
        if self._room.has_unasked():
            self.wake()

    async def _hand_out(self, bell: Subscription) -> None:
        """Claim whenever there is a hint or new capacity; the poll finds what a lost hint left."""
        loop = asyncio.get_running_loop()

        def tell(tx: Transaction, claimed: Claimed) -> None:
            tx.tell(loop, partial(self._followed.put_nowait, claimed))

        await self._persistently(self._deliver_undelivered)
        # Only now: what this life claims is on its way, and not undelivered.
        follower = self._store.followers.add(FOLLOWED, lambda tx, hinted: self._claimer.follow(tx, hinted, tell))
        try:
            while True:
                await self._persistently(self._claim_and_deliver)
                await bell.wait(self._settings.scheduler.poll_seconds)
        finally:
            self._store.followers.remove(follower)

    async def _persistently(self, step: Callable[[], Awaitable[None]]) -> None:
        """Do a step, again and again while the store can not write now.

        One that fails for another reason is left out: its loop has other work to do, and what is left undone is found
        by the next look or by the deadlines of dispatches.
        """
        while True:
            try:
                return await step()
            except Refused as refusal:
                log.warning("dispatcher pauses", extra={"why": str(refusal)})
                await asyncio.sleep(refusal.retry_after_seconds or PAUSE_AFTER_REFUSAL_SECONDS)
            except Exception:
                log.exception("the dispatcher leaves out a step that failed")
                return await asyncio.sleep(PAUSE_AFTER_REFUSAL_SECONDS)

    async def _claim_and_deliver(self) -> None:
        """Claim for all free places that there are, also where the last claim found nothing."""
        self._room.something_is_ready(*ActivityKind)
        if self._room.has_unasked():
            await self._hand_over(await self._store.write(self._claimer.claim))

    async def _hand_over_followed(self) -> None:
        """Hand over what was claimed in transactions of others."""
        while True:
            await self._persistently(partial(self._hand_over, await self._followed.get()))

    async def _hand_over(self, claimed: Claimed) -> None:
        if claimed.contended:
            # Not all at the same moment, or they would meet again.
            pause = random.uniform(0.0, LONGEST_PAUSE_AFTER_CONTENTION_SECONDS)  # noqa: S311 - no secret
            asyncio.get_running_loop().call_later(pause, self.wake)
        await self._deliver_all(claimed.parcels, claimed.now)

    async def _notice_ends(self, ends: Subscription) -> None:
        """Look for work again if a limit held some back when it was looked for last, and something has ended since."""
        while True:
            await ends.wait()
            self._room.something_ended()
            self.capacity_changed()

    async def _deliver_undelivered(self) -> None:
        """Deliver again what an earlier life of this process claimed for a broker and nobody started."""
        brokers = [executor for executor in self._executors.values() if executor.delivers == "ticket"]

        def job(tx: Transaction) -> tuple[list[Parcel], datetime]:
            left = [
                handout
                for executor in brokers
                for handout in dispatches.undelivered(tx, executor.name)
                if handout.dispatch_id not in executor.known()
            ]
            return self._claimer.packed(tx, left), tx.now

        if brokers:
            await self._deliver_all(*await self._store.write(job))

    async def _deliver_all(self, parcels: Sequence[Parcel], now: datetime) -> None:
        """Give each to its executor.

        What a session does not accept stays with its worker: it is delivered again when that returns. What a broker
        does not accept returns to the line, since nobody would ask for it. What nobody can be told fails by itself.
        """
        returned: list[str] = []
        faults: dict[str, str] = {}
        try:
            for parcel in parcels:
                handout = parcel.handout
                try:
                    if not await self._deliver(parcel, now):
                        returned.append(handout.dispatch_id)
                except Exception as error:
                    faults[handout.dispatch_id] = fault_of(handout, parcel.secrets, error)
                    log.exception("activity can not be delivered", extra={"dispatch_id": handout.dispatch_id})
        finally:
            self._room.look([parcel.handout.dispatch_id for parcel in parcels])
        if returned:
            await self._persistently(partial(self._hand_back, returned))
        if faults:
            await self._persistently(partial(self._give_up, faults))

    async def _deliver(self, parcel: Parcel, now: datetime) -> bool:
        """Give one to its executor; whether nothing more is to be done about it."""
        handout = parcel.handout
        if parcel.fault is not None:
            raise UndeliverableError(parcel.fault)
        executor = self._executors[handout.executor]
        try:
            await executor.queue_activity(kind=ActivityKind(handout.activity.kind), context=self._context(parcel, now))
        except NotAccepted as error:
            log.info("activity was not accepted", extra={"dispatch_id": handout.dispatch_id, "why": str(error)})
            if executor.delivers == "ticket":
                self._room.shut(executor.name)
                asyncio.get_running_loop().call_later(PAUSE_AFTER_REFUSAL_SECONDS, self._open, executor.name)
                return False
        return True

    async def _hand_back(self, dispatch_ids: Sequence[str]) -> None:
        await self._store.write(lambda tx: dispatches.hand_back(tx, dispatch_ids))

    async def _give_up(self, faults: Mapping[str, str]) -> None:
        await self._store.write(lambda tx: dispatches.give_up(tx, faults))

    def _open(self, executor: str) -> None:
        self._room.open(executor)
        self.wake()

    def _context(self, parcel: Parcel, now: datetime) -> SessionDelivery | Envelope:
        handout = parcel.handout
        if parcel.ticket is None:
            delivery = self._builder.delivery(handout, parcel.secrets, now)
            if handout.worker is None:
                return SessionDelivery("", delivery)
            return SessionDelivery(handout.worker.session_id, delivery, handout.worker.connection_epoch)
        return Envelope(
            contract=VERSION,
            api_url=self._settings.public_url,
            kind=ActivityKind(handout.activity.kind),
            dispatch_id=handout.dispatch_id,
            ticket=parcel.ticket,
        )

    async def _cancel_ended(self, ended: Subscription) -> None:
        """Tell workers and brokers of dispatches that ended without them."""
        while True:
            await ended.wait(self._settings.scheduler.poll_seconds)
            await self._persistently(self._cancel_once)

    async def _cancel_once(self) -> None:
        known = {executor.name: executor.known() for executor in self._executors.values()}
        asked = sorted(set().union(*known.values()))
        if not asked:
            return
        over = set(await self._store.read(lambda tx: dispatches.ended_among(tx, asked)))
        for name, dispatch_ids in known.items():
            for dispatch_id in sorted(dispatch_ids & over):
                await self._executors[name].cancel(dispatch_id, ENDED_ELSEWHERE)

    async def _judge_observations(self) -> None:
        while True:
            dispatch_id, observation = await self._observations.get()
            await self._persistently(partial(self._judge, dispatch_id, observation))

    async def _judge(self, dispatch_id: str, observation: Observation) -> None:
        """Lose a dispatch that its broker failed to bring to anybody.

        A command that ended well may have left the envelope elsewhere; one whose activity has started is judged by
        the lease of that start.
        """
        if observation.event == "exited" and observation.exit_code == 0:
            return

        def job(tx: Transaction) -> list[str]:
            try:
                dispatch = dispatches.live_dispatch(tx, dispatch_id)
            except Refused:
                return []
            if dispatch.credential_id is not None:
                return []
            return dispatches.lose(tx, [dispatch_id], LossCause.EXECUTOR_FAILED, observation.message)

        if await self._store.write(job):
            log.warning("activity was not started", extra={"dispatch_id": dispatch_id, "why": observation.message})
