"""Why a study is in its state, what its rules have counted, and which attempts can go on from a checkpoint.

Revision: 0003. Follows: 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand: nothing that the version before writes is in the way."""
    op.add_column("studies", sa.Column("reason", sa.Text(), nullable=True))
    op.add_column("studies", sa.Column("tally", sa.Text(), nullable=False, server_default="{}"))
    op.add_column("attempts", sa.Column("resumes", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Go back; reasons are lost, and the rules count from what is stored of the trials again."""
    op.drop_column("attempts", "resumes")
    op.drop_column("studies", "tally")
    op.drop_column("studies", "reason")
