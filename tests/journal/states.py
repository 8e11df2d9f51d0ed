"""Holds the recorded changes of state against the table in `schemas/`."""

import json
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from tests.journal.records import Journal, Row, moves

SCHEMAS = Path(__file__).parents[2] / "schemas" / "head"


def illegal_changes(journal: Journal) -> Iterator[str]:
    """Yield changes that the table does not have, gaps between them, and revisions that are too low for them."""
    yield from _of_machine(journal, "dag_run", journal.runs, "run_pk")
    yield from _of_machine(journal, "task_instance", journal.instances, "instance_pk")


def final_states(machine: str) -> frozenset[str]:
    """Return the states in which nothing more happens by itself."""
    return frozenset(_machines()[machine]["final"])


@cache
def _machines() -> dict[str, Any]:
    machines: dict[str, Any] = json.loads((SCHEMAS / "states.json").read_text())["machines"]
    return machines


def _of_machine(journal: Journal, machine: str, subjects: list[Row], key: str) -> Iterator[str]:
    """Follow each subject from its first event to the state that its row has."""
    table = _machines()[machine]
    legal = {(row["from"], row["event"]): row["to"] for row in table["transitions"]}
    told: dict[int, list[Row]] = defaultdict(list)
    for event in journal.events:
        if event["machine"] == machine and moves(event):
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
        # What one transaction does, such as the start and the end of a short try, is one change of the row.
        changes = len({event["at"] for event in told[subject["pk"]]})
        if subject["rev"] < changes:
            yield f"{name}: it changed {changes} times, its revision is {subject['rev']}"
