"""Migrations: whole or not at all, with a copy of what was, and Alembic only when needed."""

from __future__ import annotations

import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy import event

from monitor.errors import StoreError, StoreNewer
from monitor.store import migrate, sqlite
from monitor.store.store import Store
from monitor.store.tables import metadata
from tests.store.first_release import take_back
from tests.store.scenes import good, letter, make_run, whole

SIXTH = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "0006", "0005"
def upgrade():
    with op.batch_alter_table("watch_state") as batch:
        batch.add_column(sa.Column("paused_until", sa.BigInteger))
    op.create_table("notes", sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.Text, nullable=False))
    op.execute("INSERT INTO notes (text) SELECT watch FROM watch_state")
"""
BROKEN = """
from alembic import op
revision, down_revision = "0006", "0005"
def upgrade():
    op.execute("DELETE FROM runs")
"""
LATER = (*sqlite.REVISIONS, "0006")


def later(tmp_path: Path, sixth: str) -> Path:
    """The packaged migrations, and one more."""
    scripts = tmp_path / "migrations"
    if not scripts.exists():
        shutil.copytree(migrate.MIGRATIONS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
        (scripts / "versions" / "v0006_later.py").write_text(sixth)
    return scripts


def version_of(path: Path) -> str | None:
    with closing(sqlite.connect(path, busy_timeout=1)) as connection:
        return sqlite.revision_of(connection, path, LATER)


def tables_of(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


@contextmanager
def broken_at(statement: int) -> Iterator[list[str]]:
    """Break every engine at the n-th statement that it is given."""
    seen: list[str] = []

    def on_statement(*arguments: object) -> None:
        seen.append(str(arguments[2]))
        if len(seen) == statement:
            raise KeyboardInterrupt

    event.listen(sqlalchemy.Engine, "before_cursor_execute", on_statement)
    try:
        yield seen
    finally:
        event.remove(sqlalchemy.Engine, "before_cursor_execute", on_statement)


def test_the_revisions_we_list_are_the_packaged_ones() -> None:
    from alembic.script import ScriptDirectory

    found = [script.revision for script in ScriptDirectory.from_config(migrate.configuration()).walk_revisions()]
    assert tuple(reversed(found)) == sqlite.REVISIONS


def clauses(sql: str) -> list[str]:
    """What a statement makes, in no order: SQLite puts a column that is added behind the constraints."""
    sql = " ".join(sql.replace("TEXT", "VARCHAR").split()).removesuffix(")")
    return sorted(part.strip() for part in re.split(r"[,(] (?=[A-Za-z])|\(\s", sql))


def test_migrations_make_exactly_the_tables_that_the_code_uses(tmp_path: Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with Store.open(str(tmp_path / "monitor.db")) as store, store._database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    made = sqlalchemy.create_engine("sqlite://")
    metadata.create_all(made)
    with made.connect() as connection, closing(sqlite3.connect(tmp_path / "monitor.db")) as migrated:
        query = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'alembic%'"
        ours = {name: clauses(sql) for name, sql in connection.exec_driver_sql(query)}
        theirs = {name: clauses(sql) for name, sql in migrated.execute(query)}
    made.dispose()
    assert theirs == ours  # constraints and partial indexes too, which alembic does not compare


def test_alembic_is_imported_only_to_migrate(tmp_path: Path) -> None:
    program = textwrap.dedent("""
        import sys
        from monitor.store.store import Store
        Store.open(sys.argv[1]).close()
        print("alembic" in sys.modules)
    """)
    said = [
        subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "monitor.db")], capture_output=True, text=True, check=True
        )
        for _ in range(2)
    ]
    assert [each.stdout.strip() for each in said] == ["True", "False"]


def test_an_older_store_is_migrated_and_copied_first(tmp_path: Path) -> None:
    """R5: an older store is migrated and copied first."""
    path = tmp_path / "monitor.db"
    with Store.open(str(path)) as store:
        whole(store, run := make_run(), good(run))
    migrate.bring_up(path, revisions=LATER, scripts=later(tmp_path, SIXTH))
    assert version_of(path) == "0006"
    assert "notes" in tables_of(path)
    copy = tmp_path / "monitor.db.before-0006"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with Store.open(str(copy)) as before:
        assert [record.id for record in before.history("espresso")] == [run.id]
    with pytest.raises(StoreNewer):
        Store.open(str(path))


def test_a_store_of_the_first_release_is_brought_up_with_all_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "monitor.db"
    with Store.open(str(path)) as store:
        record = whole(store, run := make_run(), good(run), letter("e1"))
        state = store.state_of("espresso")
    take_back(path)
    with Store.open(str(path)) as store:
        assert (store.history("espresso"), store.state_of("espresso")) == ([record], state)
        assert [row.event for row in store.outbox()] == ["e1"]
        assert (store.stops(), store.integrity()) == ([], [])
    assert (tmp_path / "monitor.db.before-0005").exists()


def test_a_new_store_and_one_at_the_last_revision_are_not_copied(tmp_path: Path) -> None:
    path = tmp_path / "monitor.db"
    for _ in range(2):
        Store.open(str(path)).close()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("old", [False, True], ids=["new", "older"])
def test_a_migration_that_is_cut_anywhere_leaves_a_whole_revision(tmp_path: Path, old: bool) -> None:
    """R5: a migration that is cut anywhere leaves a whole revision."""
    path = tmp_path / "monitor.db"
    scripts = later(tmp_path, SIXTH)
    wanted = LATER if old else sqlite.REVISIONS
    point = 0
    while True:
        point += 1
        path.unlink(missing_ok=True)
        if old:
            with Store.open(str(path)) as store:
                whole(store, run := make_run(), good(run))
        else:
            sqlite.make_file(path)
        with broken_at(point) as seen:
            try:
                migrate.bring_up(path, revisions=wanted, scripts=scripts)
            except KeyboardInterrupt:
                assert version_of(path) in ({"0005", "0006"} if old else {None, *sqlite.REVISIONS}), seen[-1]
                assert ("notes" in tables_of(path)) == (version_of(path) == "0006"), seen[-1]
                assert ("stops" in tables_of(path)) == (version_of(path) in LATER[1:]), seen[-1]
                assert ("runs" in tables_of(path)) == (version_of(path) is not None), seen[-1]
            else:
                break
        if point % 7 == 0:  # and it can be taken up again
            migrate.bring_up(path, revisions=wanted, scripts=scripts)
            assert version_of(path) == wanted[-1]
    assert point > 8


def test_a_migration_that_breaks_references_is_refused_whole(tmp_path: Path) -> None:
    path = tmp_path / "monitor.db"
    with Store.open(str(path)) as store:
        whole(store, run := make_run(), good(run))
    with pytest.raises(StoreError, match="refer to nothing"), sqlite.translated(path):
        migrate.bring_up(path, revisions=LATER, scripts=later(tmp_path, BROKEN))
    with Store.open(str(path)) as store:
        assert [record.id for record in store.history("espresso")] == [run.id]


def test_two_that_make_the_same_store_at_once_both_get_it(tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def make() -> None:
        try:
            Store.open(str(tmp_path / "monitor.db")).close()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test shows it
            failures.append(error)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
