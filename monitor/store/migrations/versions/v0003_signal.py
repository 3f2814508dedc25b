"""Revision 0003: what was coerced, looked at and remembered; pauses, refusals, definitions. Frozen.

Only new tables, an index and columns that may be NULL: no row that exists is touched.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from monitor.store.migrations.types import Name, Words

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("runs", sa.Column("coerced", sa.LargeBinary))
    op.add_column("runs", sa.Column("looks", sa.LargeBinary))
    op.add_column("watch_state", sa.Column("memory", sa.LargeBinary))
    _outbox()
    _definitions()


def _outbox() -> None:
    op.add_column("outbox", sa.Column("refused_by", Name))
    op.add_column("outbox", sa.Column("first_at", sa.BigInteger))
    op.add_column("outbox", sa.Column("dropped_at", sa.BigInteger))
    op.add_column("outbox", sa.Column("accepted", Words))
    op.add_column("outbox", sa.Column("cause", Name))
    undelivered = sa.text("state IN ('pending', 'sending')")
    op.create_index(
        "outbox_waiting", "outbox", ["target", "id"], sqlite_where=undelivered, postgresql_where=undelivered
    )
    op.create_table(
        "refusals",
        sa.Column("target", Words, primary_key=True, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("error", Words, nullable=False),
        sa.Column("whole", sa.Boolean, nullable=False),
        sa.Column("announced", sa.Boolean, nullable=False),
    )
    op.create_table(
        "pauses",
        sa.Column("watch", Name, primary_key=True, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger),
    )


def _definitions() -> None:
    op.create_table(
        "definitions",
        sa.Column("watch", Name, primary_key=True, nullable=False),
        sa.Column("digests", sa.LargeBinary, nullable=False),
        sa.Column("runs_a_month", sa.Integer, nullable=False),
        sa.Column("loaded_at", sa.BigInteger, nullable=False),
    )
