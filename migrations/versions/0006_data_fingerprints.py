"""Which data the trials of a study are trained on.

Revision: 0006. Follows: 0005.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand: studies that are there already have told nothing of their data."""
    op.add_column("studies", sa.Column("data_fingerprint", sa.String(length=64), nullable=True))


def downgrade() -> None:
    """Contract."""
    op.drop_column("studies", "data_fingerprint")
