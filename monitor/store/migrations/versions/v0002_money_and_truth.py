"""Revision 0002: stops, notices, earlier judgements, and the indexes that make pruning cheap. Frozen.

Only new tables and indexes: no row that exists is touched, so it takes as long on a large database as on a small one.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from monitor.store.migrations.types import Name, Number, Words

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables and indexes."""
    op.create_index("watch_state_baseline_run", "watch_state", ["baseline_run"])
    op.create_index("watch_state_last_run", "watch_state", ["last_run"])
    op.create_table(
        "stops",
        sa.Column("kind", Name, primary_key=True),
        sa.Column("code", Name, nullable=False),
        sa.Column("message", Words, nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("probe_at", sa.BigInteger, nullable=False),
        sa.Column("key_digest", Name),
        sa.Column("run", Name, sa.ForeignKey("runs.id"), nullable=False),
        sa.CheckConstraint("kind IN ('auth', 'billing')", name="stops_kind"),
    )
    op.create_index("stops_run", "stops", ["run"])
    op.create_table("notices", sa.Column("key", Name, primary_key=True), sa.Column("at", sa.BigInteger, nullable=False))
    op.create_index("notices_at", "notices", ["at"])
    _judgements()


def _judgements() -> None:
    op.create_table(
        "judgements",
        sa.Column("id", Number, primary_key=True, autoincrement=True),
        sa.Column("run", Name, sa.ForeignKey("runs.id"), nullable=False),
        sa.Column("replaced_at", sa.BigInteger, nullable=False),
        sa.Column("generation", Name, nullable=False),
        sa.Column("verdict", Name, nullable=False),
        sa.Column("code", Name),
        sa.Column("reason", Words, nullable=False),
        sa.Column("changes", sa.LargeBinary),
        sa.Column("violations", sa.LargeBinary),
        sa.Column("result", sa.LargeBinary),
        sqlite_autoincrement=True,
    )
    op.create_index("judgements_run", "judgements", ["run", "id"])
