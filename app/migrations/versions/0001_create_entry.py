"""Create the table of entries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("picture", sa.String(length=40), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_entry"),
        sa.UniqueConstraint("picture", name="uq_entry_picture"),
    )
    op.create_index("ix_entry_created_at", "entry", ["created_at"])


def downgrade() -> None:
    """Drop the table."""
    op.drop_index("ix_entry_created_at", table_name="entry")
    op.drop_table("entry")
