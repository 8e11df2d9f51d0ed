"""What is kept and for how long, and what one step of deleting answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from tradewind.server.store.transaction import Transaction

ROWS_PER_STEP: Final = 500
"""Rows that one transaction deletes at most, so that other writes wait for it about ten milliseconds."""

CANDIDATES_PER_LOOK: Final = 100
"""Runs or other things that are looked at together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPlan:
    """How long to keep what is over. None keeps it for ever.

    Attributes:
        runs: runs since their end, with everything that belongs to them.
        parses: parses since their end.
        audit: entries of the audit trail.
        code: DAG versions and snapshots since a newer one has replaced them; those that are used stay anyway.
        refused_calls: most entries of the audit trail about refused calls, the newest ones.
        runs_per_dag: newest ended runs of each DAG that stay however old they are; at least 1.
        dag_ids: runs and versions of these DAGs alone; everything when empty.
    """

    runs: timedelta | None = None
    parses: timedelta | None = None
    audit: timedelta | None = None
    code: timedelta | None = None
    refused_calls: int | None = None
    runs_per_dag: int = 1
    dag_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Deleted:
    """What a step deleted.

    Attributes:
        rows: number of rows by table.
        after: where the next step begins; None when nothing is left to do.
    """

    rows: dict[str, int] = field(default_factory=dict)
    after: Any = None


Step = Callable[[Transaction, RetentionPlan, Any], Deleted]
"""Deletes a little in a transaction that writes; the last argument is None at first, then `Deleted.after`."""
