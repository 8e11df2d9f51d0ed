"""What the states of the upstream tasks mean for a task that has not run."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Final

from tradewind.server.contract import TaskInstanceEvent, TriggerRule


class Verdict(enum.Enum):
    """What to do with a task instance in state `none`."""

    WAIT = "wait"
    READY = "ready"
    UPSTREAM_FAILED = "upstream_failed"
    UPSTREAM_SKIPPED = "upstream_skipped"


EVENT_OF: Final[Mapping[Verdict, TaskInstanceEvent]] = {
    Verdict.READY: TaskInstanceEvent.READY,
    Verdict.UPSTREAM_FAILED: TaskInstanceEvent.UPSTREAM_FAILED,
    Verdict.UPSTREAM_SKIPPED: TaskInstanceEvent.UPSTREAM_SKIPPED,
}
"""The event that carries out a verdict; to wait is no event."""


def all_success(total: int, success: int, failed: int, skipped: int) -> Verdict:
    """Every upstream instance succeeded; the first that did not decides at once, as Airflow does it.

    Args:
        total: upstream instances.
        success: those in `success`.
        failed: those in `failed` or `upstream_failed`; they weigh more than skipped ones.
        skipped: those in `skipped`.
    """
    if failed:
        return Verdict.UPSTREAM_FAILED
    if skipped:
        return Verdict.UPSTREAM_SKIPPED
    return Verdict.READY if success == total else Verdict.WAIT


RULES: Final[Mapping[TriggerRule, Callable[[int, int, int, int], Verdict]]] = {TriggerRule.ALL_SUCCESS: all_success}
"""Each trigger rule of the contract as a function of total, success, failed, skipped."""
