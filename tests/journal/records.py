"""Reads what a deployment has recorded about runs. The product is not asked: the rows are read with plain SQL."""

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
import pysqlite3.dbapi2 as sqlite3  # the server's own, which is safe beside its writer
from psycopg.rows import dict_row

from tests.journal.executions import Execution
from tests.journal.samples import Sample

HELD = {"queued", "running"}
"""States of task instances that a dispatch works for."""

Row = dict[str, Any]
Names = Sequence[tuple[str, str]]

_OF_RUNS = "run_pk IN (SELECT pk FROM dag_run WHERE {chosen})"
_OF_INSTANCES = f"instance_pk IN (SELECT pk FROM task_instance WHERE {_OF_RUNS})"

QUERIES = {
    "runs": "SELECT pk, dag_id, run_id, state, rev, dirty_at FROM dag_run WHERE {chosen}",
    "instances": (
        "SELECT pk, run_pk, dag_id, task_id, map_index, state, rev, try_number, dispatch_id, stopping_dispatch_id,"
        f" retry_at FROM task_instance WHERE {_OF_RUNS}"
    ),
    "tries": (
        "SELECT try_id, instance_pk, try_number, state, dispatch_id, executor, worker, pid, error FROM task_try"
        f" WHERE {_OF_INSTANCES}"
    ),
    "dispatches": (
        "SELECT dispatch_id, kind, activity_id, instance_pk, executor, worker, session_id, claimed_at, ended_at,"
        " gone_at, end_reason, outcome_digest, takeover_after_seconds FROM dispatch"
        f" WHERE {_OF_INSTANCES} OR {{everything}}"
    ),
    "events": (
        "SELECT id, at, machine, run_pk, instance_pk, dispatch_id, from_state, event, to_state, actor FROM event"
        f" WHERE {_OF_RUNS} ORDER BY id"
    ),
    "values": f"SELECT instance_pk, key, value FROM xcom WHERE {_OF_INSTANCES}",
    "sessions": "SELECT session_id, worker, connection_epoch, lease_until, closed_at FROM worker_session",
}


@dataclass(frozen=True)
class Journal:
    """Everything that was recorded about runs, as rows; moments are seconds since 1970.

    Attributes:
        executions: what user code has written down of itself.
        receipts: digests of outcomes that the server was seen to acknowledge, by dispatch.
        samples: looks at epochs and revisions while the system worked, in order.
        witnessed: DAGs of which every task writes down that it runs.
    """

    runs: list[Row]
    instances: list[Row]
    tries: list[Row]
    dispatches: list[Row]
    events: list[Row]
    values: list[Row]
    sessions: list[Row] = field(default_factory=list)
    executions: list[Execution] = field(default_factory=list)
    receipts: list[tuple[str, str]] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    witnessed: frozenset[str] = frozenset()

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
        return [row["event"] for row in self.events if row["instance_pk"] == instance_pk and moves(row)]


def moves(event: Row) -> bool:
    """Tell a change of state from the record that something came to be."""
    return event["from_state"] is not None


def read_journal(
    database_url: str,
    runs: Names | None = None,
    *,
    executions: Sequence[Execution] = (),
    receipts: Sequence[tuple[str, str]] = (),
    samples: Sequence[Sample] = (),
    witnessed: Sequence[str] = (),
) -> Journal:
    """Read a database in one consistent look, while its server works or after.

    Args:
        database_url: as the server has it.
        runs: DAG ids and run ids to read; everything when absent.
        executions: what user code wrote; those of other runs are left out.
        receipts: see `Journal`.
        samples: see `Journal`.
        witnessed: see `Journal`.
    """
    chosen = "1 = 1" if runs is None else " OR ".join(map(_condition, runs)) or "1 = 0"
    everything = "1 = 1" if runs is None else "1 = 0"
    queries = [query.format(chosen=f"({chosen})", everything=everything) for query in QUERIES.values()]
    read = _read_sqlite if database_url.startswith("sqlite:///") else _read_postgres
    tables = dict(zip(QUERIES, read(database_url, queries), strict=True))
    return Journal(
        **{name: [_in_seconds(row) for row in rows] for name, rows in tables.items()},
        executions=[one for one in executions if runs is None or (one.dag_id, one.run_id) in runs],
        receipts=list(receipts),
        samples=list(samples),
        witnessed=frozenset(witnessed),
    )


def _condition(name: tuple[str, str]) -> str:
    dag_id, run_id = (part.replace("'", "''") for part in name)
    return f"(dag_id = '{dag_id}' AND run_id = '{run_id}')"


def _in_seconds(row: Row) -> Row:
    """A moment is whole microseconds on one database and a datetime on the other."""
    return {name: _seconds(value) if name.endswith(("_at", "_until")) else value for name, value in row.items()}


def _seconds(moment: int | datetime | None) -> float | None:
    if isinstance(moment, datetime):
        return moment.timestamp()
    return None if moment is None else moment / 1e6


def _read_sqlite(url: str, queries: Sequence[str]) -> list[list[Row]]:
    with closing(sqlite3.connect(f"file:{url.removeprefix('sqlite:///')}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("BEGIN")
        return [[dict(row) for row in connection.execute(query)] for query in queries]


def _read_postgres(url: str, queries: Sequence[str]) -> list[list[Row]]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        return [connection.execute(query.encode()).fetchall() for query in queries]
