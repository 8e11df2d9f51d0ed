"""What the one leader reads and writes: its lease, dirty runs, decisions."""

from tradewind.server.store.scheduling.decisions import ACTOR, apply_decision, pause_after_failures
from tradewind.server.store.scheduling.dirty import (
    EVER,
    DirtyRun,
    Startable,
    Upcoming,
    dirty_runs,
    due_dags,
    due_runs,
    instances_by_pk,
    live_runs,
    mark,
    run_instances,
    runs_by_pk,
    startable_runs,
    upcoming,
    wake_held,
)
from tradewind.server.store.scheduling.leadership import leader, resign_leadership, take_leadership

__all__ = [
    "ACTOR",
    "EVER",
    "DirtyRun",
    "Startable",
    "Upcoming",
    "apply_decision",
    "dirty_runs",
    "due_dags",
    "due_runs",
    "instances_by_pk",
    "leader",
    "live_runs",
    "mark",
    "pause_after_failures",
    "resign_leadership",
    "run_instances",
    "runs_by_pk",
    "startable_runs",
    "take_leadership",
    "upcoming",
    "wake_held",
]
