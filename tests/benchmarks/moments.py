"""When the server recorded what happened to the tasks of a run, read from its tables."""

from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
import pysqlite3.dbapi2 as sqlite3  # the server's own

_QUERY = (
    "SELECT i.task_id, claim.at, succeed.at FROM task_instance i JOIN dag_run r ON r.pk = i.run_pk"
    " JOIN event claim ON claim.instance_pk = i.pk AND claim.event = 'claim'"
    " JOIN event succeed ON succeed.instance_pk = i.pk AND succeed.event = 'succeed'"
    " WHERE r.dag_id = {mark} AND r.run_id = {mark}"
)


@dataclass(frozen=True)
class Recorded:
    """Moments of one task instance, in seconds since 1970: when the transaction that records it began.

    Attributes:
        claimed: it was handed out.
        ended: its outcome was recorded, which is later than the end that the worker reports.
    """

    claimed: float
    ended: float


def recorded(database_url: str, dag_id: str, run_id: str) -> dict[str, Recorded]:
    """Return the moments of the tasks of a finished run by task id."""
    if database_url.startswith("sqlite:///"):
        path = database_url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as lite:
            rows = lite.execute(_QUERY.format(mark="?"), (dag_id, run_id)).fetchall()
    else:
        with psycopg.connect(database_url) as postgres:
            rows = postgres.execute(_QUERY.format(mark="%s").encode(), (dag_id, run_id)).fetchall()
    return {task_id: Recorded(_seconds(claimed), _seconds(ended)) for task_id, claimed, ended in rows}


def _seconds(moment: Any) -> float:
    """A moment is whole microseconds on one database and a datetime on the other."""
    return moment.timestamp() if isinstance(moment, datetime) else moment / 1e6
