"""The tables of the metadata database and their indexes. Rows in live states have indexes of their own.

A statement that only concerns live rows repeats the condition of such an index, so that its cost does not grow with
history. What changes here needs a migration.
"""

from tradewind.server.store.tables.code import blob, bundle, dag, dag_file, dag_version, import_error, parse, snapshot
from tradewind.server.store.tables.columns import metadata
from tradewind.server.store.tables.deployment import (
    api_process,
    audit,
    connection,
    credential,
    leader,
    pool,
    signing_key,
    variable,
)
from tradewind.server.store.tables.handouts import dispatch, worker_session
from tradewind.server.store.tables.runs import (
    dag_run,
    event,
    operation_receipt,
    pruned_run,
    task_instance,
    task_try,
    xcom,
)

__all__ = [
    "metadata",
    "credential",
    "signing_key",
    "variable",
    "connection",
    "pool",
    "leader",
    "api_process",
    "audit",
    "bundle",
    "snapshot",
    "blob",
    "dag_version",
    "dag",
    "dag_file",
    "parse",
    "import_error",
    "dag_run",
    "pruned_run",
    "task_instance",
    "task_try",
    "xcom",
    "operation_receipt",
    "event",
    "dispatch",
    "worker_session",
]
