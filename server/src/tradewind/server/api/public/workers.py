"""Worker sessions: who is connected, with what capacity, and who is to drain. Airflow's API has no such thing."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter
from pydantic import Field

from tradewind.server.api.public.access import Given, User
from tradewind.server.api.public.shapes import Body, Shape
from tradewind.server.contract import ProblemReason
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import audit, sessions, worker_drains

if TYPE_CHECKING:
    from tradewind.server.store import Transaction
    from tradewind.server.store.handouts import SessionRow

router = APIRouter(prefix="/workers", tags=["Workers"])

State = Literal["active", "draining", "unreachable"]


class Worker(Shape):
    """A worker session. A lease that has ended means that the worker is unreachable, not that its tries have ended.

    `draining`: it takes no more work and ends after what it has; `drain_reason` is absent when it was told on its host.
    """

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
    state: State
    drain_reason: str | None
    lease_until: datetime
    opened_at: datetime


class WorkerCollection(Shape):
    """Open worker sessions."""

    workers: list[Worker]
    total_entries: int


class DrainRequest(Body):
    """Why a worker is to drain, for people."""

    message: Annotated[str, Field(min_length=1, max_length=1000)] = "asked for over the API"


@router.get("")
async def list_workers(services: Given) -> WorkerCollection:
    """Worker sessions that are open."""
    found = await services.store.read(_workers)
    return WorkerCollection(workers=found, total_entries=len(found))


@router.post("/{worker}/drain")
async def drain_worker(services: Given, user: User, worker: str, body: DrainRequest | None = None) -> WorkerCollection:
    """Let a worker take no more work and end when what it runs has ended.

    `worker` is a name, for all sessions of that name, or the id of one session. A worker that is not connected now is
    told when it comes back; one that is started anew works.
    """
    message = (body or DrainRequest()).message

    def drain(tx: Transaction) -> list[Worker]:
        # No worker is named with a NUL, which PostgreSQL would not even compare.
        asked = worker_drains.ask_to_drain(tx, worker, message) if "\0" not in worker else set()
        if not asked:
            raise Refused(
                ProblemReason.NOT_FOUND,
                f"no worker {worker} is connected",
                field="worker",
                action="name one that GET /api/v2/workers lists, or the id of its session",
            )
        detail = {"sessions": sorted(asked), "message": message}
        audit.append(tx, actor=user.label, action="drain_worker", subject=worker, detail=detail)
        return [one for one in _workers(tx) if one.session_id in asked]

    found = await services.store.write(drain)
    return WorkerCollection(workers=found, total_entries=len(found))


def _workers(tx: Transaction) -> list[Worker]:
    return [_worker(row, tx.now) for row in sessions.list_sessions(tx)]


def _worker(row: SessionRow, now: datetime) -> Worker:
    return Worker(
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
        state=_state(row, now),
        drain_reason=row.drain_reason,
        lease_until=row.lease_until,
        opened_at=row.opened_at,
    )


def _state(row: SessionRow, now: datetime) -> State:
    if row.lease_until <= now:
        return "unreachable"
    # A worker that drains by itself offers no place any more.
    return "draining" if row.drain_reason is not None or not any(row.capacity.values()) else "active"
