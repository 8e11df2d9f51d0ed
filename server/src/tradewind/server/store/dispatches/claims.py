"""Claiming: waiting work and free capacity meet in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import select

from tradewind.server.contract import ActivityKind
from tradewind.server.store.dispatches.parse_claims import claim_parses
from tradewind.server.store.dispatches.takers import Handouts, Takers
from tradewind.server.store.dispatches.task_claims import claim_tasks
from tradewind.server.store.handouts import ClaimRequest
from tradewind.server.store.statements import within
from tradewind.server.store.tables import worker_session
from tradewind.server.store.transaction import Transaction

_CONNECTED = select(worker_session.c.session_id, worker_session.c.connection_epoch).where(
    within(worker_session.c.session_id, "sessions"), worker_session.c.connected, worker_session.c.closed_at.is_(None)
)
_CLAIMS: Final[dict[ActivityKind, Callable[[Transaction, str, Takers], Handouts]]] = {
    ActivityKind.EXECUTE_TASK: claim_tasks,
    ActivityKind.PARSE_DAG_FILE: claim_parses,
}


def claim(tx: Transaction, requests: Sequence[ClaimRequest]) -> Handouts:
    """Hand out what waits, to those with most free capacity.

    Tasks go out by turns of their DAGs, within a DAG by weight, and within all limits: slots of pools, active tasks of
    a run, active instances of a task. Parses go out by age. A worker whose connection is not the newest one of its
    instance gets nothing, and neither does one that was silent for so long that its session is closed. Of several
    processes that claim tasks at the same time one goes ahead; the others are told.

    Args:
        tx: a transaction that writes.
        requests: free capacity.

    Returns:
        What was handed out, to be delivered after the commit. A handout that is not delivered is found again by
        `undelivered`, or when its worker connects.
    """
    asking = _of_connected(tx, requests)
    handouts = Handouts()
    for kind in ActivityKind:
        of_kind = [request for request in asking if request.kind is kind and request.limit > 0]
        for executor in sorted({request.executor for request in of_kind}):
            takers = Takers(request for request in of_kind if request.executor == executor)
            handouts.add(_CLAIMS[kind](tx, executor, takers))
    return handouts


def _of_connected(tx: Transaction, requests: Sequence[ClaimRequest]) -> list[ClaimRequest]:
    sessions = {request.worker.session_id for request in requests if request.worker is not None}
    if not sessions:
        return list(requests)
    epochs = {row.session_id: row.connection_epoch for row in tx.rows(_CONNECTED, {"sessions": sorted(sessions)})}
    return [
        request
        for request in requests
        if request.worker is None or epochs.get(request.worker.session_id) == request.worker.connection_epoch
    ]
