"""Deletes what is over and old, in rounds of small transactions with pauses between them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, Final, TypeVar

from tradewind.server.domain.refusals import Refused
from tradewind.server.settings import RetentionSettings
from tradewind.server.store import Store, Transaction, retention
from tradewind.server.store.retention import Deleted, RetentionPlan, UnusedSnapshots

log = logging.getLogger(__name__)

T = TypeVar("T")

SHARE_OF_A_LEADER: Final = 0.2
"""Part of the time that a leader's round keeps the store busy; the rest is for everything else."""

LONGEST_PAUSE_SECONDS: Final = 1.0
SETTLING_SECONDS: Final = 60.0
"""How long to wait for the end of transactions that may have begun to use a snapshot."""


def plan_of(settings: RetentionSettings) -> RetentionPlan:
    """What settings say about retention."""

    def age(days: float) -> timedelta | None:
        return timedelta(days=days) if days else None

    return RetentionPlan(
        runs=age(settings.runs_days),
        parses=age(settings.parses_days),
        audit=age(settings.audit_days),
        code=age(settings.snapshots_days),
        refused_calls=settings.refused_calls or None,
        runs_per_dag=settings.runs_per_dag,
    )


class Round:
    """One pass over everything that may be deleted. Several at once are slow and right.

    Args:
        store: the metadata database.
        plan: what is to be kept.
        share: part of the time in which the round may keep the store busy, up to 1.
        tell: hears of deleted rows by table, whenever there are some.
    """

    def __init__(
        self,
        store: Store,
        plan: RetentionPlan,
        *,
        share: float = SHARE_OF_A_LEADER,
        tell: Callable[[dict[str, int]], None] = lambda _rows: None,
    ) -> None:
        self._store = store
        self._plan = plan
        self._share = share
        self._tell = tell
        self.rows: dict[str, int] = {}

    async def run(self) -> dict[str, int]:
        """Delete until nothing is left to delete.

        Returns:
            Number of deleted rows by table.

        Raises:
            Refused: by the store; what was deleted so far stays deleted.
        """
        await self._runs()
        await self._repeat(retention.remove_parses)
        await self._sessions()
        await self._repeat(retention.remove_api_processes)
        await self._repeat(retention.remove_audit)
        await self.refusals()
        await self._repeat(retention.remove_versions)
        while await self._snapshots():
            pass
        return self.rows

    async def refusals(self) -> None:
        """Delete the oldest entries of the audit trail about refused calls, of which anybody can cause many."""
        await self._repeat(retention.remove_refusals)

    async def _runs(self) -> None:
        await self._repeat(retention.remove_runs)  # what a round before this one did not get to
        after = None
        while True:
            found = await self._store.read(partial(retention.find_old_runs, plan=self._plan, after=after))
            if found.runs:
                await self._paced(partial(retention.mark_runs, plan=self._plan, run_pks=found.runs))
                await self._repeat(retention.remove_runs)
            if found.after is None:
                break
            after = found.after
        if await self._store.read(retention.has_orphans):
            await self._store.write(retention.wake_orphans)

    async def _sessions(self) -> None:
        used: set[str] = set()
        after: str | None = None
        while True:
            page, after = await self._store.read(partial(retention.used_sessions, plan=self._plan, after=after))
            used |= page
            if after is None:
                break

        def step(tx: Transaction, plan: RetentionPlan, after: Any) -> Deleted:
            return retention.remove_sessions(tx, plan, used, after)

        await self._repeat(step)

    async def _snapshots(self) -> bool:
        """Delete some snapshots; whether there may be more."""
        unused = await self._store.read(partial(retention.find_unused_snapshots, plan=self._plan))
        if unused is None or not await self._is_settled(unused):
            return False
        contents = await self._store.read(partial(retention.contents, keys=unused.keys))
        for page in retention.pages(unused.others):
            contents -= await self._store.read(partial(retention.contents, keys=page))
        left = sorted(contents)
        while left:
            answer = await self._paced(partial(retention.remove_blobs, unused=unused, digests=left))
            if answer is None:
                return False
            self._note(answer[0])
            left = left[answer[1] :]
        deleted = await self._paced(partial(retention.remove_snapshots, unused=unused))
        if deleted is None:
            return False
        self._note(deleted)
        return True

    async def _is_settled(self, unused: UnusedSnapshots) -> bool:
        deadline = time.monotonic() + SETTLING_SECONDS
        while not await self._store.read(partial(retention.are_settled, unused=unused)):
            if time.monotonic() >= deadline:
                log.warning("snapshots stay for now: a transaction has been open for long")
                return False
            await asyncio.sleep(LONGEST_PAUSE_SECONDS / 10)
        return True

    async def _repeat(self, step: retention.Step) -> None:
        after: Any = None
        while True:
            deleted = await self._paced(lambda tx, after=after: step(tx, self._plan, after))  # type: ignore[misc]  # bound
            self._note(deleted)
            after = deleted.after
            if after is None:
                return

    async def _paced(self, job: Callable[[Transaction], T]) -> T:
        """Write, then leave the store to others for as long as the share asks."""
        began = time.monotonic()
        answer = await self._store.write(job)
        busy = time.monotonic() - began
        await asyncio.sleep(min(busy * (1 / self._share - 1), LONGEST_PAUSE_SECONDS))
        return answer

    def _note(self, deleted: Deleted) -> None:
        rows = {table: number for table, number in deleted.rows.items() if number}
        for table, number in rows.items():
            self.rows[table] = self.rows.get(table, 0) + number
        if rows:
            self._tell(rows)


def log_rows(rows: dict[str, int]) -> None:
    """Say in the log what was deleted."""
    log.info("retention deleted rows", extra=rows)


class Retention:
    """Rounds of a leader for as long as it leads.

    Args:
        store: the metadata database.
        settings: section `retention`.
        is_leader: whether this process leads just now.
        every_seconds: pause between two rounds.
        look_seconds: pause between two looks at refused calls; the first round comes after one.
        tell: hears after each round of the rows that it deleted, by table, if there were some.
    """

    def __init__(
        self,
        store: Store,
        settings: RetentionSettings,
        *,
        is_leader: Callable[[], bool],
        every_seconds: float = 3600.0,
        look_seconds: float = 60.0,
        tell: Callable[[dict[str, int]], None] = log_rows,
    ) -> None:
        self._store = store
        self._plan = plan_of(settings)
        self._is_leader = is_leader
        self._every = every_seconds
        self._look = look_seconds
        self._tell = tell

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; a round that is under way ends after its transaction."""
        async with asyncio.TaskGroup() as group:
            rounds = group.create_task(self._rounds(), name="retention rounds")
            await stop.wait()
            rounds.cancel()

    async def _rounds(self) -> None:
        due = time.monotonic()
        while True:
            await asyncio.sleep(self._look)
            if not self._is_leader():
                continue
            whole = time.monotonic() >= due
            await self._one(whole=whole)
            if whole:
                due = time.monotonic() + self._every

    async def _one(self, *, whole: bool) -> None:
        one = Round(self._store, self._plan)
        try:
            if whole:
                await one.run()
            else:
                await one.refusals()
        except Refused as refusal:
            log.warning("retention stops until its next round", extra={"why": str(refusal)})
        except Exception:
            # Nothing waits for it: the leader goes on to lead, and the next round tries again.
            log.exception("retention failed until its next round")
        finally:
            if one.rows:
                self._tell(one.rows)
