"""Bringing a database to the present revision: one transaction per migration, a backup copy before each of an old one.

Alembic is imported here, and only when there is something to migrate. The write lock is taken before the revision is
looked at, so of two processes that migrate at once one waits and then finds nothing to do; a kill at any point leaves
the database at a whole revision (reliability.md R5). Must not know what the migrations do.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy

from monitor.store import sqlite

MIGRATIONS = Path(__file__).parent / "migrations"
_WAIT = 60.0  # seconds: another process may be migrating a large database


def bring_up(path: Path, *, revisions: tuple[str, ...] = sqlite.REVISIONS, scripts: Path = MIGRATIONS) -> None:
    """Migrate the database, empty or older, to the last of `revisions`; does nothing when it is there already."""
    engine = sqlalchemy.create_engine(
        "sqlite://",
        creator=lambda: sqlite.connect(path, busy_timeout=_WAIT, foreign_keys=False),
        poolclass=sqlalchemy.NullPool,
        hide_parameters=True,
    )
    steps = _Steps(path, revisions, scripts)
    with engine.connect() as connection:
        while steps.one(connection):
            pass


@dataclass(slots=True)
class _Steps:
    """The way to the last revision; `made` once it began at an empty file, of which nobody needs a copy."""

    path: Path
    revisions: tuple[str, ...]
    scripts: Path
    made: bool = False

    def one(self, connection: sqlalchemy.Connection) -> bool:
        """Migrate to the next revision in one transaction; False at the last."""
        with connection.begin():
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            following = self._prepared()
            if following is None:
                return False
            upgrade(connection, following, self.scripts)
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
            if broken:
                raise sqlite3.IntegrityError(f"migration {following} leaves {len(broken)} rows that refer to nothing")
        return True

    def _prepared(self) -> str | None:
        """Return the next revision, None at the last; what is to be changed was copied first."""
        with closing(sqlite.connect(self.path, busy_timeout=_WAIT)) as reader:  # sees all: nothing was written here yet
            present = sqlite.revision_of(reader, self.path, self.revisions)
            if present is None:
                self.made = True
                return self.revisions[0]
            following = next_after(present, self.revisions)
            if following is not None and not self.made:
                sqlite.backup(reader, self.path.with_name(f"{self.path.name}.before-{following}"))
            return following


def next_after(present: str, revisions: tuple[str, ...]) -> str | None:
    """Return the revision that follows, or None at the last."""
    at = revisions.index(present) + 1
    return revisions[at] if at < len(revisions) else None


def configuration(scripts: Path = MIGRATIONS) -> Any:
    """Return Alembic's configuration, built in code, so that it works from an installed wheel."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(connection: sqlalchemy.Connection, revision: str, scripts: Path) -> None:
    """Run one migration on a connection, inside its open transaction."""
    from alembic import command

    config = configuration(scripts)
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
