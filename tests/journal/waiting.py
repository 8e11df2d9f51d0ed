"""Nothing that is not final stays without an owner, a reason, and a deadline or a named thing that it waits for."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from tests.journal.records import HELD, Journal, Row
from tests.journal.states import final_states

SESSION = "worker_session"

NEEDED: dict[str, tuple[tuple[str, ...], ...]] = {
    "waiting_for_run_start": (("run_id",),),
    "waiting_for_run_slot": (("active_runs", "max_active_runs"),),
    "waiting_for_run_after": (("until",),),
    "waiting_for_upstream": (("upstream", "unfinished"),),
    "waiting_for_past": (("run_id", "task_id"),),
    "waiting_for_scheduler": (("since",),),
    "waiting_for_pool_slots": (("pool", "slots"),),
    "waiting_for_active_tasks": (("max_active_tasks",),),
    "waiting_for_task_instances": (("limit",),),
    "waiting_for_old_try": (("worker", "takeover_at"),),
    "waiting_for_capacity": (("queue",),),
    "no_worker_for_queue": (("queue",),),
    "unknown_pool": (("pool",),),
    "dag_paused": (("dag_id",),),
    "handed_out": (("worker",), ("deadline",)),
    "running": (("worker", "since"),),
    "worker_unreachable": (("worker", "takeover_at"),),
    "retry_backoff": (("until",),),
}
"""Reason of what is not final to the parameters that it must have: one of the tuples, whole."""


def ownerless(journal: Journal) -> Iterator[str]:
    """Yield what is not final and has nobody, by the rows, who would bring it on."""
    sessions = {row["session_id"]: row for row in journal.sessions}
    dispatches = {row["dispatch_id"]: row for row in journal.dispatches}
    left: dict[int, int] = defaultdict(int)
    live_runs = {row["pk"]: row for row in journal.runs if row["state"] not in final_states("dag_run")}
    for instance in journal.instances:
        if instance["state"] in final_states("task_instance"):
            continue
        left[instance["run_pk"]] += 1
        name = f"{instance['task_id']} is {instance['state']}"
        if instance["run_pk"] not in live_runs and instance["state"] in HELD:
            yield f"{name}, its run has ended"
        if instance["state"] == "up_for_retry" and instance["retry_at"] is None:
            yield f"{name} with no moment at which that is over"
        for key in ("dispatch_id", "stopping_dispatch_id"):
            if instance[key] is not None and (instance["state"] in HELD or key == "stopping_dispatch_id"):
                yield from (f"{name}: {what}" for what in _unheld(dispatches.get(instance[key]), sessions))
    yield from (
        f"run {run['run_id']} is {run['state']}, and nothing of it is left to do"
        for run in live_runs.values()
        if run["state"] == "running" and run["dirty_at"] is None and not left[run["pk"]]
    )


def _unheld(dispatch: Row | None, sessions: dict[str, Row]) -> Iterator[str]:
    if dispatch is None:
        yield "its dispatch has no row"
    elif dispatch["gone_at"] is not None:
        yield f"its dispatch {dispatch['dispatch_id']} is gone"
    elif dispatch["session_id"] is None and dispatch["executor"] == SESSION:
        yield f"its dispatch {dispatch['dispatch_id']} has no worker session"
    elif dispatch["session_id"] is not None and dispatch["session_id"] not in sessions:
        yield f"its worker session {dispatch['session_id']} has no row"
    elif dispatch["session_id"] is not None and sessions[dispatch["session_id"]]["closed_at"] is not None:
        yield f"its worker session {dispatch['session_id']} is closed: nobody waits for the end of its lease"


def unexplained(instances: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield task instances, as the public API shows them, that are not final and whose reason does not say enough."""
    for instance in instances:
        state, reason = instance["state"], instance["reason"]
        if state in final_states("task_instance"):
            continue
        needed = NEEDED.get(reason.get("reason"))
        if needed is None:
            yield f"{instance['task_id']} is {state} because of {reason}"
        elif not any(all(reason.get(name) not in (None, "", []) for name in names) for names in needed):
            yield f"{instance['task_id']} is {state}: the reason {reason} needs {' or '.join(map(', '.join, needed))}"
