"""Who created a study.

Revision: 0008. Follows: 0007.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand, and fill from the audit log: of studies whose creation it no longer holds, nobody knows."""
    op.add_column("studies", sa.Column("created_by", sa.String(length=100), nullable=True))
    op.add_column("studies", sa.Column("creator", sa.String(length=12), nullable=True))
    studies = sa.table("studies", sa.column("name"), sa.column("created_by"), sa.column("creator"))
    audit = sa.table("audit", *map(sa.column, ("id", "operation", "object", "actor", "token")))
    created = [audit.c.operation == "create_study", audit.c.object == sa.literal("studies/").concat(studies.c.name)]

    def last(column: sa.ColumnClause[str]) -> sa.ScalarSelect[str]:
        # A name may have been used before: who created a study under it last created the one that is there.
        found = sa.select(column).where(*created).order_by(audit.c.id.desc()).limit(1)
        return found.correlate(studies).scalar_subquery()

    op.execute(sa.update(studies).values(created_by=last(audit.c.actor), creator=last(audit.c.token)))


def downgrade() -> None:
    """Contract."""
    op.drop_column("studies", "creator")
    op.drop_column("studies", "created_by")
