"""Worker sessions: who is connected, what they have, and how long their silence is borne."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam as bind
from sqlalchemy import or_, select, text

from tradewind.server.contract import ActivityKind, Hello, ProblemReason
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import session_rows
from tradewind.server.store.column_types import Json, UtcDateTime
from tradewind.server.store.dispatches.lookup import handouts
from tradewind.server.store.dispatches.losses import lose
from tradewind.server.store.dispatches.stopping import confirm_gone
from tradewind.server.store.handouts import LossCause, OpenedSession, Renewed, SessionRow, WorkerBinding
from tradewind.server.store.rows import CredentialRow
from tradewind.server.store.session_rows import Introduction
from tradewind.server.store.statements import within
from tradewind.server.store.tables import dispatch, worker_session
from tradewind.server.store.takeovers import next_takeover, overdue_dispatches
from tradewind.server.store.transaction import Transaction

__all__ = [
    "check_connection",
    "list_sessions",
    "mark_disconnected",
    "next_takeover",
    "open_session",
    "overdue_dispatches",
    "renew",
    "update_offer",
]

_OPEN = text("worker_session.closed_at IS NULL")
_ENDED = select(worker_session.c.session_id).where(
    worker_session.c.credential_id == bind("credential"), within(worker_session.c.instance_id, "instances")
)
_CLOSE = (
    worker_session.update()
    .where(within(worker_session.c.session_id, "sessions"))
    .values(connected=False, closed_at=bind("at", type_=UtcDateTime()))
)
_LIVE_COLUMNS = select(
    dispatch.c.dispatch_id,
    dispatch.c.kind,
    dispatch.c.credential_id,
    dispatch.c.session_id,
    dispatch.c.started_at,
    dispatch.c.claimed_at,
    dispatch.c.ended_at,
    dispatch.c.nonce,
)
# Live ones, and stopped ones whose process may be there.
_OF_SESSIONS = _LIVE_COLUMNS.where(
    text("dispatch.gone_at IS NULL AND dispatch.session_id IS NOT NULL"), within(dispatch.c.session_id, "sessions")
).order_by(dispatch.c.dispatch_id)
_LIVE_SPOOLED = _LIVE_COLUMNS.where(
    within(dispatch.c.dispatch_id, "dispatches"),
    dispatch.c.ended_at.is_(None),
    dispatch.c.credential_id == bind("credential"),
)
_REBIND = (
    dispatch.update()
    .where(within(dispatch.c.dispatch_id, "dispatches"), dispatch.c.ended_at.is_(None))
    .values(session_id=bind("to_session"), instance_id=bind("to_instance"))
)
_OF_INSTANCE = (
    select(worker_session.c.session_id, worker_session.c.connection_epoch, worker_session.c.lease_until)
    .where(worker_session.c.credential_id == bind("credential"), worker_session.c.instance_id == bind("instance"))
    .with_for_update()
)
_RENEW = (
    worker_session.update()
    .where(worker_session.c.session_id == bind("of"))
    .values(lease_until=bind("until", type_=UtcDateTime()), closed_at=None)
)
_OF_SESSION = select(worker_session.c.connection_epoch).where(worker_session.c.session_id == bind("session"))
_OFFER = (
    worker_session.update()
    .where(worker_session.c.session_id == bind("of"), worker_session.c.connection_epoch == bind("epoch"))
    .values(capacity=bind("to_capacity", type_=Json()))
)
_DISCONNECT = (
    worker_session.update()
    .where(worker_session.c.session_id == bind("of"), worker_session.c.connection_epoch == bind("epoch"))
    .values(connected=False)
)
_LIST = (
    select(*(column for column in worker_session.columns if column.name != "closed_at"))
    .where(_OPEN, or_(worker_session.c.connected, worker_session.c.lease_until > bind("now", type_=UtcDateTime())))
    .order_by(worker_session.c.worker, worker_session.c.opened_at)
)


def open_session(tx: Transaction, credential: CredentialRow, hello: Hello) -> OpenedSession:
    """A worker connects and tells what it has; older connections of the same instance are worth nothing from now on.

    What its former lives ran has ended with them, except for outcomes in the spool, which this one delivers. What it
    has not heard of is to be delivered again; what it started and does not have any more is lost. The process of a
    stopped dispatch that it does not have is gone.

    Args:
        tx: a transaction that writes.
        credential: the credential that it showed.
        hello: what it says.

    Raises:
        Refused: `invalid_value` when it declares itself ended.
    """
    hello = _lowered(hello)
    if hello.instance_id in hello.ended_instances:
        raise Refused(
            ProblemReason.INVALID_VALUE,
            "an instance cannot declare itself ended",
            field="ended_instances",
            action="choose a new instance_id at each start of the worker",
        )
    binding = _connect(tx, credential, hello)
    former = _end_instances(tx, credential, hello.ended_instances)
    rows = tx.rows(_OF_SESSIONS, {"sessions": [binding.session_id, *former]})
    announced = {*hello.live, *hello.spooled}
    confirm_gone(
        tx,
        {
            row.dispatch_id: None
            for row in rows
            if row.ended_at is not None and (row.session_id in former or row.dispatch_id not in announced)
        },
    )
    rows = [row for row in rows if row.ended_at is None]
    own = [row for row in rows if row.session_id == binding.session_id]
    unknown = [row for row in own if row.dispatch_id not in announced]
    _rebind(tx, binding, hello.spooled)
    lost = lose(tx, [row.dispatch_id for row in unknown if _had_started(row)], LossCause.NOT_RUNNING)
    of_former = [row.dispatch_id for row in rows if row.session_id in former and row.dispatch_id not in hello.spooled]
    lost += lose(tx, of_former, LossCause.INSTANCE_ENDED)
    live = _live_of(tx, binding.session_id)
    return OpenedSession(
        binding=binding,
        redeliver=handouts(tx, [row.dispatch_id for row in unknown if not _had_started(row)]),
        lost=lost,
        ended=[one for one in (*hello.live, *hello.spooled) if one not in live],
        live={one: live[one] for one in hello.live if one in live},
    )


def check_connection(tx: Transaction, binding: WorkerBinding) -> None:
    """Refuse what comes over a connection that a newer one of the same instance has replaced.

    Raises:
        Refused: `stale_connection`.
    """
    _check_epoch(tx.value(_OF_SESSION, {"session": binding.session_id}), binding.connection_epoch)


def renew(
    tx: Transaction,
    credential_id: str,
    instance_id: str,
    dispatches: Sequence[str],
    connection_epoch: int | None = None,
) -> Renewed:
    """A sign of life: the lease begins again, for everything that the worker has.

    What the worker should have had for longer than a lease, and since before its last sign of life, and does not name
    is delivered again, or lost if it had started: the worker has forgotten it. A stopped dispatch that it does not name
    so long after the stop is gone. The first sign after a silence says nothing about either: what was sent meanwhile
    may not have been read.

    Args:
        tx: a transaction that writes.
        credential_id: the credential that it showed.
        instance_id: the life of the worker process.
        dispatches: everything that it runs or has an outcome of.
        connection_epoch: epoch of the connection that the sign came over; None over HTTP.

    Raises:
        Refused: `stale_connection`.
    """
    named = {one.lower(): None for one in dispatches}
    row = tx.row(_OF_INSTANCE, {"credential": credential_id, "instance": instance_id.lower()})
    if row is None:
        return Renewed(ended=list(named), redeliver=[])
    if connection_epoch is not None:
        _check_epoch(row.connection_epoch, connection_epoch)
    lease = timedelta(seconds=tx.options.lease_seconds)
    heard_by = min(tx.now, row.lease_until) - lease
    tx.change(_RENEW, {"of": row.session_id, "until": tx.now + lease})
    forgotten = [
        one
        for one in tx.rows(_OF_SESSIONS, {"sessions": [row.session_id]})
        if one.dispatch_id not in named and (one.ended_at or one.started_at or one.claimed_at) < heard_by
    ]
    confirm_gone(tx, {one.dispatch_id: None for one in forgotten if one.ended_at is not None})
    forgotten = [one for one in forgotten if one.ended_at is None]
    lose(tx, [one.dispatch_id for one in forgotten if _had_started(one)], LossCause.NOT_RUNNING)
    live = _live_of(tx, row.session_id)
    return Renewed(
        ended=[one for one in named if one not in live],
        redeliver=handouts(tx, [one.dispatch_id for one in forgotten if not _had_started(one)]),
    )


def update_offer(tx: Transaction, binding: WorkerBinding, capacity: Mapping[str, int]) -> None:
    """The worker's capacity changed; what an older connection says is left out."""
    values = {"of": binding.session_id, "epoch": binding.connection_epoch, "to_capacity": dict(capacity)}
    tx.change(_OFFER, values)


