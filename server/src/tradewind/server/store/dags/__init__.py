"""DAGs, their versions, the files that declare them, and what parsing those files found."""

from tradewind.server.store.dags.catalogue import (
    dag_version,
    effective_grants,
    find_dag_version,
    get_dag,
    get_dag_version,
    get_import_error,
    list_dag_versions,
    list_dags,
    list_import_errors,
    set_paused,
)
from tradewind.server.store.dags.files import (
    dag_files,
    drop_files,
    list_parses,
    request_parse,
    request_parses,
    set_bundle_errors,
)

__all__ = [
    "dag_files",
    "dag_version",
    "drop_files",
    "effective_grants",
    "find_dag_version",
    "get_dag",
    "get_dag_version",
    "get_import_error",
    "list_dag_versions",
    "list_dags",
    "list_import_errors",
    "list_parses",
    "request_parse",
    "request_parses",
    "set_bundle_errors",
    "set_paused",
]
