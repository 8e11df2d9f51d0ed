"""Signs of life of workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.server.api.execution.calls import OperationCall
from tradewind.server.contract import LeaseRenewal, LeaseState, ProblemReason
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import sessions
from tradewind.server.store.handouts import Renewed

if TYPE_CHECKING:
    from tradewind.server.store import Transaction


async def renew_leases(call: OperationCall) -> LeaseState:
    """Extend the lease of everything that a worker runs, and tell it what is not its own any more."""
    request: LeaseRenewal = call.body
    services = call.services
    session = call.session
    epoch = session.connection_epoch if session is not None else None
    if session is not None and request.instance_id.lower() != session.instance_id:
        raise Refused(
            ProblemReason.INVALID_VALUE,
            "this session belongs to another instance of the worker",
            field="instance_id",
            action="renew over the session that the instance opened",
        )

    def renew(tx: Transaction) -> Renewed:
        return sessions.renew(tx, call.worker.credential.id, request.instance_id, request.dispatches, epoch)

    renewed = await services.store.write(renew)
    services.executor.ended(renewed.ended)
    if session is not None:
        services.executor.renewed(session.session_id, request.dispatches)
        await services.dispatcher.deliver_again(renewed.redeliver)
    return LeaseState(lease_seconds=services.settings.workers.lease_seconds, ended=renewed.ended)