def mark_disconnected(tx: Transaction, binding: WorkerBinding) -> None:
    """The connection is gone; the lease of what it has goes on. Without effect when a newer connection is there."""
    gone = tx.change(_DISCONNECT, {"of": binding.session_id, "epoch": binding.connection_epoch})
    if gone and not tx.rows(_OF_SESSIONS, {"sessions": [binding.session_id]}):
        tx.change(_CLOSE, {"sessions": [binding.session_id], "at": tx.now})


def list_sessions(tx: Transaction) -> list[SessionRow]:
    """Workers that are connected or whose lease has not run out, by name."""
    return [SessionRow(**row._asdict()) for row in tx.rows(_LIST, {"now": tx.now})]


def _connect(tx: Transaction, credential: CredentialRow, hello: Hello) -> WorkerBinding:
    introduction = Introduction(
        credential_id=credential.id,
        instance_id=hello.instance_id,
        worker=credential.name,
        hostname=hello.hostname,
        pid=hello.pid,
        sdk_version=hello.sdk_version,
        language=hello.language,
        queues=hello.queues,
        capacity=hello.capacity,
    )
    session_id, epoch = session_rows.connect(tx, introduction)
    return WorkerBinding(
        session_id=session_id,
        credential_id=credential.id,
        instance_id=hello.instance_id,
        connection_epoch=epoch,
        worker=credential.name,
    )


