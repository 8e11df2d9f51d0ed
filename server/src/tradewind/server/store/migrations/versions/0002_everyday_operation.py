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
            *optional(sa.Text(), "timetable", "display_name"),
            *optional(MOMENT, "next_run_after", "next_logical_date", "next_interval_start", "next_interval_end"),
        ],
        "dag_run": [
            *required(sa.String(), "'rest_api'", "triggered_by"),
            *required(sa.Integer(), "0", "clear_number"),
            *optional(MOMENT, "next_run_after", "timeout_at", "cancelled_at"),
            *optional(sa.Text(), "end_reason"),
            *optional(KEY, "held_by_run_pk"),
        ],
        "task_instance": [
            *required(sa.String(), "''", "dag_id"),
            *required(sa.Float(), "1", "retry_backoff"),
            *required(sa.BigInteger(), "1", "priority_weight"),
            *required(sa.String(), "'default_pool'", "pool"),
            *required(sa.Integer(), "1", "pool_slots"),
            *optional(sa.Float(), "max_retry_delay_seconds", "execution_timeout_seconds"),
            *optional(sa.BigInteger(), "max_active_tis_per_dag", "max_active_tis_per_dagrun"),
            *optional(sa.Text(), "run_as_user", "skips", "note"),
            *optional(sa.String(), "stopping_dispatch_id"),
        ],
        "dispatch": optional(MOMENT, "gone_at"),
        "worker_session": optional(sa.Text(), "drain_reason"),
    }


CLAIMABLE = "state = 'scheduled' AND stopping_dispatch_id IS NULL"
CLAIMED_BY: list[str | sa.TextClause] = [
    *("executor", "queue", "dag_id", "run_pk", "pool", "pool_slots"),
    sa.text("priority_weight DESC"),
    "pk",
]
DATED = "logical_date IS NOT NULL"
INDEXES: tuple[tuple[str, str, Sequence[str | sa.TextClause], str], ...] = (
    ("ix_dag_due", "dag", ["next_run_after", "dag_id"], "next_run_after IS NOT NULL AND NOT paused AND NOT stale"),
    ("ix_dag_run_not_due", "dag_run", ["run_after"], "state = 'queued'"),
    ("ix_dag_run_undated", "dag_run", ["dag_id", "run_after", "pk"], "logical_date IS NULL"),
    ("ix_dag_run_timeout", "dag_run", ["timeout_at"], "state = 'running' AND timeout_at IS NOT NULL"),
    ("uq_dag_run_logical_date", "dag_run", ["dag_id", "logical_date"], DATED),
    ("ix_dag_run_live_scheduled", "dag_run", ["dag_id"], "run_type = 'scheduled' AND state IN ('queued', 'running')"),
    ("ix_dag_run_held", "dag_run", ["held_by_run_pk"], "held_by_run_pk IS NOT NULL"),
    ("ix_task_instance_claimable", "task_instance", CLAIMED_BY, CLAIMABLE),
)
DISPATCH_INDEXES = (
    ("uq_dispatch_live_instance", ["instance_pk"], "instance_pk"),
    ("ix_dispatch_session", ["session_id", "takeover_after_seconds"], "session_id"),
)
TRY_STATES = ("queued", "running", "success", "failed", "skipped", "lost")


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
    op.drop_index("ix_task_instance_scheduled", "task_instance")
    for name, table, names, where in INDEXES:
        condition = sa.text(where)
        op.create_index(
            name, table, names, unique=name.startswith("uq_"), sqlite_where=condition, postgresql_where=condition
        )
    create_pools()
    op.execute("UPDATE dispatch SET gone_at = ended_at")
    index_dispatches("gone_at IS NULL")
    allow_try_states(*TRY_STATES, "stopped")


def index_dispatches(condition: str) -> None:
    """Put the indexes of dispatches that may have a process over those that meet this condition."""
    for name, names, bound in DISPATCH_INDEXES:
        op.drop_index(name, "dispatch")
        where = sa.text(f"{condition} AND {bound} IS NOT NULL")
        op.create_index(
            name, "dispatch", names, unique=name.startswith("uq_"), sqlite_where=where, postgresql_where=where
        )


def allow_try_states(*states: str) -> None:
    """Let tries be in these states; SQLite, which cannot change a check, gets a new table for that."""
    condition = "state IN ({})".format(", ".join(f"'{state}'" for state in states))
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint(op.f("ck_task_try_state"), "task_try")
        op.create_check_constraint(op.f("ck_task_try_state"), "task_try", condition)
        return
    op.rename_table("task_try", "old_task_try")
    columns: list[sa.Column[Any]] = [
        *(sa.Column(name, sa.String(), nullable=False) for name in ("try_id", "state", "executor", "queue")),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("instance_pk", "try_number")),
        sa.Column("dispatch_id", sa.String(), nullable=False),
        *optional(sa.String(), "worker"),
        *optional(sa.Text(), "hostname", "unixname"),
        *optional(sa.BigInteger(), "pid"),
        *optional(sa.Text(), "error"),
        sa.Column("queued_at", MOMENT, nullable=False),
        *optional(MOMENT, "started_at", "ended_at"),
    ]
    op.create_table(
        "task_try",
        *columns,
        sa.PrimaryKeyConstraint("try_id", name="pk_task_try"),
        sa.CheckConstraint(condition, name=op.f("ck_task_try_state")),
        sa.ForeignKeyConstraint(
            ["instance_pk"], ["task_instance.pk"], name="fk_task_try_instance_pk", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("instance_pk", "try_number", name="uq_task_try_instance_pk_try_number"),
        sqlite_with_rowid=False,
    )
    names = ", ".join(column.name for column in columns)
    op.execute(f"INSERT INTO task_try ({names}) SELECT {names} FROM old_task_try")  # noqa: S608 - names of columns
    op.drop_table("old_task_try")


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
    never, no = ("0", "0") if op.get_bind().dialect.name == "sqlite" else ("'1970-01-01T00:00:00+00:00'", "FALSE")
    op.execute(
        "INSERT INTO pool (name, slots, description, include_deferred, updated_at) VALUES"  # noqa: S608 - constants
        f" ('default_pool', {SLOTS_OF_THE_DEFAULT_POOL}, 'Tasks that name no other pool', {no}, {never})"
    )


def downgrade() -> None:
    op.execute("UPDATE task_try SET state = 'lost' WHERE state = 'stopped'")
    allow_try_states(*TRY_STATES)
    index_dispatches("ended_at IS NULL")
    op.drop_table("pool")
    for name, table, _, _ in INDEXES:
        op.drop_index(name, table)
    scheduled = sa.text("state = 'scheduled'")
    op.create_index(
        "ix_task_instance_scheduled",
        "task_instance",
        ["executor", "queue", "scheduled_at", "pk"],
        sqlite_where=scheduled,
        postgresql_where=scheduled,
    )
    for table, columns in added_columns().items():
        for column in columns:
            op.drop_column(table, str(column.name))
