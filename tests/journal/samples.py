"""Looks at epochs and revisions while a system works: what was raised must never be seen lower again."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

import psycopg
import pysqlite3.dbapi2 as sqlite3  # the server's own, which is safe beside its writer

QUERIES = {
    "leader": "SELECT name, holder, epoch FROM leader",
    "runs": "SELECT pk, rev FROM dag_run WHERE state IN ('queued', 'running')",
    "instances": (
        "SELECT task_instance.pk, task_instance.rev FROM task_instance JOIN dag_run ON dag_run.pk = run_pk"
        " WHERE dag_run.state IN ('queued', 'running')"
    ),
    "sessions": "SELECT session_id, connection_epoch FROM worker_session",
}
LEASES = "SELECT session_id, lease_until FROM worker_session"


@dataclass(frozen=True)
class Sample:
    """One consistent look.

    Attributes:
        leader: who leads, and the epoch; None before the first one.
        counters: what is counted up, by kind and key: revisions of live runs and task instances, epochs of sessions.
        moment: of the look, in seconds since 1970.
        leases: worker session to the end of its lease, in the same way.
    """

    leader: tuple[str, int] | None = None
    counters: dict[tuple[str, str], int] = field(default_factory=dict)
    moment: float = 0.0
    leases: dict[str, float] = field(default_factory=dict)


def take_sample(database_url: str) -> Sample:
    """Look at a database once; its driver's error when it cannot be reached."""
    queries = [*QUERIES.values(), LEASES]
    moment = time.time()
    if database_url.startswith("sqlite:///"):
        path = database_url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            connection.execute("BEGIN")
            leaders, *counted, leases = [connection.execute(query).fetchall() for query in queries]
    else:
        with psycopg.connect(database_url, connect_timeout=2) as connection:
            connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
            leaders, *counted, leases = [connection.execute(query.encode()).fetchall() for query in queries]
    kinds = list(QUERIES)[1:]
    return Sample(
        leader=next(((holder, epoch) for _, holder, epoch in leaders), None),
        counters={(kind, str(key)): count for kind, rows in zip(kinds, counted, strict=True) for key, count in rows},
        moment=moment,
        leases={session: until / 1e6 if isinstance(until, int) else until.timestamp() for session, until in leases},
    )


def gone_back(samples: Sequence[Sample]) -> Iterator[str]:
    """Yield what was seen lower than before, and epochs that two schedulers led in."""
    highest: dict[tuple[str, str], int] = {}
    for sample in samples:
        yield from (
            f"{kind} {key} went back from {highest[kind, key]} to {count}"
            for (kind, key), count in sample.counters.items()
            if count < highest.get((kind, key), count)
        )
        highest |= {key: max(count, highest.get(key, count)) for key, count in sample.counters.items()}
    led: dict[int, str] = {}
    newest = 0
    for sample in samples:
        if sample.leader is None:
            continue
        holder, epoch = sample.leader
        if epoch < newest:
            yield f"the leader's epoch went back from {newest} to {epoch}"
        if led.setdefault(epoch, holder) != holder:
            yield f"{holder} and {led[epoch]} led in the same epoch {epoch}"
        newest = max(newest, epoch)
