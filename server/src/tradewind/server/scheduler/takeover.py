"""Gives up dispatches whose worker was silent for too long, but never because of the server's own silence."""

from __future__ import annotations

import logging
from datetime import datetime

from tradewind.server.store import Transaction, api_processes, dispatches, scheduling, sessions
from tradewind.server.store.api_processes import Attendance
from tradewind.server.store.handouts import LossCause

log = logging.getLogger(__name__)

DISPATCHES_PER_JOB = 500


class OutageFloor:
    """Since when the store was reachable without a gap: silence of workers before that is nobody's fault.

    A gap longer than a worker's lease means that workers may have had no way to renew theirs.

    Args:
        lease_seconds: a worker's lease.
    """

    def __init__(self, lease_seconds: float) -> None:
        self._lease_seconds = lease_seconds
        self._last: float | None = None
        self._floor: datetime | None = None

    def reached(self, clock: float, now: datetime) -> datetime:
        """Note that the store answered, and return the moment from which on silence counts.

        Args:
            clock: monotonic seconds.
            now: on the store's clock.
        """
        gap = None if self._last is None else clock - self._last
        if self._floor is None or gap is None or gap > self._lease_seconds:
            if gap is not None:
                log.warning("leases count anew after a gap", extra={"gap_seconds": round(gap, 1)})
            self._floor = now
        self._last = clock
        return self._floor

    def forget(self) -> None:
        """Begin anew: somebody else watched in between."""
        self._last = None
        self._floor = None


def is_due(tx: Transaction, floor: datetime) -> bool:
    """Whether there is something for `take_over` to do.

    Args:
        tx: any transaction.
        floor: since when the store was reachable without a gap.
    """
    first = sessions.next_takeover(tx, floor)
    if first is None or first > tx.now:
        return False
    attendance = _attendance(tx, floor)
    if attendance is None:
        return False
    first = sessions.next_takeover(tx, attendance.since)
    return first is not None and first <= attendance.until


def take_over(tx: Transaction, epoch: int, floor: datetime) -> list[str]:
    """Lose the dispatches that are overdue, and return them.

    Does nothing for a leader of the past, and nothing while no API process is there: workers then cannot be heard.

    Args:
        tx: a transaction that writes.
        epoch: epoch of the leader that asks.
        floor: since when the store was reachable without a gap.
    """
    leader = scheduling.leader(tx)
    if leader is None or leader.epoch != epoch:
        return []
    attendance = _attendance(tx, floor)
    if attendance is None:
        return []
    by_cause: dict[LossCause, list[str]] = {}
    for overdue in sessions.overdue_dispatches(tx, attendance, limit=DISPATCHES_PER_JOB):
        by_cause.setdefault(overdue.cause, []).append(overdue.dispatch_id)
    lost: list[str] = []
    for cause, dispatch_ids in by_cause.items():
        lost += dispatches.lose(tx, dispatch_ids, cause)
    return lost


def _attendance(tx: Transaction, floor: datetime) -> Attendance | None:
    """When both store and API could be reached; None while no API process is there."""
    api = api_processes.attendance(tx)
    return None if api is None else Attendance(since=max(api.since, floor), until=api.until)
