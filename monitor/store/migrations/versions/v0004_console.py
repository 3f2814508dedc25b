"""Revision 0004: what the console shows: orders, the last reload, the steps of a run, and indexes for pages. Frozen.

Only new tables, indexes, and a column that may be NULL: no row that exists is touched.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from monitor.store.migrations.types import Name, Number, Words

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables, the column and the indexes."""
    op.create_table(
        "orders",
        sa.Column("id", Number, primary_key=True, autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("who", Words, nullable=False),
        sa.Column("action", Name, nullable=False),
        sa.Column("subject", Name, nullable=False),
        sa.Column("watch", Name, nullable=False),
        sa.Column("result", Words),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "reloads",
        sa.Column("name", Name, primary_key=True, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("said", sa.LargeBinary, nullable=False),
    )
    op.create_index("orders_watch", "orders", ["watch", "id"])
    op.add_column("runs", sa.Column("progress", sa.LargeBinary))
    op.drop_index("runs_opened", "runs")
    op.create_index("runs_opened", "runs", ["opened_at", "watch", "steps"])
    news = sa.text("verdict IN ('CHANGED', 'INVALID', 'FAILED')")
    op.create_index("runs_news", "runs", ["verdict", "id"], sqlite_where=news, postgresql_where=news)
    op.create_index("outbox_watch", "outbox", ["watch", "id"])
