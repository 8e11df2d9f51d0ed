"""Rows of worker sessions: one for each life of a worker process, whether it connects or starts a single ticket."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import timedelta

from sqlalchemy import bindparam as bind

from tradewind.server.store.column_types import UtcDateTime
from tradewind.server.store.identity import uuid7
from tradewind.server.store.statements import PerDialect, insert_or, within
from tradewind.server.store.tables import worker_session
from tradewind.server.store.transaction import Transaction

_CONNECT = insert_or(
    worker_session,
    lambda insert: insert.on_conflict_do_update(
        index_elements=["credential_id", "instance_id"],
        set_={
            "connection_epoch": worker_session.c.connection_epoch + 1,
            "closed_at": None,
            **{
                name: insert.excluded[name]
                for name in (
                    "worker",
                    "connected",
                    "hostname",
                    "pid",
                    "sdk_version",
                    "language",
                    "queues",
                    "capacity",
                    "lease_until",
                )
            },
        },
    ).returning(worker_session.c.session_id, worker_session.c.connection_epoch),
)
_APPEAR = insert_or(
    worker_session,
    lambda insert: insert.on_conflict_do_update(
        index_elements=["credential_id", "instance_id"],
        set_={"lease_until": insert.excluded.lease_until, "closed_at": None},
    ).returning(worker_session.c.session_id, worker_session.c.connection_epoch),
)

_CLOSE_ONE_SHOTS = (
    worker_session.update()
    .where(within(worker_session.c.session_id, "sessions"), worker_session.c.connection_epoch == 0)
    .values(closed_at=bind("at", type_=UtcDateTime()))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduction:
    """What a worker process says about itself, and the credential that it shows."""

    credential_id: str
    instance_id: str
    worker: str
    hostname: str
    pid: int
    sdk_version: str
    language: str
    queues: list[str]
    capacity: dict[str, int]


def connect(tx: Transaction, introduction: Introduction) -> tuple[str, int]:
    """A worker connects: its lease begins and the epoch of its connection is raised.

    Returns:
        `session_id` and `connection_epoch`.
    """
    return _put(tx, _CONNECT, introduction, connected=True, connection_epoch=1)


def appear(tx: Transaction, introduction: Introduction) -> tuple[str, int]:
    """A process that keeps no connection starts an activity: its lease begins.

    Returns:
        `session_id` and `connection_epoch`, 0 unless it has connected as well.
    """
    return _put(tx, _APPEAR, introduction, connected=False, connection_epoch=0)


def close_one_shots(tx: Transaction, session_ids: Collection[str]) -> None:
    """Close those of the sessions that keep no connection: the only activity that they had is over."""
    if session_ids:
        tx.change(_CLOSE_ONE_SHOTS, {"sessions": sorted(session_ids), "at": tx.now})


def _put(
    tx: Transaction, statement: PerDialect, introduction: Introduction, *, connected: bool, connection_epoch: int
) -> tuple[str, int]:
    values = {
        **asdict(introduction),
        "session_id": uuid7(),
        "connected": connected,
        "connection_epoch": connection_epoch,
        "opened_at": tx.now,
        "lease_until": tx.now + timedelta(seconds=tx.options.lease_seconds),
    }
    row = tx.change_returning(statement, values)[0]
    return row.session_id, row.connection_epoch