def _end_instances(tx: Transaction, credential: CredentialRow, instances: Collection[str]) -> set[str]:
    """Close the sessions of former lives and return their ids."""
    if not instances:
        return set()
    found = tx.rows(_ENDED, {"credential": credential.id, "instances": instances})
    sessions = {row.session_id for row in found}
    if sessions:
        tx.change(_CLOSE, {"sessions": sorted(sessions), "at": tx.now})
    return sessions


def _rebind(tx: Transaction, binding: WorkerBinding, spooled: Collection[str]) -> None:
    """Outcomes in the spool of a former life are delivered by this one."""
    if not spooled:
        return
    found = tx.rows(_LIVE_SPOOLED, {"dispatches": spooled, "credential": binding.credential_id})
    others = [row.dispatch_id for row in found if row.session_id != binding.session_id]
    if others:
        bound = {"to_session": binding.session_id, "to_instance": binding.instance_id}
        tx.change(_REBIND, {"dispatches": others, **bound})


def _live_of(tx: Transaction, session_id: str) -> dict[str, ActivityKind]:
    """What is live and in the hands of a session."""
    rows = tx.rows(_OF_SESSIONS, {"sessions": [session_id]})
    return {row.dispatch_id: ActivityKind(row.kind) for row in rows if row.ended_at is None}


def _lowered(hello: Hello) -> Hello:
    """The hello with all identities in lower case, as they are stored; UUIDs may come in either (RFC 9562)."""
    return hello.model_copy(
        update={
            "instance_id": hello.instance_id.lower(),
            "live": [one.lower() for one in hello.live],
            "spooled": [one.lower() for one in hello.spooled],
            "ended_instances": [one.lower() for one in hello.ended_instances],
        }
    )


def _had_started(row: Any) -> bool:
    """Whether the worker has had it in hand: it said so, or it exchanged the ticket for it."""
    return row.started_at is not None or row.nonce is not None


def _check_epoch(newest: int | None, epoch: int) -> None:
    if newest is None or epoch < newest:
        raise Refused(
            ProblemReason.STALE_CONNECTION,
            "a newer connection of this worker has taken over",
            action="close this connection",
        )
