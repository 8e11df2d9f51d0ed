"""Runs of DAGs, their task instances, tries and events."""

from tradewind.server.store.events import list_all_events, list_events
from tradewind.server.store.runs.create import create_run
from tradewind.server.store.runs.lists import (
    get_instance,
    get_run,
    get_try,
    instance_states,
    list_instances,
    list_runs,
    list_tries,
)

__all__ = [
    "create_run",
    "get_instance",
    "get_run",
    "get_try",
    "instance_states",
    "list_all_events",
    "list_events",
    "list_instances",
    "list_runs",
    "list_tries",
]
