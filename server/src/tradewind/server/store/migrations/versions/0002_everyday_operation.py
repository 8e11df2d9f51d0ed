"""Schedules, pools, limits, priorities, and changes by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOST_ACTIVE_TASKS = "16"
SLOTS_OF_THE_DEFAULT_POOL = 128


def required(kind: sa.types.TypeEngine[Any], default: str, *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=False, server_default=sa.text(default)) for name in names]


def optional(kind: sa.types.TypeEngine[Any], *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=True) for name in names]


def added_columns() -> Mapping[str, Sequence[sa.Column[Any]]]:
    """The columns that this step adds to tables that exist."""
    return {
        "dag": [
            *required(sa.Integer(), MOST_ACTIVE_TASKS, "max_active_tasks"),
            *required(sa.Integer(), "0", "max_consecutive_failed_runs"),
            *optional(sa.Float(), "dagrun_timeout_seconds"),
            *optional(sa.Text(), "timetable"),
            *optional(MOMENT, "next_run_after", "next_logical_date", "next_interval_start", "next_interval_end"),
        ],
        "dag_run": [
            *required(sa.String(), "'rest_api'", "triggered_by"),
            *required(sa.Integer(), "0", "clear_number"),
            *optional(MOMENT, "next_run_after", "timeout_at", "cancelled_at"),
            *optional(sa.Text(), "end_reason"),
        ],
        "task_instance": [
            *required(sa.String(), "''", "dag_id"),
            *required(sa.Float(), "1", "retry_backoff"),
            *required(sa.BigInteger(), "1", "priority_weight"),
            *required(sa.String(), "'default_pool'", "pool"),
            *required(sa.Integer(), "1", "pool_slots"),
            *optional(sa.Float(), "max_retry_delay_seconds", "execution_timeout_seconds"),
            *optional(sa.BigInteger(), "max_active_tis_per_dag", "max_active_tis_per_dagrun"),
            *optional(sa.Text(), "run_as_user", "skips"),
            *optional(sa.String(), "stopping_dispatch_id"),
        ],
    }


ACTIVE = "state IN ('queued', 'running')"
DATED = "logical_date IS NOT NULL"
INDEXES = (
    ("ix_dag_due", "dag", ["next_run_after", "dag_id"], "next_run_after IS NOT NULL AND NOT paused AND NOT stale"),
    ("ix_dag_run_not_due", "dag_run", ["run_after"], "state = 'queued'"),
    ("ix_dag_run_timeout", "dag_run", ["timeout_at"], "state = 'running' AND timeout_at IS NOT NULL"),
    ("uq_dag_run_logical_date", "dag_run", ["dag_id", "logical_date"], DATED),
    ("ix_task_instance_active_pool", "task_instance", ["pool"], ACTIVE),
    ("ix_task_instance_active_task", "task_instance", ["dag_id", "task_id"], ACTIVE),
    ("ix_task_instance_active_run", "task_instance", ["run_pk"], ACTIVE),
)


def upgrade() -> None:
    for table, columns in added_columns().items():
        for column in columns:
            op.add_column(table, column)
    op.execute("UPDATE task_instance SET dag_id = (SELECT dag_id FROM dag_run WHERE dag_run.pk = task_instance.run_pk)")
    # A logical date names one run from here on: of several, the first keeps it.
    op.execute(
        "UPDATE dag_run SET logical_date = NULL WHERE logical_date IS NOT NULL AND EXISTS (SELECT 1 FROM dag_run AS"
        " other WHERE other.dag_id = dag_run.dag_id AND other.logical_date = dag_run.logical_date"
        " AND other.pk < dag_run.pk)"
    )
    for name, table, names, where in INDEXES:
        condition = sa.text(where)
        op.create_index(
            name, table, names, unique=name.startswith("uq_"), sqlite_where=condition, postgresql_where=condition
        )
    create_pools()


def create_pools() -> None:
    op.create_table(
        "pool",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("slots", sa.BigInteger(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("include_deferred", sa.Boolean(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_pool"),
    )
    epoch = "0" if op.get_bind().dialect.name == "sqlite" else "'1970-01-01T00:00:00+00:00'"
    op.execute(
        "INSERT INTO pool (name, slots, description, include_deferred, updated_at) VALUES"
        f" ('default_pool', {SLOTS_OF_THE_DEFAULT_POOL}, 'Tasks that name no other pool', "
        f"{'0' if epoch == '0' else 'FALSE'}, {epoch})"
    )


def downgrade() -> None:
    op.drop_table("pool")
    for name, table, _, _ in INDEXES:
        op.drop_index(name, table)
    for table, columns in added_columns().items():
        for column in columns:
            op.drop_column(table, str(column.name))
