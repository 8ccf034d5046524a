"""Leases on receivers: of several remediators, one sends to a receiver at a time."""

import sqlalchemy as sa
from alembic import op

from remediator.store.columns import UtcTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "send_lease",
        sa.Column("receiver", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.String(length=128), nullable=False),
        sa.Column("until", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("receiver"),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("send_lease")
