"""Runs of DAGs, their task instances, tries and events."""

from tradewind.server.store.events import list_all_events, list_events
from tradewind.server.store.runs.cancel import cancel_run, delete_run
from tradewind.server.store.runs.clear import Clearing, clear, clearable
from tradewind.server.store.runs.create import create_run
from tradewind.server.store.runs.filters import Bound, RunFilter
from tradewind.server.store.runs.finding import previous_run, run_like
from tradewind.server.store.runs.lists import (
    get_instance,
    get_run,
    get_try,
    instance_states,
    instances_by_pk,
    list_instances,
    list_runs,
    list_tries,
)
from tradewind.server.store.runs.mark import Marking, mark_instances, mark_run, markable
from tradewind.server.store.runs.notes import note_instance, note_run

__all__ = [
    "Bound",
    "Clearing",
    "Marking",
    "RunFilter",
    "cancel_run",
    "clear",
    "clearable",
    "create_run",
    "delete_run",
    "get_instance",
    "get_run",
    "get_try",
    "instance_states",
    "instances_by_pk",
    "list_all_events",
    "list_events",
    "list_instances",
    "list_runs",
    "list_tries",
    "mark_instances",
    "mark_run",
    "markable",
    "note_instance",
    "note_run",
    "previous_run",
    "run_like",
]
