"""Limits and durations of the store, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass

from tradewind.server.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreOptions:
    """What the store needs to know of the settings; durations are in seconds.

    Attributes:
        default_executor: executor of tasks that name none.
        max_lost_tries: lost tries of an instance that count as no failure.
        lease_seconds: silence after which the tries of a worker are unreachable.
        takeover_after_seconds: further silence after which a try counts as lost, unless its task says otherwise.
        handout_timeout_seconds: time that a broker has to start an activity.
        paused_at_creation: whether a DAG that is new is paused.
        max_waiting: writes that may wait; further ones are refused as too busy.
        max_batch: writes in one transaction.
        readers: threads, each with a connection, that only read.
        outage_seconds: how long writes wait for a lost PostgreSQL before they are refused as too busy.
    """

    default_executor: str = "worker_session"
    max_lost_tries: int = 3
    lease_seconds: float = 15
    takeover_after_seconds: float = 300
    handout_timeout_seconds: float = 600
    paused_at_creation: bool = False
    max_waiting: int = 10_000
    max_batch: int = 512
    readers: int = 4
    outage_seconds: float = 10

    @classmethod
    def from_settings(cls, settings: Settings) -> StoreOptions:
        """Take over what the settings say."""
        return cls(
            default_executor=settings.executors.default,
            max_lost_tries=settings.scheduler.max_lost_tries,
            lease_seconds=settings.workers.lease_seconds,
            takeover_after_seconds=settings.workers.takeover_after_seconds,
            handout_timeout_seconds=settings.workers.handout_timeout_seconds,
            paused_at_creation=settings.dags.paused_at_creation,
        )
