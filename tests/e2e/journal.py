"""Reads what a deployment has recorded, and proves that it is a history which the rules allow.

The product's own checks are not asked: the rows are read with plain SQL and the legal changes come from `schemas/`.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import pysqlite3.dbapi2 as sqlite3  # the server's own, which is safe beside its writer
from psycopg.rows import dict_row

SCHEMAS = Path(__file__).parents[2] / "schemas" / "head"
OUTCOMES = {"succeed", "fail", "retry", "skip", "lose"}
STOPS = {"clear", "mark_success", "mark_failed", "mark_skipped", "abandon", "time_out"}
HELD = {"queued", "running"}

Row = dict[str, Any]

QUERIES = {
    "runs": "SELECT pk, dag_id, run_id, state FROM dag_run",
    "instances": "SELECT pk, run_pk, task_id, map_index, state, try_number, dispatch_id FROM task_instance",
    "tries": "SELECT try_id, instance_pk, try_number, state, dispatch_id, executor, worker, pid FROM task_try",
    "dispatches": (
        "SELECT dispatch_id, kind, activity_id, instance_pk, claimed_at, ended_at, gone_at, end_reason FROM dispatch"
    ),
    "events": (
        "SELECT id, machine, run_pk, instance_pk, dispatch_id, from_state, event, to_state FROM event ORDER BY id"
    ),
    "values": "SELECT instance_pk, key, value FROM xcom",
}


@dataclass(frozen=True)
class Journal:
    """Everything that was recorded about runs, as rows."""

    runs: list[Row]
    instances: list[Row]
    tries: list[Row]
    dispatches: list[Row]
    events: list[Row]
    values: list[Row]

    def run(self, dag_id: str, run_id: str) -> Row:
        """Return the row of a run."""
        (found,) = (run for run in self.runs if (run["dag_id"], run["run_id"]) == (dag_id, run_id))
        return found

    def instances_of(self, dag_id: str, run_id: str) -> dict[str, Row]:
        """Return the rows of the task instances of a run by task id."""
        run_pk = self.run(dag_id, run_id)["pk"]
        return {row["task_id"]: row for row in self.instances if row["run_pk"] == run_pk}

    def xcoms(self, dag_id: str, run_id: str) -> dict[tuple[str, str], Any]:
        """Return the values that the tasks of a run left, by task id and key."""
        names = {row["pk"]: task_id for task_id, row in self.instances_of(dag_id, run_id).items()}
        return {
            (names[row["instance_pk"]], row["key"]): json.loads(row["value"])
            for row in self.values
            if row["instance_pk"] in names
        }

    def story(self, dag_id: str, run_id: str, task_id: str) -> list[str]:
        """Return the events of a task instance in order."""
        instance_pk = self.instances_of(dag_id, run_id)[task_id]["pk"]
        return [row["event"] for row in self.events if row["instance_pk"] == instance_pk and _moves(row)]


def read_journal(database_url: str) -> Journal:
    """Read a database in one consistent look, while its server works or after."""
    read = _read_sqlite if database_url.startswith("sqlite:///") else _read_postgres
    return Journal(**dict(zip(QUERIES, read(database_url, list(QUERIES.values())), strict=True)))


def _read_sqlite(url: str, queries: Sequence[str]) -> list[list[Row]]:
    with closing(sqlite3.connect(f"file:{url.removeprefix('sqlite:///')}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("BEGIN")
        return [[dict(row) for row in connection.execute(query)] for query in queries]


def _read_postgres(url: str, queries: Sequence[str]) -> list[list[Row]]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        return [connection.execute(query.encode()).fetchall() for query in queries]


def faults(journal: Journal) -> list[str]:
    """Say what in a journal the rules do not allow; nothing is how it must be."""
    return [
        *_illegal_changes(journal, "dag_run", journal.runs, "run_pk"),
        *_illegal_changes(journal, "task_instance", journal.instances, "instance_pk"),
        *_wrong_dispatches(journal),
        *_two_at_once(journal),
        *_wrong_tries(journal),
    ]


@cache
def _machines() -> dict[str, Any]:
    machines: dict[str, Any] = json.loads((SCHEMAS / "states.json").read_text())["machines"]
    return machines


def _illegal_changes(journal: Journal, machine: str, subjects: list[Row], key: str) -> Iterator[str]:
    """Follow each subject from its first event to the state that its row has."""
    table = _machines()[machine]
    legal = {(row["from"], row["event"]): row["to"] for row in table["transitions"]}
    told: dict[int, list[Row]] = defaultdict(list)
    for event in journal.events:
        if event["machine"] == machine and _moves(event):
            told[event[key]].append(event)
    for subject in subjects:
        name = f"{machine} {subject.get('task_id') or subject.get('run_id')}"
        state = table["initial"]
        for event in told[subject["pk"]]:
            if event["from_state"] != state:
                yield f"{name}: event {event['id']} starts at {event['from_state']}, it was {state}"
            if legal.get((event["from_state"], event["event"])) != event["to_state"]:
                yield f"{name}: {event['from_state']} may not become {event['to_state']} by {event['event']}"
            state = event["to_state"]
        if state != subject["state"]:
            yield f"{name}: its events end in {state}, its row says {subject['state']}"


def _moves(event: Row) -> bool:
    """Tell a change of state from the record that something came to be."""
    return event["from_state"] is not None


def _wrong_dispatches(journal: Journal) -> Iterator[str]:
    """At most one live dispatch for each task instance at any time, and one outcome for each dispatch."""
    outcomes: dict[str, list[str]] = defaultdict(list)
    current: dict[int, str | None] = defaultdict(lambda: None)
    for event in journal.events:
        if event["machine"] != "task_instance" or not _moves(event):
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


def _two_at_once(journal: Journal) -> Iterator[str]:
    """A task instance is handed out again when the process of the dispatch before is gone."""
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


def _wrong_tries(journal: Journal) -> Iterator[str]:
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
