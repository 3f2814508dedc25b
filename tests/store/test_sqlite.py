"""The file: what is made, what is recognised, what is left alone, and what errors mean."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy.exc

from monitor.errors import (
    StoreBusy,
    StoreCorrupt,
    StoreError,
    StoreNewer,
    StoreReplaced,
    StoreUnwritable,
    UsageError,
)
from monitor.store import sqlite
from monitor.store.store import Store
from tests.store.scenes import NOW, Opener, begin, completed, finish, good, letter, make_run, whole


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("version", "mode"),
    [
        ((3, 40, 1), "delete"),
        ((3, 44, 5), "delete"),
        ((3, 44, 6), "wal"),
        ((3, 44, 9), "wal"),
        ((3, 45, 0), "delete"),
        ((3, 50, 6), "delete"),
        ((3, 50, 7), "wal"),
        ((3, 51, 0), "delete"),
        ((3, 51, 2), "delete"),
        ((3, 51, 3), "wal"),
        ((3, 52, 0), "wal"),
        ((4, 0, 0), "wal"),
    ],
)
def test_wal_is_used_only_where_its_reset_bug_is_fixed(version: tuple[int, int, int], mode: str) -> None:
    """R2: wal is used only where its reset bug is fixed."""
    journal = sqlite.journal_for(version)
    assert journal == sqlite.Journal(mode, "FULL" if mode == "wal" else "EXTRA")


def test_connections_have_the_chosen_durability(store: Store) -> None:
    """R1: connections have the chosen durability."""
    journal = sqlite.journal_for(sqlite3.sqlite_version_info)
    with store._database.read() as connection:
        pragma = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    level = {"FULL": 2, "EXTRA": 3}[journal.synchronous]
    assert pragma == {"journal_mode": journal.mode, "synchronous": level, "foreign_keys": 1, "busy_timeout": 10_000}
    assert store.journal == f"{journal.mode}, synchronous {journal.synchronous}"


def test_a_database_left_in_another_journal_is_brought_to_ours(opener: Opener) -> None:
    """R1: a database left in another journal is brought to ours."""
    opener().close()
    with closing(sqlite3.connect(opener.path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    with opener()._database.read() as connection:
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
    assert mode == sqlite.journal_for(sqlite3.sqlite_version_info).mode


def test_folder_and_file_are_private(tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "new" / "monitor.db")) as store:
        assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


@pytest.mark.parametrize("form", ["{path}", "sqlite:///{path}"])
def test_a_path_and_a_url_name_the_same_store(tmp_path: Path, form: str) -> None:
    path = tmp_path / "s p%20ace?" / "monitor.db"
    with Store.open(form.format(path=path)) as store:
        assert store.path == path
    assert path.exists()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://host/db",
        "postgres://host/db",
        "postgresql+psycopg://host/db",
        "mysql://x",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite://host/x.db",
        ":memory:",
        "",
    ],
)
def test_what_is_no_file_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        Store.open(url)


def test_postgresql_is_said_to_be_missing() -> None:
    with pytest.raises(UsageError, match="not supported yet"):
        Store.open("postgresql://localhost/monitor")


def test_a_store_that_is_not_there_is_not_made_unasked(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store yet"):
        Store.open(str(tmp_path / "state" / "monitor.db"), create=False)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_becomes_a_store_when_asked(tmp_path: Path) -> None:
    (tmp_path / "monitor.db").touch()
    with pytest.raises(StoreError, match="no store yet"):
        Store.open(str(tmp_path / "monitor.db"), create=False)
    with Store.open(str(tmp_path / "monitor.db")) as store:
        assert store.counts()["unfinished"] == 0


def text_file(path: Path) -> None:
    path.write_bytes(b"this is not a database, it is a letter to my aunt\n" * 100)


def other_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")


def other_application_id(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA application_id = 7")


def without_version(path: Path) -> None:
    Store.open(str(path)).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE alembic_version")


def broken_header(path: Path) -> None:
    Store.open(str(path)).close()
    content = bytearray(path.read_bytes())
    content[3:9] = b"\xff\x00\xff\x00\xff\x00"
    path.write_bytes(content)


def broken_schema(path: Path) -> None:
    Store.open(str(path)).close()
    content = bytearray(path.read_bytes())
    content[100:140] = bytes(range(200, 240))
    path.write_bytes(content)


def cut_off(path: Path) -> None:
    Store.open(str(path)).close()
    path.write_bytes(path.read_bytes()[:9_000])


@pytest.mark.parametrize(
    "damage", [text_file, other_program, other_application_id, without_version, broken_header, broken_schema, cut_off]
)
def test_a_damaged_or_foreign_file_is_refused_and_left_as_it_is(tmp_path: Path, damage) -> None:  # type: ignore[no-untyped-def]
    """R4: a damaged or foreign file is refused and left as it is."""
    path = tmp_path / "monitor.db"
    damage(path)
    before, beside = digest(path), sorted(tmp_path.iterdir())
    with pytest.raises(StoreCorrupt) as caught:
        Store.open(str(path))
    assert str(path) in str(caught.value)
    assert digest(path) == before
    assert sorted(tmp_path.iterdir()) == beside


@pytest.mark.parametrize("version", ["0004", "9999", "fffe"])
def test_a_newer_store_is_refused_and_left_as_it_is(tmp_path: Path, version: str) -> None:
    """R4: a newer store is refused and left as it is."""
    path = tmp_path / "monitor.db"
    Store.open(str(path)).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
        connection.commit()
    before = digest(path)
    with pytest.raises(StoreNewer, match=version):
        Store.open(str(path))
    assert digest(path) == before


def test_a_page_damaged_under_an_open_store_is_named_corrupt(opener: Opener) -> None:
    whole(opener(), run := make_run(), good(run), letter("e1"))
    opener.close()
    content = bytearray(opener.path.read_bytes())
    page = int.from_bytes(content[16:18], "big")
    with closing(sqlite3.connect(opener.path)) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE rootpage > 0 AND name <> 'alembic_version'"
        roots = [number for (number,) in connection.execute(query)]
    for number in roots:
        content[(number - 1) * page : (number - 1) * page + 64] = b"\xa5" * 64
    opener.path.write_bytes(content)
    store = opener()
    with pytest.raises(StoreCorrupt):
        store.history("espresso")
    with pytest.raises(StoreCorrupt):
        store.outbox()
    assert store.integrity()


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "monitor.db").mkdir()
    with pytest.raises(StoreUnwritable, match=r"monitor\.db is in the way"):
        Store.open(str(tmp_path / "monitor.db"))


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnwritable, match="file is in the way"):
        Store.open(str(tmp_path / "file" / "monitor.db"))


@pytest.mark.parametrize(
    "change", [lambda path: path.unlink(), lambda path: path.replace(path.with_name("elsewhere.db"))]
)
def test_the_probe_notices_that_the_file_is_gone(store: Store, change) -> None:  # type: ignore[no-untyped-def]
    store.probe_write(NOW)
    change(store.path)
    with pytest.raises(StoreUnwritable, match="deleted or replaced"):
        store.probe_write(NOW)


def test_r3_a_probe_that_is_repeated_within_one_instant_writes_again(store: Store) -> None:
    with contextlib.closing(sqlite3.connect(store.path)) as beside:
        versions = []
        for _ in range(3):
            store.probe_write(NOW)
            versions.append(beside.execute("PRAGMA data_version").fetchone()[0])
    assert len(set(versions)) == 3


@pytest.mark.parametrize("what", ["deleted", "replaced"])
def test_nothing_is_written_to_a_file_that_is_no_longer_the_store(opener: Opener, fresh: Path, what: str) -> None:
    """reliability.md row 104: what was paid for waits until the file is back."""
    store = opener()
    run = begin(store, make_run())
    aside = opener.path.rename(opener.path.with_name("aside.db"))
    if what == "replaced":
        opener.path.write_bytes(fresh.read_bytes())
    for write in (
        lambda: store.settle(run.id, completed(), NOW),
        lambda: begin(store, make_run(1, watch="other")),
        lambda: store.claim(NOW, 1, "s"),
    ):
        with pytest.raises(StoreReplaced, match="deleted or replaced") as caught:
            write()
        assert caught.value.transient
    assert what == "replaced" or not opener.path.exists()
    aside.replace(opener.path)
    finish(store, run, good(run))
    assert [record.id for record in store.history("espresso")] == [run.id]


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.counts()
    with pytest.raises(StoreError, match="closed"):
        store.probe_write(NOW)


class Raised(sqlite3.OperationalError):
    """An error with the code that SQLite would give it."""

    def __init__(self, code: int) -> None:
        super().__init__(f"code {code}")
        self.sqlite_errorcode = code


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (sqlite3.SQLITE_BUSY, StoreBusy),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, StoreBusy),
        (sqlite3.SQLITE_BUSY_RECOVERY, StoreBusy),
        (sqlite3.SQLITE_LOCKED, StoreBusy),
        (sqlite3.SQLITE_FULL, StoreUnwritable),
        (sqlite3.SQLITE_IOERR, StoreUnwritable),
        (sqlite3.SQLITE_IOERR_FSYNC, StoreUnwritable),
        (sqlite3.SQLITE_IOERR_WRITE, StoreUnwritable),
        (sqlite3.SQLITE_READONLY, StoreUnwritable),
        (sqlite3.SQLITE_READONLY_DBMOVED, StoreUnwritable),
        (sqlite3.SQLITE_CANTOPEN, StoreUnwritable),
        (sqlite3.SQLITE_PERM, StoreUnwritable),
        (sqlite3.SQLITE_NOLFS, StoreUnwritable),
        (sqlite3.SQLITE_CORRUPT, StoreCorrupt),
        (sqlite3.SQLITE_CORRUPT_INDEX, StoreCorrupt),
        (sqlite3.SQLITE_NOTADB, StoreCorrupt),
        (sqlite3.SQLITE_FORMAT, StoreCorrupt),
        (sqlite3.SQLITE_IOERR | (33 << 8), StoreCorrupt),
        (sqlite3.SQLITE_CONSTRAINT, StoreError),
        (sqlite3.SQLITE_TOOBIG, StoreError),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True], ids=["sqlite3", "sqlalchemy"])
def test_every_error_of_the_database_has_its_meaning(code: int, meaning: type[StoreError], wrapped: bool) -> None:
    error: Exception = Raised(code)
    if wrapped:
        error = sqlalchemy.exc.OperationalError("SELECT secret", {}, error)
    with pytest.raises(StoreError) as caught, sqlite.translated(Path("/s/monitor.db")):
        raise error
    assert type(caught.value) is meaning
    assert caught.value.hint
    assert "/s/monitor.db" in caught.value.message
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (sqlalchemy.exc.TimeoutError("pool"), StoreBusy),
        (sqlalchemy.exc.NoResultFound("none"), StoreError),
        (sqlite3.ProgrammingError("no code"), StoreError),
    ],
)
def test_every_other_error_of_the_library_has_its_meaning(error: Exception, meaning: type[StoreError]) -> None:
    with pytest.raises(StoreError) as caught, sqlite.translated(Path("/s/monitor.db")):
        raise error
    assert type(caught.value) is meaning


def test_a_value_that_cannot_be_stored_is_an_error_of_the_store(store: Store) -> None:
    with pytest.raises(StoreError, match="without a timezone"):
        store.probe_write(NOW.replace(tzinfo=None))
