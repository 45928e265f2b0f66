"""What the search engine keeps: its memory of a study, where suggestions come from, decisions, and who suggests.

Revision: 0002. Follows: 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Expand: nothing that the version before writes is in the way."""
    op.add_column("studies", sa.Column("added", BIG, nullable=False, server_default="0"))
    op.add_column("studies", sa.Column("system", sa.Text(), nullable=False, server_default="{}"))
    op.add_column("trials", sa.Column("suggestion", sa.Text(), nullable=True))
    op.create_table(
        "decisions",
        sa.Column("study_id", BIG, autoincrement=False, nullable=False),
        sa.Column("number", BIG, autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("step", BIG, autoincrement=False, nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id", "number"], ["trials.study_id", "trials.number"], name="fk_decisions_trials"
        ),
        sa.PrimaryKeyConstraint("study_id", "number", "attempt", "step", name="pk_decisions"),
    )
    op.create_table(
        "suggesters",
        sa.Column("study_id", BIG, autoincrement=False, nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="fk_suggesters_studies"),
        sa.PrimaryKeyConstraint("study_id", name="pk_suggesters"),
    )


def downgrade() -> None:
    """Go back; what the engine knew is lost, studies and results are not."""
    op.drop_table("suggesters")
    op.drop_table("decisions")
    op.drop_column("trials", "suggestion")
    op.drop_column("studies", "system")
    op.drop_column("studies", "added")
