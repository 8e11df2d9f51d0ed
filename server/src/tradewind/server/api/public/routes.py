"""All routes of the public API."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Depends

from tradewind.server.api.public import (
    connections,
    dag_runs,
    dags,
    event_logs,
    import_errors,
    monitor,
    task_instances,
    variables,
    workers,
)
from tradewind.server.api.public.access import authenticate

PREFIX: Final = "/api/v2"


def public_router() -> APIRouter:
    """The routes under their prefix, and the liveness check beside it."""
    router = APIRouter()
    for part in (dags, dag_runs, task_instances, import_errors, variables, connections, event_logs, workers):
        router.include_router(part.router, prefix=PREFIX, dependencies=[Depends(authenticate)])
    router.include_router(monitor.router, prefix=PREFIX)
    router.include_router(monitor.liveness)
    return router
