"""Slots that count what a channel sends."""

import sqlalchemy as sa
from alembic import op

from remediator.store.columns import UtcTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "send_slot",
        sa.Column("channel", sa.String(length=128), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("used_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "slot"),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("send_slot")
