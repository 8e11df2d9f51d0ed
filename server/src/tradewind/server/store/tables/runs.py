"""Runs, their task instances and tries, what they left, and what happened to them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    column,
    desc,
)

from tradewind.server.store.column_types import FreeText, Json, JsonOrNull, RowKey
from tradewind.server.store.tables.columns import count, key, metadata, moment, partial, word

CLAIMABLE = "state = 'scheduled' AND stopping_dispatch_id IS NULL"
"""Condition of task instances that may be handed out."""

LIVE_SCHEDULED = "run_type = 'scheduled' AND state IN ('queued', 'running')"
"""Condition of runs that count when a schedule asks for another one."""

dag_run = Table(
    "dag_run",
    metadata,
    key(),
    word("dag_id"),
    word("run_id"),
    word("run_type"),
    word("state"),
    Column("rev", BigInteger(), nullable=False),
    moment("dirty_at"),
    Column("conf", Json(), nullable=False),
    moment("logical_date"),
    moment("data_interval_start"),
    moment("data_interval_end"),
    moment("run_after", nullable=False),
    moment("queued_at", nullable=False),
    moment("started_at"),
    moment("ended_at"),
    moment("changed_at", nullable=False),
    Column("dag_version_pk", RowKey, ForeignKey("dag_version.pk"), nullable=False),
    count("version_number"),
    word("bundle"),
    word("file"),
    word("snapshot"),
    word("code_id"),
    word("triggered_by"),
    Column("triggering_user", FreeText()),
    Column("note", FreeText()),
    moment("next_run_after"),
    moment("timeout_at"),
    moment("cancelled_at"),
    Column("end_reason", Json()),
    Column("held_by_run_pk", RowKey),
    count("clear_number"),
    UniqueConstraint("dag_id", "run_id"),
    CheckConstraint("state IN ('queued', 'running', 'success', 'failed')", name="state"),
    partial("ix_dag_run_dirty", "dirty_at", "pk", where="dirty_at IS NOT NULL"),
    partial("ix_dag_run_queued", "dag_id", "run_after", "pk", where="state = 'queued'"),
    partial("ix_dag_run_running", "dag_id", where="state = 'running'"),
    partial("ix_dag_run_not_due", "run_after", where="state = 'queued'"),
    partial("ix_dag_run_timeout", "timeout_at", where="state = 'running' AND timeout_at IS NOT NULL"),
    partial("ix_dag_run_undated", "dag_id", "run_after", "pk", where="logical_date IS NULL"),
    partial("uq_dag_run_logical_date", "dag_id", "logical_date", where="logical_date IS NOT NULL", unique=True),
    partial("ix_dag_run_held", "held_by_run_pk", where="held_by_run_pk IS NOT NULL"),
    partial("ix_dag_run_live_scheduled", "dag_id", where=LIVE_SCHEDULED),
    partial("ix_dag_run_live", "pk", where="state IN ('queued', 'running')"),
    Index("ix_dag_run_by_dag", "dag_id", "pk"),
    # What retention looks for, and who still has a version or a snapshot.
    partial("ix_dag_run_ended", "ended_at", "pk", where="state IN ('success', 'failed')"),
    partial("ix_dag_run_scheduled", "dag_id", "pk", where="run_type = 'scheduled'"),
    Index(None, "dag_version_pk"),
    Index(None, "snapshot"),
)

pruned_run = Table(
    "pruned_run",
    metadata,
    Column("run_pk", RowKey, primary_key=True, autoincrement=False),
    moment("at", nullable=False),
)
"""Runs that were given up: what belongs to them is being deleted."""

task_instance = Table(
    "task_instance",
    metadata,
    key(),
    Column("run_pk", RowKey, ForeignKey("dag_run.pk", ondelete="CASCADE"), nullable=False),
    word("dag_id"),
    word("task_id"),
    count("map_index"),
    word("operator"),
    word("state"),
    Column("rev", BigInteger(), nullable=False),
    Column("run_rev", BigInteger(), nullable=False),
    count("try_number"),
    count("failures"),
    count("lost"),
    count("retries"),
    Column("retry_delay_seconds", Float(), nullable=False),
    Column("retry_backoff", Float(), nullable=False),
    Column("max_retry_delay_seconds", Float()),
    Column("execution_timeout_seconds", Float()),
    Column("priority_weight", BigInteger(), nullable=False),
    word("pool"),
    count("pool_slots"),
    Column("max_active_tis_per_dag", BigInteger()),
    Column("max_active_tis_per_dagrun", BigInteger()),
    Column("run_as_user", FreeText()),
    word("queue"),
    word("executor"),
    word("isolation"),
    word("on_cut"),
    Column("takeover_after_seconds", Float()),
    word("try_id", nullable=True),
    word("dispatch_id", nullable=True),
    word("stopping_dispatch_id", nullable=True),
    Column("skips", Json()),
    Column("note", FreeText()),
    Column("reason", Json()),
    moment("retry_at"),
    moment("scheduled_at"),
    moment("queued_at"),
    moment("started_at"),
    moment("ended_at"),
    moment("changed_at", nullable=False),
    UniqueConstraint("run_pk", "task_id", "map_index"),
    CheckConstraint(
        "state IN ('none', 'scheduled', 'queued', 'running', 'success', 'failed', 'skipped', 'upstream_failed',"
        " 'up_for_retry')",
        name="state",
    ),
    Index(None, "run_pk", "run_rev"),
    partial(
        "ix_task_instance_claimable",
        *("executor", "queue", "dag_id", "run_pk", "pool", "pool_slots", desc(column("priority_weight")), "pk"),
        where=CLAIMABLE,
    ),
    partial("ix_task_instance_up_for_retry", "retry_at", "run_pk", where="state = 'up_for_retry'"),
)

task_try = Table(
    "task_try",
    metadata,
    word("try_id", primary_key=True),
    Column("instance_pk", RowKey, ForeignKey("task_instance.pk", ondelete="CASCADE"), nullable=False),
    count("try_number"),
    word("state"),
    word("executor"),
    word("queue"),
    word("dispatch_id"),
    word("worker", nullable=True),
    Column("hostname", FreeText()),
    Column("unixname", FreeText()),
    Column("pid", BigInteger()),
    Column("error", Json()),
    moment("queued_at", nullable=False),
    moment("started_at"),
    moment("ended_at"),
    UniqueConstraint("instance_pk", "try_number"),
    CheckConstraint("state IN ('queued', 'running', 'success', 'failed', 'skipped', 'lost', 'stopped')", name="state"),
    sqlite_with_rowid=False,
)

xcom = Table(
    "xcom",
    metadata,
    Column("instance_pk", RowKey, ForeignKey("task_instance.pk", ondelete="CASCADE"), nullable=False),
    word("key"),
    Column("value", JsonOrNull(), nullable=False),
    moment("written_at", nullable=False),
    PrimaryKeyConstraint("instance_pk", "key"),
)

operation_receipt = Table(
    "operation_receipt",
    metadata,
    word("dispatch_id"),
    word("op_id"),
    Column("answer", JsonOrNull(), nullable=False),
    moment("at", nullable=False),
    PrimaryKeyConstraint("dispatch_id", "op_id"),
)

event = Table(
    "event",
    metadata,
    Column("id", RowKey, primary_key=True, autoincrement=True),
    moment("at", nullable=False),
    word("machine"),
    Column("run_pk", RowKey, nullable=False),
    Column("instance_pk", RowKey),
    word("dispatch_id", nullable=True),
    word("from_state", nullable=True),
    word("event"),
    word("to_state"),
    word("actor"),
    Column("detail", Json(), nullable=False),
    Index(None, "run_pk", "id"),
)
