"""All routes of the public API."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Depends

from tradewind.server.api.public import (
    clear,
    connections,
    dag_run_changes,
    dag_runs,
    dag_tasks,
    dag_versions,
    dags,
    event_logs,
    exports,
    import_errors,
    monitor,
    next_runs,
    pools,
    task_instance_changes,
    task_instances,
    task_logs,
    variables,
    workers,
)
from tradewind.server.api.public.access import authenticate, refuse_unknown_parameters

PREFIX: Final = "/api/v2"


def public_router() -> APIRouter:
    """The routes under their prefix, and the liveness check beside it."""
    router = APIRouter()
    guards = [Depends(authenticate), Depends(refuse_unknown_parameters)]
    for part in (
        dags,
        dag_tasks,
        dag_versions,
        next_runs,
        dag_runs,
        dag_run_changes,
        clear,
        task_instances,
        task_instance_changes,
        task_logs,
        import_errors,
        variables,
        connections,
        exports,
        pools,
        event_logs,
        workers,
    ):
        router.include_router(part.router, prefix=PREFIX, dependencies=guards)
    router.include_router(monitor.router, prefix=PREFIX)
    router.include_router(monitor.liveness)
    return router
