"""Code and what parsing it found: bundles, their snapshots, DAG files, DAGs and their versions."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from tradewind.server.store.column_types import FreeText, Json, RowKey
from tradewind.server.store.tables.columns import count, key, metadata, moment, partial, word

bundle = Table(
    "bundle",
    metadata,
    word("name", primary_key=True),
    word("snapshot", nullable=True),
    moment("updated_at", nullable=False),
)

snapshot = Table(
    "snapshot",
    metadata,
    word("bundle"),
    word("digest"),
    Column("files", Json(), nullable=False),
    moment("created_at", nullable=False),
    PrimaryKeyConstraint("bundle", "digest"),
    Index(None, "created_at", "bundle", "digest"),
    sqlite_with_rowid=True,
)

blob = Table(
    "blob",
    metadata,
    word("digest", primary_key=True),
    Column("size", BigInteger(), nullable=False),
    Column("content", LargeBinary(), nullable=False),
)

dag_version = Table(
    "dag_version",
    metadata,
    key(),
    word("dag_id"),
    count("number"),
    word("structure_hash"),
    word("bundle"),
    word("file"),
    Column("serialized", Text(), nullable=False),
    moment("created_at", nullable=False),
    UniqueConstraint("dag_id", "number"),
)

dag = Table(
    "dag",
    metadata,
    word("dag_id", primary_key=True),
    word("bundle"),
    word("file"),
    Column("paused", Boolean(), nullable=False),
    Column("stale", Boolean(), nullable=False),
    Column("dag_version_pk", RowKey, ForeignKey("dag_version.pk"), nullable=False),
    count("version_number"),
    Column("display_name", FreeText()),
    Column("description", FreeText()),
    Column("tags", Json(), nullable=False),
    Column("owners", Json(), nullable=False),
    count("max_active_runs"),
    count("max_active_tasks"),
    count("max_consecutive_failed_runs"),
    Column("dagrun_timeout_seconds", Float()),
    Column("timetable", Json()),
    moment("next_run_after"),
    moment("next_logical_date"),
    moment("next_interval_start"),
    moment("next_interval_end"),
    word("snapshot"),
    word("code_id"),
    moment("last_parsed_at", nullable=False),
    moment("created_at", nullable=False),
    Index(None, "bundle", "file"),
    Index(None, "dag_version_pk"),
    partial("ix_dag_due", "next_run_after", "dag_id", where="next_run_after IS NOT NULL AND NOT paused AND NOT stale"),
)

dag_file = Table(
    "dag_file",
    metadata,
    word("bundle"),
    word("file"),
    word("file_digest", nullable=True),
    word("snapshot", nullable=True),
    word("code_id", nullable=True),
    Column("files_read", Json(), nullable=False),
    word("parse_id", nullable=True),
    word("recorded_parse_id", nullable=True),
    moment("parsed_at"),
    PrimaryKeyConstraint("bundle", "file"),
)

parse = Table(
    "parse",
    metadata,
    word("parse_id", primary_key=True),
    word("bundle"),
    word("file"),
    word("snapshot"),
    word("executor"),
    word("state"),
    count("rev"),
    count("lost"),
    Column("timeout_seconds", Float(), nullable=False),
    word("dispatch_id", nullable=True),
    moment("scheduled_at", nullable=False),
    moment("queued_at"),
    moment("started_at"),
    moment("ended_at"),
    CheckConstraint("state IN ('scheduled', 'queued', 'running', 'ended', 'dropped')", name="state"),
    partial("ix_parse_scheduled", "executor", "scheduled_at", "parse_id", where="state = 'scheduled'"),
    partial("ix_parse_live", "bundle", "file", where="state IN ('scheduled', 'queued', 'running')"),
    Index(None, "snapshot"),
)

import_error = Table(
    "import_error",
    metadata,
    key(),
    word("bundle"),
    word("file"),
    word("origin"),
    Column("error", Json(), nullable=False),
    moment("at", nullable=False),
    Index(None, "bundle", "file"),
)
