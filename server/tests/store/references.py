"""Everything in the database that names something else, and what it must find there."""

from json import loads
from typing import Any, NamedTuple

from sqlalchemy import text

from tradewind.server.store import Transaction


class Reference(NamedTuple):
    """Columns of one table that name a row of another; where one of them is empty there is no reference."""

    table: str
    columns: tuple[str, ...]
    to: str
    by: tuple[str, ...]
    where: str = "TRUE"


REFERENCES = (
    Reference("dag", ("dag_version_pk",), "dag_version", ("pk",)),
    Reference("dag", ("bundle", "snapshot"), "snapshot", ("bundle", "digest")),
    Reference("dag_version", ("dag_id",), "dag", ("dag_id",)),
    Reference("bundle", ("name", "snapshot"), "snapshot", ("bundle", "digest")),
    Reference("dag_file", ("bundle", "snapshot"), "snapshot", ("bundle", "digest")),
    Reference("dag_file", ("parse_id",), "parse", ("parse_id",)),
    Reference("dag_file", ("recorded_parse_id",), "parse", ("parse_id",)),
    Reference("parse", ("bundle", "snapshot"), "snapshot", ("bundle", "digest")),
    Reference("parse", ("dispatch_id",), "dispatch", ("dispatch_id",)),
    Reference("dag_run", ("dag_id",), "dag", ("dag_id",)),
    Reference("dag_run", ("dag_version_pk",), "dag_version", ("pk",)),
    Reference("dag_run", ("bundle", "snapshot"), "snapshot", ("bundle", "digest")),
    Reference("dag_run", ("held_by_run_pk",), "dag_run", ("pk",)),
    Reference("pruned_run", ("run_pk",), "dag_run", ("pk",)),
    Reference("task_instance", ("run_pk",), "dag_run", ("pk",)),
    Reference("task_instance", ("try_id",), "task_try", ("try_id",)),
    Reference("task_instance", ("dispatch_id",), "dispatch", ("dispatch_id",)),
    Reference("task_instance", ("stopping_dispatch_id",), "dispatch", ("dispatch_id",)),
    Reference("task_try", ("instance_pk",), "task_instance", ("pk",)),
    Reference("task_try", ("dispatch_id",), "dispatch", ("dispatch_id",)),
    Reference("xcom", ("instance_pk",), "task_instance", ("pk",)),
    Reference("event", ("run_pk",), "dag_run", ("pk",)),
    Reference("event", ("instance_pk",), "task_instance", ("pk",)),
    Reference("event", ("dispatch_id",), "dispatch", ("dispatch_id",)),
    Reference("dispatch", ("activity_id",), "task_try", ("try_id",), where="kind = 'execute_task'"),
    Reference("dispatch", ("activity_id",), "parse", ("parse_id",), where="kind = 'parse_dag_file'"),
    Reference("dispatch", ("instance_pk",), "task_instance", ("pk",)),
    Reference("dispatch", ("session_id",), "worker_session", ("session_id",)),
    Reference("dispatch", ("credential_id",), "credential", ("id",)),
    Reference("worker_session", ("credential_id",), "credential", ("id",)),
    Reference("operation_receipt", ("dispatch_id",), "dispatch", ("dispatch_id",)),
)


def dangling(tx: Transaction) -> list[str]:
    """References that lead nowhere, and files of snapshots whose content is not there."""
    found = []
    for one in REFERENCES:
        there = " AND ".join(f"child.{column} IS NOT NULL" for column in one.columns)
        match = " AND ".join(f"parent.{by} = child.{column}" for column, by in zip(one.columns, one.by, strict=True))
        number = tx.value(
            text(
                f"SELECT count(*) FROM {one.table} AS child WHERE {there} AND {one.where}"
                f" AND NOT EXISTS (SELECT 1 FROM {one.to} AS parent WHERE {match})"
            )
        )
        if number:
            found.append(f"{number} rows of {one.table} name a {one.to} by {', '.join(one.columns)} that is not there")
    blobs = {row.digest for row in tx.rows(text("SELECT digest FROM blob"))}
    missing = needed_blobs(tx) - blobs
    return [*found, *(f"content {digest} is not there" for digest in sorted(missing))]


def needed_blobs(tx: Transaction) -> set[str]:
    """Digests that snapshots name."""

    rows = tx.rows(text("SELECT files FROM snapshot"))
    manifests: list[dict[str, Any]] = [loads(row.files) for row in rows]
    return {entry[0] for files in manifests for entry in files.values()}
