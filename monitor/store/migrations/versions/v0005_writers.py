"""Revision 0005: the processes that write, for PostgreSQL. Frozen. Only a new table."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from monitor.store.migrations.types import Name, Number

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "writers",
        sa.Column("id", Name, primary_key=True, nullable=False),
        sa.Column("host", Name, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("began_at", sa.BigInteger, nullable=False),
        sa.Column("beat_at", sa.BigInteger, nullable=False),
        sa.Column("commits", Number, nullable=False),
    )
