"""Makes history: copies of a finished run, row by row, in the database of a system that is stopped.

A copy has the rows that the run itself has left in every table, under keys of its own. Only what tasks leave outside
the database, their logs, is not copied.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pysqlite3.dbapi2 as sqlite3  # the server's own

_OF_RUN = "run_pk = {run_pk}"
_OF_INSTANCES = "instance_pk IN (SELECT pk FROM task_instance WHERE run_pk = {run_pk})"


@dataclass(frozen=True)
class Copied:
    """How the rows of a run in one table are copied.

    Attributes:
        table: its name.
        chosen: condition of the rows.
        numbers: columns that are keys, or name one, of a table that the database counts: column to that table.
        words: columns with keys of the product's own making.
        counted: key that the database gives anew, which nothing refers to.
    """

    table: str
    chosen: str
    numbers: Mapping[str, str] = field(default_factory=dict)
    words: Sequence[str] = ()
    counted: str | None = None


COPIED = (
    Copied("dag_run", "pk = {run_pk}", {"pk": "dag_run"}, ("run_id",)),
    Copied("task_instance", _OF_RUN, {"pk": "task_instance", "run_pk": "dag_run"}, ("try_id", "dispatch_id")),
    Copied("task_try", _OF_INSTANCES, {"instance_pk": "task_instance"}, ("try_id", "dispatch_id")),
    Copied("dispatch", _OF_INSTANCES, {"instance_pk": "task_instance"}, ("dispatch_id", "activity_id")),
    Copied("xcom", _OF_INSTANCES, {"instance_pk": "task_instance"}),
    Copied("event", _OF_RUN, {"run_pk": "dag_run", "instance_pk": "task_instance"}, ("dispatch_id",), counted="id"),
)
"""Every table with rows of a run, those first to which others refer."""


def keep_copies(database_url: str, dag_id: str, run_id: str, copies: int) -> None:
    """Copy a finished run so many times; nothing else may use the database.

    Args:
        database_url: as the server has it.
        dag_id: of the run.
        run_id: of the run.
        copies: how many further runs there are afterwards, with all that belongs to them.
    """
    if database_url.startswith("sqlite:///"):
        with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"))) as connection:
            _copy(connection, dag_id, run_id, copies)
            connection.commit()
        return
    with psycopg.connect(database_url) as postgres:
        _copy(postgres, dag_id, run_id, copies)
        for table in ("dag_run", "task_instance"):
            postgres.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'pk'), (SELECT max(pk) FROM {table}))".encode()
            )
        postgres.commit()
        postgres.autocommit = True
        # As autovacuum has long done where so many runs have been.
        postgres.execute("VACUUM ANALYZE")


def table_rows(database_url: str) -> int:
    """Return how many rows all tables of a database hold together, while the system works or after."""
    if database_url.startswith("sqlite:///"):
        path = database_url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return _rows(connection, "SELECT name FROM sqlite_schema WHERE type = 'table'")
    with psycopg.connect(database_url) as postgres:
        return _rows(postgres, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")


def database_bytes(database_url: str) -> int:
    """Return the size of the database, on SQLite without its log."""
    if database_url.startswith("sqlite:///"):
        with closing(sqlite3.connect(f"file:{database_url.removeprefix('sqlite:///')}?mode=ro", uri=True)) as lite:
            (size,) = lite.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").fetchone()
            return int(size)
    with psycopg.connect(database_url) as postgres:
        (found,) = postgres.execute("SELECT pg_database_size(current_database())").fetchall()
    return int(found[0])


def _rows(connection: Any, names: str) -> int:
    tables = [name for (name,) in connection.execute(names).fetchall()]
    return sum(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables)


def _copy(connection: Any, dag_id: str, run_id: str, copies: int) -> None:
    quoted = (dag_id.replace("'", "''"), run_id.replace("'", "''"))
    ((run_pk,),) = connection.execute(
        "SELECT pk FROM dag_run WHERE dag_id = '{}' AND run_id = '{}' AND state = 'success'".format(*quoted)
    ).fetchall()
    spans = {table: _span(connection, table) for table in ("dag_run", "task_instance")}
    columns = {copied.table: _columns(connection, copied.table) for copied in COPIED}
    for number in range(1, copies + 1):
        for copied in COPIED:
            into, values = _expressions(copied, columns[copied.table], spans, number)
            chosen = copied.chosen.format(run_pk=run_pk)
            connection.execute(
                f"INSERT INTO {copied.table} ({into}) SELECT {values} FROM {copied.table} WHERE {chosen}"
            )


def _span(connection: Any, table: str) -> int:
    """A distance by which keys can be moved without meeting any that is there."""
    ((span,),) = connection.execute(f"SELECT max(pk) FROM {table}").fetchall()
    return int(span)


def _columns(connection: Any, table: str) -> list[str]:
    cursor = connection.execute(f"SELECT * FROM {table} WHERE 1 = 0")
    return [column[0] for column in cursor.description]


def _expressions(copied: Copied, columns: Sequence[str], spans: Mapping[str, int], number: int) -> tuple[str, str]:
    into, values = [], []
    for column in columns:
        if column == copied.counted:
            continue
        into.append(column)
        if column in copied.numbers:
            values.append(f"{column} + {number * spans[copied.numbers[column]]}")
        elif column in copied.words:
            values.append(f"{column} || '~{number}'")
        else:
            values.append(column)
    return ", ".join(into), ", ".join(values)
