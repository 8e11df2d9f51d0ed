"""Version and health; they need no credential and tell nothing about what runs here."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from fastapi import APIRouter, Response

from tradewind.server.__about__ import __version__
from tradewind.server.api.public.access import Given
from tradewind.server.api.public.shapes import Shape
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import scheduling

if TYPE_CHECKING:
    from tradewind.server.api.services import Services

router = APIRouter(tags=["Monitor"])
liveness = APIRouter(tags=["Monitor"])

Status = Literal["healthy", "unhealthy"]
_UNAVAILABLE: Final = 503


class Version(Shape):
    """Version of this server."""

    version: str
    git_version: str | None = None


class Alive(Shape):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Part(Shape):
    """Health of one part."""

    status: Status


class SchedulerPart(Part):
    """Health of the scheduler: whether one leads, and its last sign of life."""

    latest_scheduler_heartbeat: datetime | None


class Health(Shape):
    """Health of the deployment."""

    metadatabase: Part
    scheduler: SchedulerPart


@router.get("/version")
async def get_version() -> Version:
    """Version of this server."""
    return Version(version=__version__)


@router.get("/monitor/health")
async def get_health(services: Given) -> Health:
    """Health of the deployment; the status of the answer is 200 whatever it says."""
    return await _health(services)


@liveness.get("/health")
async def get_liveness() -> Alive:
    """The process answers; nothing else is asked."""
    return Alive()


@liveness.get("/health/ready", responses={_UNAVAILABLE: {"model": Health}})
async def get_readiness(services: Given, response: Response) -> Health:
    """Whether the deployment can work: 503 while the database does not answer or no scheduler leads."""
    health = await _health(services)
    if {health.metadatabase.status, health.scheduler.status} != {"healthy"}:
        response.status_code = _UNAVAILABLE
    return health


async def _health(services: Services) -> Health:
    try:
        leader, now = await services.store.read(lambda tx: (scheduling.leader(tx), tx.now))
    except Refused:
        # The store says so of a database that does not answer; that is what is asked here.
        scheduler = SchedulerPart(status="unhealthy", latest_scheduler_heartbeat=None)
        return Health(metadatabase=Part(status="unhealthy"), scheduler=scheduler)
    lease = timedelta(seconds=services.settings.scheduler.lease_seconds)
    scheduler = SchedulerPart(
        status="healthy" if leader is not None and leader.lease_until > now else "unhealthy",
        latest_scheduler_heartbeat=None if leader is None else leader.lease_until - lease,
    )
    return Health(metadatabase=Part(status="healthy"), scheduler=scheduler)
