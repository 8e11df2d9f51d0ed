"""Retention: deletes what is over and old, a little at a time, and nothing that a live run or a schedule needs."""

from tradewind.server.store.retention.code import (
    UnusedSnapshots,
    are_settled,
    contents,
    find_unused_snapshots,
    pages,
    remove_blobs,
    remove_snapshots,
    remove_versions,
)
from tradewind.server.store.retention.finished_runs import find_old_runs, given_up, mark_runs
from tradewind.server.store.retention.handouts import (
    remove_api_processes,
    remove_parses,
    remove_sessions,
    used_sessions,
)
from tradewind.server.store.retention.logs import known_parses, known_runs
from tradewind.server.store.retention.plan import Deleted, RetentionPlan, Step
from tradewind.server.store.retention.preview import count_what_is_old
from tradewind.server.store.retention.removal import has_orphans, remove_runs, wake_orphans
from tradewind.server.store.retention.trail import remove_audit, remove_refusals

__all__ = [
    "Deleted",
    "RetentionPlan",
    "Step",
    "UnusedSnapshots",
    "are_settled",
    "contents",
    "count_what_is_old",
    "find_old_runs",
    "find_unused_snapshots",
    "given_up",
    "has_orphans",
    "known_parses",
    "known_runs",
    "mark_runs",
    "pages",
    "remove_api_processes",
    "remove_audit",
    "remove_blobs",
    "remove_parses",
    "remove_refusals",
    "remove_runs",
    "remove_sessions",
    "remove_snapshots",
    "remove_versions",
    "used_sessions",
    "wake_orphans",
]
