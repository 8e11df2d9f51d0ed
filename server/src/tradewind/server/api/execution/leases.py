"""Signs of life of workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.server.api.execution.calls import OperationCall
from tradewind.server.contract import LeaseRenewal, LeaseState
from tradewind.server.store import sessions
from tradewind.server.store.handouts import Renewed

if TYPE_CHECKING:
    from tradewind.server.store import Transaction


async def renew_leases(call: OperationCall) -> LeaseState:
    """Extend the lease of everything that a worker runs, and tell it what is not its own any more."""
    request: LeaseRenewal = call.body
    services = call.services
    epoch = call.session.connection_epoch if call.session is not None else None

    def renew(tx: Transaction) -> Renewed:
        return sessions.renew(tx, call.worker.credential.id, request.instance_id, request.dispatches, epoch)

    renewed = await services.store.write(renew)
    services.executor.ended(renewed.ended)
    if call.session is not None:
        services.executor.renewed(call.session.session_id, request.dispatches)
        await services.dispatcher.deliver_again(renewed.redeliver)
    return LeaseState(lease_seconds=services.settings.workers.lease_seconds, ended=renewed.ended)
