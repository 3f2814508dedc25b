"""Recognising a database of ours on PostgreSQL and bringing it to the present revision, one transaction a migration.

No copy is made first, as of a file: PostgreSQL has backups of its own, and a migration that fails leaves nothing.
The migrations are those of SQLite. Must not know what they do.
"""

from __future__ import annotations

from pathlib import Path

import psycopg
import sqlalchemy

from monitor.errors import StoreCorrupt, StoreNewer
from monitor.store import migrate, sqlite
from monitor.store.postgresql import locks
from monitor.store.postgresql.address import Address
from monitor.store.postgresql.connecting import connect, run

MARK = "goal-monitor"  # the comment of the table `runs`: what makes a database ours
_WAIT = 60.0  # seconds: another process may be migrating a large database
_LOOK = (
    "SELECT to_regclass('runs') IS NOT NULL, obj_description(to_regclass('runs'), 'pg_class'),"
    " to_regclass('alembic_version') IS NOT NULL"
)


def revision_of(
    connection: psycopg.Connection[tuple[object, ...]], where: Address, known: tuple[str, ...] = sqlite.REVISIONS
) -> str | None:
    """Return the revision of a database of ours, None when it has none of our tables; reads only.

    Raises StoreCorrupt when tables of another program are in the way, StoreNewer when its revision is none of `known`.
    """
    ((has_runs, mark, has_version),), _ = run(connection, _LOOK)
    if not has_runs and not has_version:
        return None
    if mark != MARK or not has_version:
        raise StoreCorrupt(
            f"{where.name}: there are tables of another program; left as they are",
            hint="give goal-monitor a database, or a schema, of its own",
        )
    rows, _ = run(connection, "SELECT version_num FROM alembic_version")
    revision = str(rows[0][0]) if rows else "?"
    if revision not in known:
        raise StoreNewer(
            f"{where.name}: revision {revision} is newer than {known[-1]}, our last; left as it is",
            hint="upgrade goal-monitor",
        )
    return revision


def bring_up(
    where: Address, *, revisions: tuple[str, ...] = sqlite.REVISIONS, scripts: Path = migrate.MIGRATIONS
) -> None:
    """Migrate the database, empty or older, to the last of `revisions`; does nothing when it is there already."""
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://",
        creator=lambda: connect(where, lock_timeout=_WAIT),
        poolclass=sqlalchemy.NullPool,
        hide_parameters=True,
        use_native_hstore=False,
    )
    with engine.connect() as connection:
        while _one(connection, where, revisions, scripts):
            pass


def _one(connection: sqlalchemy.Connection, where: Address, revisions: tuple[str, ...], scripts: Path) -> bool:
    """Migrate to the next revision in one transaction, alone; False at the last."""
    with connection.begin():
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        run(driver, f"BEGIN; SET LOCAL statement_timeout = 0; {locks.ALONE}")
        present = revision_of(driver, where, revisions)
        following = revisions[0] if present is None else migrate.next_after(present, revisions)
        if following is None:
            return False
        migrate.upgrade(connection, following, scripts)
        return True
