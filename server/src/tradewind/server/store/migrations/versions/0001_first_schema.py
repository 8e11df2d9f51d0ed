"""The first schema."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def required(kind: sa.types.TypeEngine[Any], *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=False) for name in names]


def optional(kind: sa.types.TypeEngine[Any], *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=True) for name in names]


def partial(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def upgrade() -> None:
    create_deployment()
    create_code()
    create_files()
    create_runs()
    create_instances()
    create_what_tries_leave()
    create_handouts()
    create_sessions()


def downgrade() -> None:
    for table in (
        "worker_session",
        "dispatch",
        "event",
        "operation_receipt",
        "xcom",
        "task_try",
        "task_instance",
        "dag_run",
        "import_error",
        "parse",
        "dag_file",
        "dag",
        "dag_version",
        "blob",
        "snapshot",
        "bundle",
        "audit",
        "api_process",
        "leader",
        "connection",
        "variable",
        "signing_key",
        "credential",
    ):
        op.drop_table(table)


def create_deployment() -> None:
    op.create_table(
        "credential",
        *required(sa.String(), "id", "name", "role", "token_sha256"),
        *required(MOMENT, "created_at"),
        *optional(MOMENT, "revoked_at"),
        sa.PrimaryKeyConstraint("id", name="pk_credential"),
        sa.UniqueConstraint("name", name="uq_credential_name"),
        sa.UniqueConstraint("token_sha256", name="uq_credential_token_sha256"),
    )
    op.create_table(
        "signing_key",
        *required(sa.String(), "kid", "public"),
        *required(sa.Text(), "private_encrypted"),
        *required(MOMENT, "created_at"),
        sa.PrimaryKeyConstraint("kid", name="pk_signing_key"),
    )
    op.create_table(
        "variable",
        *required(sa.String(), "key"),
        *required(sa.Text(), "value_encrypted"),
        *optional(sa.Text(), "description"),
        *required(MOMENT, "updated_at"),
        sa.PrimaryKeyConstraint("key", name="pk_variable"),
    )
    op.create_table(
        "connection",
        *required(sa.String(), "conn_id"),
        *required(sa.Text(), "connection_encrypted"),
        *required(MOMENT, "updated_at"),
        sa.PrimaryKeyConstraint("conn_id", name="pk_connection"),
    )
    op.create_table(
        "leader",
        *required(sa.String(), "name", "holder"),
        *required(sa.BigInteger(), "epoch"),
        *required(MOMENT, "lease_until"),
        sa.PrimaryKeyConstraint("name", name="pk_leader"),
    )
    op.create_table(
        "api_process",
        *required(sa.String(), "name"),
        *required(MOMENT, "alive_since", "seen_at", "alive_until"),
        sa.PrimaryKeyConstraint("name", name="pk_api_process"),
    )
    op.create_table(
        "audit",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        *required(MOMENT, "at"),
        *required(sa.String(), "actor", "action"),
        *required(sa.Text(), "subject"),
        *optional(sa.String(), "dispatch_id"),
        *required(sa.Text(), "detail"),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )


def create_code() -> None:
    op.create_table(
        "bundle",
        *required(sa.String(), "name"),
        *optional(sa.String(), "snapshot"),
        *required(MOMENT, "updated_at"),
        sa.PrimaryKeyConstraint("name", name="pk_bundle"),
    )
    op.create_table(
        "snapshot",
        *required(sa.String(), "bundle", "digest"),
        *required(sa.Text(), "files"),
        *required(MOMENT, "created_at"),
        sa.PrimaryKeyConstraint("bundle", "digest", name="pk_snapshot"),
    )
    op.create_table(
        "blob",
        *required(sa.String(), "digest"),
        *required(sa.BigInteger(), "size"),
        *required(sa.LargeBinary(), "content"),
        sa.PrimaryKeyConstraint("digest", name="pk_blob"),
    )
    op.create_table(
        "dag_version",
        sa.Column("pk", KEY, autoincrement=True, nullable=False),
        *required(sa.String(), "dag_id"),
        *required(sa.Integer(), "number"),
        *required(sa.String(), "structure_hash", "bundle", "file"),
        *required(sa.Text(), "serialized"),
        *required(MOMENT, "created_at"),
        sa.PrimaryKeyConstraint("pk", name="pk_dag_version"),
        sa.UniqueConstraint("dag_id", "number", name="uq_dag_version_dag_id_number"),
    )
    op.create_table(
        "dag",
        *required(sa.String(), "dag_id", "bundle", "file"),
        *required(sa.Boolean(), "paused", "stale"),
        *required(KEY, "dag_version_pk"),
        *required(sa.Integer(), "version_number"),
        *optional(sa.Text(), "description"),
        *required(sa.Text(), "tags", "owners"),
        *required(sa.Integer(), "max_active_runs"),
        *required(sa.String(), "snapshot", "code_id"),
        *required(MOMENT, "last_parsed_at", "created_at"),
        sa.PrimaryKeyConstraint("dag_id", name="pk_dag"),
        sa.ForeignKeyConstraint(["dag_version_pk"], ["dag_version.pk"], name="fk_dag_dag_version_pk"),
    )
    op.create_index("ix_dag_bundle_file", "dag", ["bundle", "file"])


def create_files() -> None:
    op.create_table(
        "dag_file",
        *required(sa.String(), "bundle", "file"),
        *optional(sa.String(), "file_digest", "snapshot", "code_id"),
        *required(sa.Text(), "files_read"),
        *optional(sa.String(), "parse_id", "recorded_parse_id"),
        *optional(MOMENT, "parsed_at"),
        sa.PrimaryKeyConstraint("bundle", "file", name="pk_dag_file"),
    )
    op.create_table(
        "parse",
        *required(sa.String(), "parse_id", "bundle", "file", "snapshot", "executor", "state"),
        *required(sa.Integer(), "rev", "lost"),
        *required(sa.Float(), "timeout_seconds"),
        *optional(sa.String(), "dispatch_id"),
        *required(MOMENT, "scheduled_at"),
        *optional(MOMENT, "queued_at", "started_at", "ended_at"),
        sa.PrimaryKeyConstraint("parse_id", name="pk_parse"),
        sa.CheckConstraint(
            "state IN ('scheduled', 'queued', 'running', 'ended', 'dropped')", name=op.f("ck_parse_state")
        ),
    )
    partial("ix_parse_live", "parse", ["bundle", "file"], "state IN ('scheduled', 'queued', 'running')")
    partial("ix_parse_scheduled", "parse", ["executor", "scheduled_at", "parse_id"], "state = 'scheduled'")
    op.create_table(
        "import_error",
        sa.Column("pk", KEY, autoincrement=True, nullable=False),
        *required(sa.String(), "bundle", "file", "origin"),
        *required(sa.Text(), "error"),
        *required(MOMENT, "at"),
        sa.PrimaryKeyConstraint("pk", name="pk_import_error"),
    )
    op.create_index("ix_import_error_bundle_file", "import_error", ["bundle", "file"])


def create_runs() -> None:
    op.create_table(
        "dag_run",
        sa.Column("pk", KEY, autoincrement=True, nullable=False),
        *required(sa.String(), "dag_id", "run_id", "run_type", "state"),
        *required(sa.BigInteger(), "rev"),
        *optional(MOMENT, "dirty_at"),
        *required(sa.Text(), "conf"),
        *optional(MOMENT, "logical_date", "data_interval_start", "data_interval_end"),
        *required(MOMENT, "run_after", "queued_at"),
        *optional(MOMENT, "started_at", "ended_at"),
        *required(MOMENT, "changed_at"),
        *required(KEY, "dag_version_pk"),
        *required(sa.Integer(), "version_number"),
        *required(sa.String(), "bundle", "file", "snapshot", "code_id"),
        *optional(sa.Text(), "triggering_user", "note"),
        sa.PrimaryKeyConstraint("pk", name="pk_dag_run"),
        sa.CheckConstraint("state IN ('queued', 'running', 'success', 'failed')", name=op.f("ck_dag_run_state")),
        sa.ForeignKeyConstraint(["dag_version_pk"], ["dag_version.pk"], name="fk_dag_run_dag_version_pk"),
        sa.UniqueConstraint("dag_id", "run_id", name="uq_dag_run_dag_id_run_id"),
    )
    op.create_index("ix_dag_run_by_dag", "dag_run", ["dag_id", "pk"])
    partial("ix_dag_run_dirty", "dag_run", ["dirty_at", "pk"], "dirty_at IS NOT NULL")
    partial("ix_dag_run_live", "dag_run", ["pk"], "state IN ('queued', 'running')")
    partial("ix_dag_run_queued", "dag_run", ["dag_id", "run_after", "pk"], "state = 'queued'")
    partial("ix_dag_run_running", "dag_run", ["dag_id"], "state = 'running'")


def create_instances() -> None:
    op.create_table(
        "task_instance",
        sa.Column("pk", KEY, autoincrement=True, nullable=False),
        *required(KEY, "run_pk"),
        *required(sa.String(), "task_id"),
        *required(sa.Integer(), "map_index"),
        *required(sa.String(), "operator", "state"),
        *required(sa.BigInteger(), "rev", "run_rev"),
        *required(sa.Integer(), "try_number", "failures", "lost", "retries"),
        *required(sa.Float(), "retry_delay_seconds"),
        *required(sa.String(), "queue", "executor", "isolation", "on_cut"),
        *optional(sa.Float(), "takeover_after_seconds"),
        *optional(sa.String(), "try_id", "dispatch_id"),
        *optional(sa.Text(), "reason"),
        *optional(MOMENT, "retry_at", "scheduled_at", "queued_at", "started_at", "ended_at"),
        *required(MOMENT, "changed_at"),
        sa.PrimaryKeyConstraint("pk", name="pk_task_instance"),
        sa.CheckConstraint(
            "state IN ('none', 'scheduled', 'queued', 'running', 'success', 'failed', 'skipped',"
            " 'upstream_failed', 'up_for_retry')",
            name=op.f("ck_task_instance_state"),
        ),
        sa.ForeignKeyConstraint(["run_pk"], ["dag_run.pk"], name="fk_task_instance_run_pk", ondelete="CASCADE"),
        sa.UniqueConstraint("run_pk", "task_id", "map_index", name="uq_task_instance_run_pk_task_id_map_index"),
    )
    op.create_index("ix_task_instance_run_pk_run_rev", "task_instance", ["run_pk", "run_rev"])
    partial(
        "ix_task_instance_scheduled",
        "task_instance",
        ["executor", "queue", "scheduled_at", "pk"],
        "state = 'scheduled'",
    )
    partial("ix_task_instance_up_for_retry", "task_instance", ["retry_at", "run_pk"], "state = 'up_for_retry'")


def create_what_tries_leave() -> None:
    op.create_table(
        "task_try",
        *required(sa.String(), "try_id"),
        *required(KEY, "instance_pk"),
        *required(sa.Integer(), "try_number"),
        *required(sa.String(), "state", "executor", "queue", "dispatch_id"),
        *optional(sa.String(), "worker"),
        *optional(sa.Text(), "hostname", "unixname"),
        *optional(sa.BigInteger(), "pid"),
        *optional(sa.Text(), "error"),
        *required(MOMENT, "queued_at"),
        *optional(MOMENT, "started_at", "ended_at"),
        sa.PrimaryKeyConstraint("try_id", name="pk_task_try"),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'success', 'failed', 'skipped', 'lost')", name=op.f("ck_task_try_state")
        ),
        sa.ForeignKeyConstraint(
            ["instance_pk"], ["task_instance.pk"], name="fk_task_try_instance_pk", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("instance_pk", "try_number", name="uq_task_try_instance_pk_try_number"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "xcom",
        *required(KEY, "instance_pk"),
        *required(sa.String(), "key"),
        *required(sa.Text(), "value"),
        *required(MOMENT, "written_at"),
        sa.PrimaryKeyConstraint("instance_pk", "key", name="pk_xcom"),
        sa.ForeignKeyConstraint(["instance_pk"], ["task_instance.pk"], name="fk_xcom_instance_pk", ondelete="CASCADE"),
    )
    op.create_table(
        "operation_receipt",
        *required(sa.String(), "dispatch_id", "op_id"),
        *required(sa.Text(), "answer"),
        *required(MOMENT, "at"),
        sa.PrimaryKeyConstraint("dispatch_id", "op_id", name="pk_operation_receipt"),
    )
    op.create_table(
        "event",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        *required(MOMENT, "at"),
        *required(sa.String(), "machine"),
        *required(KEY, "run_pk"),
        *optional(KEY, "instance_pk"),
        *optional(sa.String(), "dispatch_id", "from_state"),
        *required(sa.String(), "event", "to_state", "actor"),
        *required(sa.Text(), "detail"),
        sa.PrimaryKeyConstraint("id", name="pk_event"),
    )
    op.create_index("ix_event_run_pk_id", "event", ["run_pk", "id"])


def create_handouts() -> None:
    op.create_table(
        "dispatch",
        *required(sa.String(), "dispatch_id", "kind", "activity_id"),
        *optional(KEY, "instance_pk"),
        *required(sa.String(), "executor"),
        *required(sa.Float(), "takeover_after_seconds"),
        *optional(sa.String(), "credential_id", "session_id", "instance_id", "worker", "ticket_sha256", "nonce"),
        *required(MOMENT, "claimed_at"),
        *optional(MOMENT, "started_at", "ended_at"),
        *optional(sa.String(), "end_reason", "outcome_digest"),
        sa.PrimaryKeyConstraint("dispatch_id", name="pk_dispatch"),
        sqlite_with_rowid=False,
    )
    partial(
        "ix_dispatch_not_started", "dispatch", ["claimed_at", "executor"], "ended_at IS NULL AND session_id IS NULL"
    )
    partial(
        "ix_dispatch_session",
        "dispatch",
        ["session_id", "takeover_after_seconds"],
        "ended_at IS NULL AND session_id IS NOT NULL",
    )
    partial("uq_dispatch_live_activity", "dispatch", ["activity_id"], "ended_at IS NULL", unique=True)
    partial(
        "uq_dispatch_live_instance",
        "dispatch",
        ["instance_pk"],
        "ended_at IS NULL AND instance_pk IS NOT NULL",
        unique=True,
    )


def create_sessions() -> None:
    op.create_table(
        "worker_session",
        *required(sa.String(), "session_id", "credential_id", "instance_id", "worker"),
        *required(sa.Integer(), "connection_epoch"),
        *required(sa.Boolean(), "connected"),
        *required(sa.Text(), "hostname"),
        *required(sa.BigInteger(), "pid"),
        *required(sa.Text(), "sdk_version", "language", "queues", "capacity"),
        *required(MOMENT, "opened_at", "lease_until"),
        *optional(MOMENT, "closed_at"),
        sa.PrimaryKeyConstraint("session_id", name="pk_worker_session"),
        sa.UniqueConstraint("credential_id", "instance_id", name="uq_worker_session_credential_id_instance_id"),
    )
    partial("ix_worker_session_open", "worker_session", ["lease_until", "session_id"], "closed_at IS NULL")
