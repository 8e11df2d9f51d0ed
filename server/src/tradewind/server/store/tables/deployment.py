"""What a deployment keeps for itself: who may call it, its keys, secrets, processes and audit trail."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Table, Text, UniqueConstraint

from tradewind.server.store.column_types import FreeText, Json, RowKey
from tradewind.server.store.tables.columns import metadata, moment, partial, word

credential = Table(
    "credential",
    metadata,
    word("id", primary_key=True),
    word("name"),
    word("role"),
    word("token_sha256"),
    moment("created_at", nullable=False),
    moment("revoked_at"),
    UniqueConstraint("name"),
    UniqueConstraint("token_sha256"),
)

signing_key = Table(
    "signing_key",
    metadata,
    word("kid", primary_key=True),
    word("public"),
    Column("private_encrypted", Text(), nullable=False),
    moment("created_at", nullable=False),
)

variable = Table(
    "variable",
    metadata,
    word("key", primary_key=True),
    Column("value_encrypted", Text(), nullable=False),
    Column("description", FreeText()),
    moment("updated_at", nullable=False),
)

connection = Table(
    "connection",
    metadata,
    word("conn_id", primary_key=True),
    Column("connection_encrypted", Text(), nullable=False),
    moment("updated_at", nullable=False),
)

pool = Table(
    "pool",
    metadata,
    word("name", primary_key=True),
    Column("slots", BigInteger(), nullable=False),
    Column("description", FreeText()),
    Column("include_deferred", Boolean(), nullable=False),
    moment("updated_at", nullable=False),
)

leader = Table(
    "leader",
    metadata,
    word("name", primary_key=True),
    word("holder"),
    Column("epoch", BigInteger(), nullable=False),
    moment("lease_until", nullable=False),
)

api_process = Table(
    "api_process",
    metadata,
    word("name", primary_key=True),
    moment("alive_since", nullable=False),
    moment("seen_at", nullable=False),
    moment("alive_until", nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", RowKey, primary_key=True, autoincrement=True),
    moment("at", nullable=False),
    word("actor"),
    word("action"),
    Column("subject", FreeText(), nullable=False),
    word("dispatch_id", nullable=True),
    Column("detail", Json(), nullable=False),
    partial("ix_audit_refused", "id", where="action = 'refused'"),
)
