"""The ticket path: a broker carries 256 random bits, which one client may exchange for the activity."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from sqlalchemy import String, select
from sqlalchemy import bindparam as bind

from tradewind.server.contract import ProblemReason, StartRequest
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import audit, session_rows
from tradewind.server.store.dispatches.lookup import dispatch_ended, handout, unknown_dispatch
from tradewind.server.store.dispatches.stopping import confirm_gone
from tradewind.server.store.handouts import Handout
from tradewind.server.store.rows import CredentialRow
from tradewind.server.store.tables import dispatch, task_try
from tradewind.server.store.transaction import Transaction

_SET = (
    dispatch.update()
    .where(dispatch.c.dispatch_id == bind("of"), dispatch.c.nonce.is_(None), dispatch.c.ended_at.is_(None))
    .values(ticket_sha256=bind("to_ticket", type_=String()))
)
_FIND = (
    select(
        dispatch.c.ended_at,
        dispatch.c.end_reason,
        dispatch.c.ticket_sha256,
        dispatch.c.nonce,
        dispatch.c.credential_id,
        dispatch.c.activity_id,
    )
    .where(dispatch.c.dispatch_id == bind("dispatch"))
    .with_for_update()
)
_BIND = (
    dispatch.update()
    .where(dispatch.c.dispatch_id == bind("of"))
    .values(
        nonce=bind("to_nonce", type_=String()),
        credential_id=bind("to_credential", type_=String()),
        session_id=bind("to_session", type_=String()),
        instance_id=bind("to_instance", type_=String()),
        worker=bind("to_worker", type_=String()),
    )
)
_NAME_WORKER = task_try.update().where(task_try.c.try_id == bind("of")).values(worker=bind("to_worker", type_=String()))


def set_tickets(tx: Transaction, tickets: Mapping[str, str]) -> None:
    """Keep the hashes of fresh tickets; those that were valid before are worthless. A started dispatch keeps its own.

    Args:
        tx: the transaction that claims, or one that delivers again.
        tickets: `dispatch_id` to the SHA-256 of the ticket, in hexadecimal.
    """
    tx.change(_SET, [{"of": dispatch_id, "to_ticket": ticket} for dispatch_id, ticket in sorted(tickets.items())])


def start_by_ticket(
    tx: Transaction, dispatch_id: str, request: StartRequest, credential: CredentialRow
) -> Handout | Refused:
    """Exchange a ticket for its activity. The same client may ask again and gets the same answer.

    Returns:
        What to deliver. Or the refusal `spent_ticket` or `dispatch_ended`, returned and not raised, for what follows
        from it is to be committed; whoever awaits the write raises it.

    Raises:
        Refused: `unknown_dispatch` or `invalid_ticket`.
    """
    row = tx.row(_FIND, {"dispatch": dispatch_id})
    if row is None:
        raise unknown_dispatch(dispatch_id)
    if row.ended_at is not None:
        return _ended(tx, dispatch_id, row, request, credential)
    offered = hashlib.sha256(request.ticket.encode()).hexdigest()
    if row.ticket_sha256 is None or not hmac.compare_digest(offered, row.ticket_sha256):
        raise Refused(
            ProblemReason.INVALID_TICKET,
            "the ticket is not the one of this dispatch; it may have been replaced by a newer one",
            field="ticket",
            action="drop this envelope",
        )
    if row.nonce is not None:
        if row.nonce == request.nonce and row.credential_id == credential.id:
            return handout(tx, dispatch_id)
        return _spent(tx, dispatch_id, request, credential)
    _bind(tx, dispatch_id, row.activity_id, request, credential)
    return handout(tx, dispatch_id)


def _ended(tx: Transaction, dispatch_id: str, row: Any, request: StartRequest, credential: CredentialRow) -> Refused:
    """The refusal of a dispatch that has ended. Whoever still asks for its activity has not begun with it."""
    if row.nonce is not None and row.nonce == request.nonce and row.credential_id == credential.id:
        confirm_gone(tx, {dispatch_id: None})
    return dispatch_ended(dispatch_id, row.end_reason)


def _bind(
    tx: Transaction, dispatch_id: str, activity_id: str, request: StartRequest, credential: CredentialRow
) -> None:
    introduction = session_rows.Introduction(
        credential_id=credential.id,
        instance_id=request.instance_id.lower(),
        worker=credential.name,
        hostname=request.hostname,
        pid=request.pid,
        sdk_version=request.sdk_version,
        language=request.language,
        queues=[],
        capacity={},
    )
    session_id, _ = session_rows.appear(tx, introduction)
    bound = {
        "of": dispatch_id,
        "to_nonce": request.nonce,
        "to_credential": credential.id,
        "to_session": session_id,
        "to_instance": request.instance_id.lower(),
        "to_worker": credential.name,
    }
    tx.change(_BIND, bound)
    tx.change(_NAME_WORKER, {"of": activity_id, "to_worker": credential.name})


def _spent(tx: Transaction, dispatch_id: str, request: StartRequest, credential: CredentialRow) -> Refused:
    audit.append(
        tx,
        actor=f"worker:{credential.name}",
        action="spent_ticket",
        subject=dispatch_id,
        detail={"instance_id": request.instance_id, "hostname": request.hostname, "pid": request.pid},
        dispatch_id=dispatch_id,
    )
    return Refused(
        ProblemReason.SPENT_TICKET,
        "the ticket was exchanged by another client already",
        field="ticket",
        action="drop this envelope",
    )
