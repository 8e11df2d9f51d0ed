"""Activities that were handed out, and the workers that have them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Table, UniqueConstraint

from tradewind.server.store.column_types import FreeText, Json, RowKey
from tradewind.server.store.tables.columns import count, metadata, moment, partial, word

dispatch = Table(
    "dispatch",
    metadata,
    word("dispatch_id", primary_key=True),
    word("kind"),
    word("activity_id"),
    Column("instance_pk", RowKey),
    word("executor"),
    Column("takeover_after_seconds", Float(), nullable=False),
    word("credential_id", nullable=True),
    word("session_id", nullable=True),
    word("instance_id", nullable=True),
    word("worker", nullable=True),
    word("ticket_sha256", nullable=True),
    word("nonce", nullable=True),
    moment("claimed_at", nullable=False),
    moment("started_at"),
    moment("ended_at"),
    moment("gone_at"),
    word("end_reason", nullable=True),
    word("outcome_digest", nullable=True),
    partial("uq_dispatch_live_activity", "activity_id", where="ended_at IS NULL", unique=True),
    partial(
        "uq_dispatch_live_instance",
        "instance_pk",
        where="gone_at IS NULL AND instance_pk IS NOT NULL",
        unique=True,
    ),
    partial(
        "ix_dispatch_session",
        "session_id",
        "takeover_after_seconds",
        where="gone_at IS NULL AND session_id IS NOT NULL",
    ),
    partial("ix_dispatch_not_started", "claimed_at", "executor", where="ended_at IS NULL AND session_id IS NULL"),
    partial("ix_dispatch_parse", "activity_id", where="kind = 'parse_dag_file'"),
    sqlite_with_rowid=False,
)

worker_session = Table(
    "worker_session",
    metadata,
    word("session_id", primary_key=True),
    word("credential_id"),
    word("instance_id"),
    word("worker"),
    count("connection_epoch"),
    Column("connected", Boolean(), nullable=False),
    Column("hostname", FreeText(), nullable=False),
    Column("pid", BigInteger(), nullable=False),
    Column("sdk_version", FreeText(), nullable=False),
    Column("language", FreeText(), nullable=False),
    Column("queues", Json(), nullable=False),
    Column("capacity", Json(), nullable=False),
    moment("opened_at", nullable=False),
    moment("lease_until", nullable=False),
    moment("closed_at"),
    Column("drain_reason", FreeText()),
    UniqueConstraint("credential_id", "instance_id"),
    partial("ix_worker_session_open", "lease_until", "session_id", where="closed_at IS NULL"),
)
