"""The life of a dispatch: start by ticket, a new token, the report of the start and the one outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.server.api.execution.calls import OperationCall
from tradewind.server.contract import Delivery, OutcomeReceipt, ProblemReason, Renewal, RenewRequest, StartRequest
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import dispatches
from tradewind.server.store.handouts import Report

if TYPE_CHECKING:
    from tradewind.server.store import Transaction


async def start_activity(call: OperationCall) -> Delivery:
    """Exchange a ticket for the activity. The same nonce again gets the same activity, with a fresh token."""
    request: StartRequest = call.body
    dispatch_id: str = call.parameters["dispatch_id"]
    credential = call.worker.credential

    def start(tx: Transaction) -> Delivery | Refused:
        handout = dispatches.start_by_ticket(tx, dispatch_id, request, credential)
        if isinstance(handout, Refused):
            return handout
        return call.services.dispatcher.build_delivery(tx, handout)

    delivery = await call.services.store.write(start)
    if isinstance(delivery, Refused):
        raise delivery
    return delivery


async def renew_token(call: OperationCall) -> Renewal:
    """Mint a new token in place of one of ours, expired or not, for a live dispatch that this worker started."""
    request: RenewRequest = call.body
    services = call.services
    dispatch_id: str = call.parameters["dispatch_id"]
    await services.keys.learn_key_of(request.token)
    old = services.signer.verify(request.token, now=services.clock(), allow_expired=True)
    if old.dispatch_id != dispatch_id:
        raise Refused(
            ProblemReason.WRONG_ACTIVITY,
            "the old token belongs to another dispatch",
            field="token",
            action="send the token that came with this dispatch",
        )

    def check(tx: Transaction) -> None:
        dispatch = dispatches.live_dispatch(tx, dispatch_id)
        if (dispatch.kind, dispatch.activity_id) != (old.kind, old.activity_id):
            raise Refused(ProblemReason.WRONG_ACTIVITY, "the old token belongs to another activity", field="token")
        if dispatch.credential_id != call.worker.credential.id:
            raise Refused(
                ProblemReason.WRONG_WORKER,
                "another worker started this dispatch",
                action="renew with the credential that started the dispatch",
            )

    await services.store.read(check)
    minted = services.signer.mint(old.kind, old.activity_id, dispatch_id, services.clock())
    return Renewal(token=minted.token, token_expires_at=minted.expires_at)


async def report_started(call: OperationCall) -> None:
    """Record that user code is about to run."""
    await call.services.store.write_each(dispatches.record_reports, _report(call))


async def finish(call: OperationCall) -> OutcomeReceipt:
    """Record the outcome; the same outcome again gets the first receipt, even though its dispatch has ended by it."""
    report = _report(call)
    receipt = await call.services.store.write_each(dispatches.record_reports, report)
    if not isinstance(receipt, OutcomeReceipt):
        raise TypeError(f"the store gave no receipt for the outcome of {report.dispatch_id}")
    call.services.executor.ended([report.dispatch_id])
    return receipt


def _report(call: OperationCall) -> Report:
    return Report(dispatch_id=call.activity.dispatch_id, body=call.body)
