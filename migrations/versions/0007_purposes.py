"""What trials are run for, and the honest ends of studies.

Revision: 0007. Follows: 0006.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
RERUNS = sa.text("purpose <> 'search'")


def upgrade() -> None:
    """Expand: nothing that the version before writes is in the way; all trials so far were run for the search."""
    op.add_column("trials", sa.Column("purpose", sa.String(length=16), nullable=False, server_default="search"))
    op.add_column("trials", sa.Column("rerun", sa.Text(), nullable=True))
    op.create_index(
        "ix_trials_reruns",
        "trials",
        ["study_id", "state", "number"],
        sqlite_where=RERUNS,
        postgresql_where=RERUNS,
    )
    op.create_table(
        "finishes",
        sa.Column("study_id", BIG, nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("started_by", sa.String(length=100), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="fk_finishes_studies"),
        sa.PrimaryKeyConstraint("study_id", "round", name="pk_finishes"),
    )


def downgrade() -> None:
    """Go back; what was finished is lost, and reruns are taken for trials of the search."""
    op.drop_table("finishes")
    op.drop_index("ix_trials_reruns", table_name="trials")
    op.drop_column("trials", "rerun")
    op.drop_column("trials", "purpose")
