"""What retention needs: runs that were given up, and indexes over what is old and over who refers to it."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INDEXES: tuple[tuple[str, str, Sequence[str], str | None], ...] = (
    ("ix_dag_run_ended", "dag_run", ["ended_at", "pk"], "state IN ('success', 'failed')"),
    ("ix_dag_run_scheduled", "dag_run", ["dag_id", "pk"], "run_type = 'scheduled'"),
    ("ix_dag_run_dag_version_pk", "dag_run", ["dag_version_pk"], None),
    ("ix_dag_run_snapshot", "dag_run", ["snapshot"], None),
    ("ix_dag_dag_version_pk", "dag", ["dag_version_pk"], None),
    ("ix_snapshot_created_at_bundle_digest", "snapshot", ["created_at", "bundle", "digest"], None),
    ("ix_parse_snapshot", "parse", ["snapshot"], None),
    ("ix_dispatch_parse", "dispatch", ["activity_id"], "kind = 'parse_dag_file'"),
    ("ix_audit_refused", "audit", ["id"], "action = 'refused'"),
)


def upgrade() -> None:
    op.create_table(
        "pruned_run",
        sa.Column("run_pk", KEY, autoincrement=False, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("run_pk", name="pk_pruned_run"),
    )
    for name, table, columns, where in INDEXES:
        condition = None if where is None else sa.text(where)
        op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)


def downgrade() -> None:
    for name, table, _, _ in INDEXES:
        op.drop_index(name, table)
    op.drop_table("pruned_run")
