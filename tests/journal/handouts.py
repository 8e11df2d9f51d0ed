"""Dispatches and tries: one live dispatch for a task instance, one owner and one outcome for a dispatch."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from tests.journal.records import HELD, Journal, Row, moves

OUTCOMES = {"succeed", "fail", "retry", "skip", "lose"}
STOPS = {"clear", "mark_success", "mark_failed", "mark_skipped", "abandon", "time_out"}
OF_WORKER = "worker:"


def wrong_dispatches(journal: Journal) -> Iterator[str]:
    """At most one live dispatch for each task instance at any time, and one outcome for each dispatch."""
    outcomes: dict[str, list[str]] = defaultdict(list)
    current: dict[int, str | None] = defaultdict(lambda: None)
    for event in journal.events:
        if event["machine"] != "task_instance" or not moves(event):
            continue
        instance, dispatch = event["instance_pk"], event["dispatch_id"]
        if event["event"] == "claim":
            if current[instance] is not None:
                yield f"dispatch {dispatch} was made while {current[instance]} was live"
            current[instance] = dispatch
        elif event["from_state"] in HELD and dispatch != current[instance]:
            yield f"event {event['id']} is by dispatch {dispatch}, the live one was {current[instance]}"
        if event["event"] in OUTCOMES or (event["event"] in STOPS and event["from_state"] in HELD):
            outcomes[dispatch].append(event["event"])
            current[instance] = None
    yield from _wrong_outcomes(journal, outcomes)


def two_at_once(journal: Journal) -> Iterator[str]:
    """A task instance is handed out again when the process of the dispatch before is gone, or taken to be."""
    by_instance: dict[int, list[Row]] = defaultdict(list)
    for row in journal.dispatches:
        if row["instance_pk"] is not None:
            by_instance[row["instance_pk"]].append(row)
    for rows in by_instance.values():
        rows.sort(key=lambda row: row["dispatch_id"])
        yield from (
            f"dispatch {later['dispatch_id']} was made at {later['claimed_at']}, {earlier['dispatch_id']} was gone at"
            f" {earlier['gone_at']}"
            for earlier, later in pairwise(rows)
            if earlier["gone_at"] is None or earlier["gone_at"] > later["claimed_at"]
        )
    yield from (
        f"dispatch {row['dispatch_id']} was gone at {row['gone_at']} and ended at {row['ended_at']}"
        for row in journal.dispatches
        if row["gone_at"] is not None and (row["ended_at"] is None or row["ended_at"] > row["gone_at"])
    )


def wrong_owners(journal: Journal) -> Iterator[str]:
    """What a dispatch's worker reports comes from one worker, and start and outcome are told once."""
    workers: dict[str, set[str]] = defaultdict(set)
    starts: dict[str, int] = defaultdict(int)
    for event in journal.events:
        if event["dispatch_id"] is not None and event["actor"].startswith(OF_WORKER):
            workers[event["dispatch_id"]].add(event["actor"].removeprefix(OF_WORKER))
            starts[event["dispatch_id"]] += event["event"] == "start"
    yield from (f"dispatch {one} started {times} times" for one, times in starts.items() if times > 1)
    tries = {row["dispatch_id"]: row for row in journal.tries}
    for row in journal.dispatches:
        owners = workers[row["dispatch_id"]] | {row["worker"]} - {None}
        task_try = tries.get(row["dispatch_id"])
        if task_try is not None and task_try["worker"] is not None:
            owners.add(task_try["worker"])
        if len(owners) > 1:
            yield f"dispatch {row['dispatch_id']} had the owners {sorted(owners)}"


def _wrong_outcomes(journal: Journal, outcomes: dict[str, list[str]]) -> Iterator[str]:
    """Hold the events that ended dispatches against the rows of dispatches and task instances."""
    rows = {row["dispatch_id"]: row for row in journal.dispatches if row["kind"] == "execute_task"}
    for dispatch, row in rows.items():
        expected = 0 if row["ended_at"] is None else 1
        if len(outcomes.get(dispatch, [])) != expected:
            yield f"dispatch {dispatch} ended by {row['end_reason']}, its outcomes are {outcomes.get(dispatch)}"
    yield from (f"outcome of dispatch {dispatch}, which has no row" for dispatch in outcomes.keys() - rows.keys())
    live = {row["instance_pk"]: row["dispatch_id"] for row in rows.values() if row["ended_at"] is None}
    for instance in journal.instances:
        if (instance["state"] in HELD) != (instance["pk"] in live):
            yield f"{instance['task_id']} is {instance['state']}, its live dispatch is {live.get(instance['pk'])}"


def wrong_tries(journal: Journal) -> Iterator[str]:
    """Tries are numbered without a gap, only the last one may be live, and an instance succeeds once for each clear."""
    clears: dict[int, int] = defaultdict(int)
    for event in journal.events:
        clears[event["instance_pk"]] += event["machine"] == "task_instance" and event["event"] == "clear"
    by_instance: dict[int, list[Row]] = defaultdict(list)
    for row in sorted(journal.tries, key=lambda row: row["try_number"]):
        by_instance[row["instance_pk"]].append(row)
    for instance in journal.instances:
        tries = by_instance[instance["pk"]]
        name = instance["task_id"]
        if [row["try_number"] for row in tries] != list(range(1, len(tries) + 1)):
            yield f"{name} has the tries {[row['try_number'] for row in tries]}"
        yield from (
            f"{name}: try {earlier['try_number']} is {earlier['state']}, yet try {later['try_number']} was made"
            for earlier, later in pairwise(tries)
            if earlier["state"] in HELD or not (clears[instance["pk"]] or earlier["state"] in {"failed", "lost"})
        )
        if tries and (tries[-1]["state"] in HELD) != (instance["state"] in HELD):
            yield f"{name} is {instance['state']}, its last try is {tries[-1]['state']}"
    successes: dict[int, int] = defaultdict(int)
    for event in journal.events:
        successes[event["instance_pk"]] += event["machine"] == "task_instance" and event["event"] == "succeed"
    yield from (f"instance {pk} succeeded {count} times" for pk, count in successes.items() if count > 1 + clears[pk])
