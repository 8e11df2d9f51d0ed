"""Operation to handler: every operation of the contract is here exactly once."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tradewind.server.api.execution import dispatches, introspection, leases, logs, runs, secrets, snapshots, xcoms
from tradewind.server.api.execution.calls import Handler
from tradewind.server.contract import OPERATIONS

HANDLERS: Final[Mapping[str, Handler]] = MappingProxyType(
    {
        "get_versions": introspection.get_versions,
        "get_signing_keys": introspection.get_signing_keys,
        "start_activity": dispatches.start_activity,
        "renew_token": dispatches.renew_token,
        "renew_leases": leases.renew_leases,
        "report_started": dispatches.report_started,
        "finish": dispatches.finish,
        "put_log_segment": logs.put_log_segment,
        "get_snapshot": snapshots.get_snapshot,
        "get_snapshot_file": snapshots.get_snapshot_file,
        "get_snapshot_files": snapshots.get_snapshot_files,
        "get_xcom": xcoms.get_xcom,
        "find_xcom": xcoms.find_xcom,
        "set_xcom": xcoms.set_xcom,
        "get_variable": secrets.get_variable,
        "set_variable": secrets.set_variable,
        "delete_variable": secrets.delete_variable,
        "list_variable_keys": secrets.list_variable_keys,
        "get_connection": secrets.get_connection,
        "trigger_run": runs.trigger_run,
        "get_run": runs.get_run,
        "get_previous_run": runs.get_previous_run,
    }
)
"""`open_session` is not among them: it opens the WebSocket that the others may also be called over."""

HTTP_ONLY: Final = frozenset(row.id for row in OPERATIONS.values() if row.response_media == "application/octet-stream")
"""Operations whose answer is no JSON and fits in no frame."""


def check_handlers(handlers: Mapping[str, Handler]) -> None:
    """Hold a table against the contract when the app is made.

    Raises:
        RuntimeError: an operation has no handler, or a handler no operation.
    """
    needed = {row.id for row in OPERATIONS.values() if not row.stream}
    if handlers.keys() != needed:
        missing, extra = sorted(needed - handlers.keys()), sorted(handlers.keys() - needed)
        raise RuntimeError(f"handlers and contract differ: operations without one {missing}, without operation {extra}")
