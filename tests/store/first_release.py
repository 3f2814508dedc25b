"""Takes back what the migrations after 0001 made: a store as the first release left it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

TABLES = ("stops", "notices", "judgements", "pauses", "refusals", "definitions", "orders", "reloads", "writers")
INDEXES = ("watch_state_baseline_run", "watch_state_last_run", "outbox_waiting", "outbox_watch", "runs_news")
COLUMNS = {
    "runs": ("coerced", "looks", "progress"),
    "watch_state": ("memory",),
    "outbox": ("refused_by", "first_at", "dropped_at", "accepted", "cause"),
}


def take_back(database: Path) -> None:
    """Bring a store of this version back to revision 0001."""
    with closing(sqlite3.connect(database)) as connection:
        for table in TABLES:
            connection.execute(f"DROP TABLE {table}")
        for index in INDEXES:
            connection.execute(f"DROP INDEX {index}")
        connection.execute("DROP INDEX runs_opened")
        connection.execute("CREATE INDEX runs_opened ON runs (opened_at, watch)")
        for table, columns in COLUMNS.items():
            for column in columns:
                connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
        connection.commit()
