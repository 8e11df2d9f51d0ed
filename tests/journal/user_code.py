"""Joins what user code wrote down of itself with what the server recorded about its tries."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from tests.journal.executions import Execution
from tests.journal.records import Journal, Row
from tests.journal.samples import Sample

SLACK_SECONDS = 0.05
"""As far as a moment of the database and one of user code may be apart by rounding and reading of clocks."""
TAKEN_OVER = "worker_silent"


def wrong_executions(journal: Journal) -> Iterator[str]:
    """Each execution of user code belongs to one try, which ran once, alone, and within the life of its dispatch."""
    tries = {row["try_id"]: row for row in journal.tries}
    dispatches = {row["dispatch_id"]: row for row in journal.dispatches}
    instances = {row["pk"]: row for row in journal.instances}
    times: dict[str, int] = defaultdict(int)
    for execution in journal.executions:
        task_try = tries.get(execution.try_id)
        times[execution.try_id] += 1
        if task_try is None:
            yield f"{_name(execution)} ran as {execution.try_id}, which nobody made"
            continue
        instance, dispatch = instances.get(task_try["instance_pk"]), dispatches.get(task_try["dispatch_id"])
        if instance is None or dispatch is None:
            yield f"{_name(execution)} ran, and its task instance or its dispatch has no row"
            continue
        yield from _misplaced(execution, task_try, instance)
        yield from _outside_of_its_dispatch(execution, dispatch, journal.samples)
        yield from _overlaps(execution, tries, dispatches, journal.samples)
        yield from _untold_ending(execution, task_try)
    yield from (f"user code of try {try_id} ran {count} times" for try_id, count in times.items() if count > 1)


def successes_without_user_code(journal: Journal) -> Iterator[str]:
    """A try that succeeded has run its user code to the end, where every task writes down that it runs."""
    ran = {one.try_id for one in journal.executions if one.ending == "returned"}
    names = {row["pk"]: row for row in journal.instances if row["dag_id"] in journal.witnessed}
    yield from (
        f"try {row['try_id']} of {names[row['instance_pk']]['task_id']} succeeded, its user code never returned"
        for row in journal.tries
        if row["instance_pk"] in names and row["state"] == "success" and row["try_id"] not in ran
    )


def lost_acknowledgements(journal: Journal) -> Iterator[str]:
    """What the server has acknowledged is in its database: outcomes seen on the wire, XComs told to user code."""
    dispatches = {row["dispatch_id"]: row for row in journal.dispatches}
    for dispatch_id, digest in journal.receipts:
        row = dispatches.get(dispatch_id)
        if row is not None and row["outcome_digest"] != digest:
            yield f"the outcome {digest} of {dispatch_id} was acknowledged, its row has {row['outcome_digest']}"
    last = _last_tries(journal)
    values = {(row["instance_pk"], row["key"]): json.loads(row["value"]) for row in journal.values}
    for execution in journal.executions:
        instance_pk = last.get(execution.try_id)
        if instance_pk is None:
            continue  # A later try has begun with nothing.
        yield from (
            f"{_name(execution)}: the XCom {key} was acknowledged as {value!r}, there is"
            f" {values.get((instance_pk, key))!r}"
            for key, value in dict(execution.acknowledged).items()
            if values.get((instance_pk, key)) != value
        )


def _last_tries(journal: Journal) -> dict[str, int]:
    """Find the last try of each task instance that was not cleared since."""
    newest: dict[int, Row] = {}
    for row in journal.tries:
        if row["try_number"] >= newest.get(row["instance_pk"], row)["try_number"]:
            newest[row["instance_pk"]] = row
    running = {row["pk"] for row in journal.instances if row["state"] not in {"none", "scheduled"}}
    return {row["try_id"]: pk for pk, row in newest.items() if pk in running}


def _misplaced(execution: Execution, task_try: Row, instance: Row) -> Iterator[str]:
    found = (execution.task_id, execution.map_index, execution.try_number)
    known = (instance["task_id"], instance["map_index"], task_try["try_number"])
    if found != known:
        yield f"try {execution.try_id} ran as {found}, it is {known}"
    if task_try["pid"] is not None and task_try["pid"] != execution.pid:
        yield f"{_name(execution)} ran in process {execution.pid}, the server knows of {task_try['pid']}"


def _outside_of_its_dispatch(execution: Execution, dispatch: Row, samples: Sequence[Sample]) -> Iterator[str]:
    if execution.began < dispatch["claimed_at"] - SLACK_SECONDS:
        yield f"{_name(execution)} began before {dispatch['dispatch_id']} was handed out"
    gone_at = dispatch["gone_at"]
    if gone_at is None or execution.last_seen <= gone_at + SLACK_SECONDS:
        return
    if not beyond_takeover(dispatch, samples):
        late = execution.last_seen - gone_at
        yield f"{_name(execution)} was seen {late:.3f} s after {dispatch['dispatch_id']} was known to be gone"


def _overlaps(
    execution: Execution, tries: Mapping[str, Row], dispatches: Mapping[str, Row], samples: Sequence[Sample]
) -> Iterator[str]:
    own = tries[execution.try_id]
    for other in execution.met:
        met = [tries[other]] if other in tries else [row for row in tries.values() if _before(row, own)]
        held = [dispatches[row["dispatch_id"]] for row in met if row["dispatch_id"] in dispatches]
        if not any(beyond_takeover(dispatch, samples) for dispatch in held):
            yield f"{_name(execution)} began while try {other} of it was there"


def _before(row: Row, own: Row) -> bool:
    return bool(row["instance_pk"] == own["instance_pk"] and row["try_number"] < own["try_number"])


def beyond_takeover(dispatch: Row, samples: Sequence[Sample] = ()) -> bool:
    """Tell whether its worker had been silent for so long that the process may still be there.

    Args:
        dispatch: one that has ended.
        samples: looks at the leases of workers meanwhile; without them, only what was waited for is known.
    """
    if dispatch["end_reason"] == TAKEN_OVER:
        return True
    ended_at, gone_at, patience = dispatch["ended_at"], dispatch["gone_at"], dispatch["takeover_after_seconds"]
    if ended_at is None or gone_at is None or dispatch["outcome_digest"] is not None:
        return False
    # One that was stopped is taken to be gone when the silence of its worker is over the limit, see the leases.
    before = [one.leases for one in samples if one.moment <= gone_at and dispatch["session_id"] in one.leases]
    silent_since = before[-1][dispatch["session_id"]] if before else ended_at
    return bool(gone_at - silent_since >= patience - SLACK_SECONDS)


def _untold_ending(execution: Execution, task_try: Row) -> Iterator[str]:
    if task_try["state"] == "success" and execution.ending != "returned":
        yield f"{_name(execution)} succeeded, its user code ended by {execution.ending}"


def _name(execution: Execution) -> str:
    return f"{execution.dag_id} {execution.task_id} try {execution.try_number}"
