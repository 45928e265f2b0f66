"""Workers, what they hold and write; trials that are put off after a loss; checkpoints that were removed.

Revision: 0004. Follows: 0003.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Expand: nothing that the version before writes is in the way."""
    op.create_table(
        "workers",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("instance", sa.String(32), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("agent_version", sa.String(100), nullable=False),
        sa.Column("python_version", sa.String(100), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("gpus", sa.Text(), nullable=False),
        sa.Column("use", sa.Text(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("trainers", sa.Text(), nullable=False),
        sa.Column("present", sa.Boolean(), nullable=False),
        sa.Column("drain", sa.String(16), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("clock_skew", sa.Float(53), nullable=True),
        sa.Column("first_seen_at", _MOMENT, nullable=False),
        sa.Column("last_seen_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.Column("trusted_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_workers"),
    )
    op.create_table(
        "logs",
        sa.Column("study_id", _ID, autoincrement=False, nullable=False),
        sa.Column("number", _ID, autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("begin", _ID, autoincrement=False, nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["study_id", "number"], ["trials.study_id", "trials.number"], name="fk_logs_trials"),
        sa.PrimaryKeyConstraint("study_id", "number", "attempt", "begin", name="pk_logs"),
    )
    for name in ("not_before", "avoid_until"):
        op.add_column("trials", sa.Column(name, _MOMENT, nullable=True))
    op.add_column("trials", sa.Column("avoid", sa.String(200), nullable=True))
    _index("ix_trials_put_off", "trials", ["not_before"], "not_before IS NOT NULL")
    op.add_column("attempts", sa.Column("worker_id", sa.String(36), nullable=True))
    op.add_column("attempts", sa.Column("gpu", sa.String(100), nullable=True))
    op.add_column("attempts", sa.Column("obeyed", sa.Integer(), nullable=True))
    op.add_column("attempts", sa.Column("continuity", sa.Text(), nullable=True))
    _index("ix_attempts_worker", "attempts", ["worker_id", "ended_at"], "worker_id IS NOT NULL")
    op.add_column("checkpoints", sa.Column("evicted_at", _MOMENT, nullable=True))
    op.add_column("events", sa.Column("worker", sa.String(36), nullable=True))
    with op.batch_alter_table("events") as events:
        events.alter_column("study_id", existing_type=_ID, nullable=True)
        events.alter_column("study", existing_type=sa.String(200), nullable=True)


def downgrade() -> None:
    """Go back; workers, their logs, and what happened to them are lost. Checkpoints that are gone are forgotten."""
    op.execute("DELETE FROM events WHERE study_id IS NULL")
    op.execute("DELETE FROM checkpoints WHERE evicted_at IS NOT NULL")
    with op.batch_alter_table("events") as events:
        events.alter_column("study_id", existing_type=_ID, nullable=False)
        events.alter_column("study", existing_type=sa.String(200), nullable=False)
    op.drop_column("events", "worker")
    op.drop_column("checkpoints", "evicted_at")
    op.drop_index("ix_attempts_worker", table_name="attempts")
    for name in ("continuity", "obeyed", "gpu", "worker_id"):
        op.drop_column("attempts", name)
    op.drop_index("ix_trials_put_off", table_name="trials")
    for name in ("avoid_until", "avoid", "not_before"):
        op.drop_column("trials", name)
    op.drop_table("logs")
    op.drop_table("workers")


def _index(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)
