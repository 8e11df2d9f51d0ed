"""A process of the control plane: scheduler, dispatcher and executor as they are, moved by steps instead of loops."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import text

from tests.properties.deployment.databases import GATE_SECONDS, Clock, TimedDatabase
from tradewind.server.auth.tokens import MintedToken
from tradewind.server.contract import ActivityKind, OutcomeReceipt, ProblemReason
from tradewind.server.dispatcher.claimer import FOLLOWED, Claimed
from tradewind.server.dispatcher.dispatcher import Dispatcher
from tradewind.server.domain.refusals import Refused
from tradewind.server.executors.worker_session import WorkerSessionExecutor
from tradewind.server.scheduler.decider import Decided
from tradewind.server.scheduler.scheduler import Scheduler
from tradewind.server.settings import Settings
from tradewind.server.store import Store, Transaction, api_processes, dispatches, scheduling
from tradewind.server.store.handouts import Report

T = TypeVar("T")


class FollowerBroken(Exception):
    """Raised by the follower that fails on demand."""


class Minter:
    """Gives every dispatch the same token: nobody here checks one."""

    def mint(self, kind: ActivityKind, activity_id: str, dispatch_id: str, now: datetime) -> MintedToken:
        return MintedToken("token", now)


@dataclass(frozen=True)
class Refusal:
    """What a write answered instead of its result."""

    reason: ProblemReason


class ControlProcess:
    """One of the processes that share a database.

    Args:
        name: for people.
        database: the database, whose faults belong to this process.
        store: its store.
        settings: as of any process.
        clock: the clock of the history.
        claims_first: whether the dispatcher was there before the scheduler, and follows before it.

    Attributes:
        breaks: whether the next follower to act fails.
        problems: what must not have happened in its transactions.
    """

    def __init__(
        self, name: str, database: TimedDatabase, store: Store, settings: Settings, clock: Clock, *, claims_first: bool
    ) -> None:
        self.name = name
        self.database = database
        self.store = store
        self.executor = WorkerSessionExecutor()
        self.dispatcher = Dispatcher(store, [self.executor], Minter(), settings)
        self.scheduler = Scheduler(store, settings, name=name, clock=clock.monotonic)
        self.breaks = False
        self.problems: list[str] = []
        self._claimed: list[Claimed] = []
        self._decided: list[Decided] = []
        follow: list[tuple[Collection[str], Callable[[Transaction, Collection[str]], None]]] = [
            ({"dirty"}, self._decide),
            (FOLLOWED, self._claim),
        ]
        for topics, job in reversed(follow) if claims_first else follow:
            store.followers.add(topics, job)
        store.followers.add({"runs"}, self._break)

    @property
    def leads(self) -> bool:
        """Whether it believes so."""
        return self.scheduler.is_leader

    @property
    def has_parcels(self) -> bool:
        """Whether something was claimed in transactions of others, and is to be delivered."""
        return bool(self._claimed)

    async def write(self, job: Callable[[Transaction], T]) -> T | Refusal:
        """Write; a refusal is an answer."""
        try:
            return await self.store.write(job)
        except Refused as refused:
            return Refusal(refused.reason)

    async def report(self, report: Report) -> OutcomeReceipt | Refusal | None:
        """Record what a worker says, as the interface does."""
        try:
            answer = await self.store.write_each(dispatches.record_reports, report)
        except Refused as refused:
            return Refusal(refused.reason)
        if isinstance(answer, OutcomeReceipt):
            self.executor.ended([report.dispatch_id])
        assert not isinstance(answer, Refused)
        return answer

    async def together(self, writes: Sequence[Callable[[], Any]]) -> list[Any]:
        """Let several writes become one batch, whatever their results; in the order in which they are given."""
        loop = asyncio.get_running_loop()
        entered, gate = asyncio.Event(), threading.Event()

        def hold(tx: Transaction) -> None:
            loop.call_soon_threadsafe(entered.set)
            assert gate.wait(GATE_SECONDS)

        holding = asyncio.create_task(self.write(hold))
        await entered.wait()
        waiting = [asyncio.create_task(write()) for write in writes]
        await asyncio.sleep(0)
        gate.set()
        await holding
        return await asyncio.gather(*waiting, return_exceptions=True)

    # What its loops do.

    async def turn(self) -> None:
        """A turn of the scheduler."""
        self._hear()
        await self.scheduler._turn()
        self._hear()

    async def claim(self) -> None:
        """The dispatcher looks by itself."""
        try:
            await self.dispatcher._claim_and_deliver()
        except Refused as refused:
            assert refused.reason is ProblemReason.TOO_BUSY  # noqa: PT017 - a fault of the database

    async def hand_over(self) -> None:
        """What was claimed in transactions of others is delivered."""
        while self._claimed:
            await self.dispatcher._hand_over(self._claimed.pop(0))

    async def cancel_ended(self) -> None:
        """Workers are told what ended without them."""
        await self.dispatcher._cancel_once()

    def notice_ends(self) -> None:
        self.dispatcher._room.something_ended()
        self.dispatcher.capacity_changed()

    async def sign(self) -> None:
        """A sign of life of the API."""
        await self.write(lambda tx: api_processes.sign(tx, self.name))

    def _hear(self) -> None:
        heard, self._decided = self._decided, []
        for decided in heard:
            if self.scheduler.is_leader:
                self.scheduler._take_note(decided)

    # What it does in transactions of others.

    def _decide(self, tx: Transaction, hinted: Collection[str]) -> None:
        epoch = self.scheduler._epoch
        leader = None if epoch is None else scheduling.leader(tx)
        if epoch is None or leader is None or epoch == leader.epoch:
            self.scheduler._decider.follow(tx, epoch, self._keep_decided)
            return
        # It was deposed and has not heard of it: whatever it decides comes too late.
        before = _states(tx)
        self.scheduler._decider.follow(tx, epoch, self._keep_decided)
        if _states(tx) != before:
            self.problems.append(f"{self.name} decided in epoch {epoch}, the newest is {leader.epoch}")

    def _claim(self, tx: Transaction, hinted: Collection[str]) -> None:
        self.dispatcher._claimer.follow(tx, hinted, self._keep_claimed)

    def _keep_decided(self, tx: Transaction, decided: Decided) -> None:
        tx.after_commit(lambda: self._decided.append(decided))

    def _keep_claimed(self, tx: Transaction, claimed: Claimed) -> None:
        tx.after_commit(lambda: self._claimed.append(claimed))

    def _break(self, tx: Transaction, hinted: Collection[str]) -> None:
        for topic in hinted:
            tx.hint(topic)
        if self.breaks:
            self.breaks = False
            raise FollowerBroken("on demand")


def _states(tx: Transaction) -> list[Any]:
    tables = ("dag_run", "task_instance")
    return [tuple(row) for table in tables for row in tx.rows(text(f"SELECT pk, rev, state FROM {table} ORDER BY pk"))]
