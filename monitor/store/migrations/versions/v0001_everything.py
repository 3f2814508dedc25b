"""Revision 0001: every table of the first release. Frozen: later changes are revisions of their own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from monitor.store.migrations.types import Name, Number, Words

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables; instants are integer microseconds, packed JSON is bytes."""
    file = op.get_bind().dialect.name == "sqlite"
    if file:
        op.execute("PRAGMA application_id = 1735225198")  # 0x676D6F6E, "gmon"
    _runs()
    if not file:
        op.execute("COMMENT ON TABLE runs IS 'goal-monitor'")
    _watch_state()
    _retries()
    _outbox()
    op.create_table("marks", sa.Column("name", Name, primary_key=True), sa.Column("at", sa.BigInteger, nullable=False))


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", Name, primary_key=True),
        sa.Column("watch", Name, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("trigger", Name, nullable=False),
        sa.Column("dry", sa.Boolean, nullable=False),
        sa.Column("stage", Name, nullable=False),
        sa.Column("owner", Name, nullable=False),
        sa.Column("generation", Name, nullable=False),
        sa.Column("run_id", Words),
        sa.Column("streaming_url", Words),
        sa.Column("opened_at", sa.BigInteger),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("kind", Name),
        sa.Column("code", Name),
        sa.Column("api_code", Words),
        sa.Column("message", Words),
        sa.Column("steps", sa.Integer),
        sa.Column("verdict", Name),
        sa.Column("reason", Words),
        sa.Column("notifications", sa.Integer, nullable=False),
        sa.Column("goal", sa.LargeBinary),
        sa.Column("changes", sa.LargeBinary),
        sa.Column("violations", sa.LargeBinary),
        sa.Column("result", sa.LargeBinary),
        sa.Column("terminal", sa.LargeBinary),
        sa.UniqueConstraint("watch", "due_at", "attempt", name="runs_occurrence"),
        sa.CheckConstraint("stage IN ('intent', 'accepted', 'settled', 'judged')", name="runs_stage"),
        sa.CheckConstraint("(stage = 'judged') = (verdict IS NOT NULL)", name="runs_judged"),
        sa.CheckConstraint("attempt >= 1", name="runs_attempt"),
    )
    unfinished = sa.text("stage <> 'judged'")
    op.create_index(
        "runs_unfinished", "runs", ["watch"], unique=True, sqlite_where=unfinished, postgresql_where=unfinished
    )
    op.create_index("runs_history", "runs", ["watch", "id"])
    op.create_index("runs_verdicts", "runs", ["watch", "verdict", "id"])
    op.create_index("runs_opened", "runs", ["opened_at", "watch"])
    op.create_index("runs_remote", "runs", ["run_id"])


def _watch_state() -> None:
    op.create_table(
        "watch_state",
        sa.Column("watch", Name, primary_key=True),
        sa.Column("generation", Name, nullable=False),
        sa.Column("baseline_run", Name, sa.ForeignKey("runs.id")),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("incident_id", Name),
        sa.Column("incident_opened_at", sa.BigInteger),
        sa.Column("incident_code", Name),
        sa.Column("incident_announced", sa.Boolean),
        sa.Column("last_run", Name, sa.ForeignKey("runs.id")),
        sa.Column("last_good_at", sa.BigInteger),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )


def _retries() -> None:
    op.create_table(
        "retries",
        sa.Column("watch", Name, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("run", Name, nullable=False),
        sa.Column("trigger", Name, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("reason", Words, nullable=False),
        sa.PrimaryKeyConstraint("watch", "due_at", "attempt", name="retries_occurrence"),
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", Number, primary_key=True, autoincrement=True),
        sa.Column("event", Name, nullable=False),
        sa.Column("run", Name, sa.ForeignKey("runs.id"), nullable=False),
        sa.Column("watch", Name, nullable=False),
        sa.Column("target", Words, nullable=False),
        sa.Column("kind", Name, nullable=False),
        sa.Column("title", Words, nullable=False),
        sa.Column("body", Words, nullable=False),
        sa.Column("state", Name, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("next_at", sa.BigInteger, nullable=False),
        sa.Column("done_at", sa.BigInteger),
        sa.Column("error", Words),
        sa.Column("sender", Name),
        sa.Column("repeat", sa.Boolean, nullable=False),
        sa.UniqueConstraint("event", "target", name="outbox_event_target"),
        sa.CheckConstraint("state IN ('pending', 'sending', 'done', 'dead')", name="outbox_state"),
        sa.CheckConstraint("(state = 'sending') = (sender IS NOT NULL)", name="outbox_sender"),
        sqlite_autoincrement=True,
    )
    undelivered = sa.text("state IN ('pending', 'sending')")
    op.create_index(
        "outbox_open", "outbox", ["watch", "target", "id"], sqlite_where=undelivered, postgresql_where=undelivered
    )
    op.create_index("outbox_states", "outbox", ["state", "next_at"])
    op.create_index("outbox_run", "outbox", ["run"])
