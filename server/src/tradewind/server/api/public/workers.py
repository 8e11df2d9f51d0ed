"""Worker sessions: who is connected, with what capacity. Airflow's API has no such thing."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter

from tradewind.server.api.public.access import Given
from tradewind.server.api.public.shapes import Shape
from tradewind.server.store import sessions

router = APIRouter(prefix="/workers", tags=["Workers"])


class Worker(Shape):
    """A worker session. A lease that has ended means that the worker is unreachable, not that its tries have ended."""

    session_id: str
    worker: str
    instance_id: str
    hostname: str
    pid: int
    sdk_version: str
    language: str
    queues: list[str]
    capacity: dict[str, int]
    connected: bool
    reachable: bool
    lease_until: datetime
    opened_at: datetime


class WorkerCollection(Shape):
    """Open worker sessions."""

    workers: list[Worker]
    total_entries: int


@router.get("")
async def list_workers(services: Given) -> WorkerCollection:
    """Worker sessions that are open."""
    rows, now = await services.store.read(lambda tx: (sessions.list_sessions(tx), tx.now))
    found = [
        Worker(
            session_id=row.session_id,
            worker=row.worker,
            instance_id=row.instance_id,
            hostname=row.hostname,
            pid=row.pid,
            sdk_version=row.sdk_version,
            language=row.language,
            queues=list(row.queues),
            capacity=dict(row.capacity),
            connected=row.connected,
            reachable=row.lease_until > now,
            lease_until=row.lease_until,
            opened_at=row.opened_at,
        )
        for row in rows
    ]
    return WorkerCollection(workers=found, total_entries=len(found))
