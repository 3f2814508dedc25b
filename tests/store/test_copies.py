"""Backup and restore: whole, verified, and never over anything that is not to be replaced (reliability.md R9)."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import sqlite3
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from monitor.errors import StoreBusy, StoreCorrupt, StoreError, StoreLocked, StoreNewer, StoreUnwritable, UsageError
from monitor.judge.decision import Verdict
from monitor.store import copies, migrate
from monitor.store.owners import DaemonLock, Owner
from monitor.store.store import Store
from tests.store.scenes import NOW, Opener, begin, finish, good, letter, make_run, of_a_file, whole
from tests.store.test_store_contention import line, process


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def ids(path: Path) -> list[str]:
    with Store.open(str(path), create=False) as store:
        assert store.integrity() == []
        return [record.id for record in store.history("espresso", limit=9_999)]


@pytest.fixture
def copy(opener: Opener, tmp_path: Path) -> Path:
    """A backup with one record, of a store that has two by now."""
    store = opener()
    whole(store, run := make_run(), good(run), letter("e1"))
    store.backup(tmp_path / "copy.db")
    whole(store, run := make_run(1), good(run, Verdict.CHANGED))
    opener.close()
    return tmp_path / "copy.db"


# Backup


@of_a_file
def test_a_backup_is_a_store_of_its_own(copy: Path, opener: Opener) -> None:
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert list(copy.parent.glob(".*")) == list(copy.parent.glob("*-journal")) == []
    assert ids(copy) == ids(opener.path)[1:]


@of_a_file
def test_a_backup_is_consistent_while_others_write(opener: Opener, tmp_path: Path) -> None:
    """R9: a backup is consistent while others write."""
    store, other, done = opener(), opener(), threading.Event()
    wrong: list[BaseException] = []

    def write() -> None:
        minute = 0
        try:
            while not done.is_set():
                run = begin(other, make_run(minute := minute + 1))
                finish(other, run, good(run, Verdict.CHANGED, {"n": minute, "text": "x" * 20_000}), letter(run.id))
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test shows it
            wrong.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for number in range(8):
            store.backup(tmp_path / f"copy{number}.db")
    finally:
        done.set()
        thread.join()
    assert wrong == []
    counts = [len(ids(tmp_path / f"copy{number}.db")) for number in range(8)]
    assert counts == sorted(counts)
    for number in range(8):
        with Store.open(str(tmp_path / f"copy{number}.db")) as one:
            assert len(one.outbox(limit=9_999)) == len(one.history("espresso", limit=9_999))


@pytest.mark.parametrize("what", ["file", "folder", "link", "dangling", "store"])
@of_a_file
def test_a_backup_replaces_nothing(opener: Opener, tmp_path: Path, what: str) -> None:
    """R9: a backup replaces nothing."""
    store, target = opener(), tmp_path / "target"
    if what == "file":
        target.write_text("mine")
    elif what == "folder":
        target.mkdir()
    elif what == "store":
        target = opener.path
    else:
        target.symlink_to(tmp_path / "elsewhere")
        if what == "link":
            (tmp_path / "elsewhere").write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        store.backup(target)
    assert not (tmp_path / "elsewhere").exists() or (tmp_path / "elsewhere").read_text() == "mine"
    assert what != "file" or target.read_text() == "mine"


@of_a_file
def test_a_backup_into_no_folder_says_so(opener: Opener, tmp_path: Path) -> None:
    with pytest.raises(StoreUnwritable, match="No such file"):
        opener().backup(tmp_path / "nowhere" / "copy.db")


@of_a_file
def test_a_damaged_store_is_not_backed_up_as_if_it_were_sound(opener: Opener, tmp_path: Path) -> None:
    whole(opener(), run := make_run(), good(run))
    opener.close()
    damage(opener.path)
    with pytest.raises(StoreCorrupt):
        opener().backup(tmp_path / "copy.db")
    assert list(tmp_path.glob("*copy.db*")) == []


def damage(path: Path) -> None:
    """Overwrite the root page of `runs`."""
    with closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'runs'").fetchone()
    content = bytearray(path.read_bytes())
    content[(root - 1) * 4096 : (root - 1) * 4096 + 64] = b"\xa5" * 64
    path.write_bytes(content)


BACKUPS = """
from pathlib import Path
from itertools import count
print("ready", flush=True)
for number in count():
    store.backup(Path(sys.argv[2]) / f"copy{number}.db")
    print(number, flush=True)
"""


@of_a_file
def test_kill_9_during_backups_leaves_whole_copies_or_none(opener: Opener, tmp_path: Path) -> None:
    chance = random.Random(9)
    whole(opener(), run := make_run(), good(run, result={"text": "x" * 500_000}))
    for round_ in range(4):
        folder = tmp_path / str(round_)
        folder.mkdir()
        with process(BACKUPS, str(opener.path), str(folder)) as child:
            for _ in range(chance.randint(1, 4)):
                line(child)
            for _ in range(chance.randint(0, 200_000)):
                pass
            child.send_signal(signal.SIGKILL)
            child.wait()
        for found in folder.glob("copy*.db"):
            assert ids(found) == [run.id]
    assert ids(opener.path) == [run.id]


# Restore


@of_a_file
def test_a_restored_store_is_the_copy_and_the_replaced_one_is_kept(copy: Path, opener: Opener) -> None:
    before, now = ids(copy), ids(opener.path)
    kept = copies.restore(copy, opener.path, now=NOW)
    assert kept is not None
    assert kept.name == "monitor.db.replaced-20261121T120000.123457Z"
    assert ids(opener.path) == before
    assert ids(kept) == now
    assert stat.S_IMODE(opener.path.stat().st_mode) == stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert ids(copy) == before
    assert {each.name for each in opener.path.parent.iterdir()} == {opener.path.name, kept.name, "daemon.lock"}
    again = copies.restore(kept, opener.path, now=NOW.replace(minute=1))
    assert again is not None
    assert ids(opener.path) == now


@of_a_file
def test_a_store_that_is_gone_can_be_restored(copy: Path, opener: Opener) -> None:
    opener.path.unlink()
    stale = opener.path.with_name("monitor.db-journal")
    stale.write_bytes(b"left by the one that is gone")
    assert copies.restore(copy, opener.path, now=NOW) is None
    assert not stale.exists()
    assert ids(opener.path) == ids(copy)


@of_a_file
def test_a_damaged_store_can_be_restored_and_is_kept_with_its_journal(copy: Path, opener: Opener) -> None:
    opener.path.write_bytes(b"SQLite format 3\0" + b"\xff" * 5_000)
    opener.path.with_name("monitor.db-journal").write_bytes(b"its journal")
    kept = copies.restore(copy, opener.path, now=NOW)
    assert kept is not None
    assert kept.read_bytes().endswith(b"\xff" * 5_000)
    assert ids(opener.path) == ids(copy)


@of_a_file
def test_a_copy_of_an_older_revision_is_taken_and_migrated_when_opened(tmp_path: Path, opener: Opener) -> None:
    old = tmp_path / "old.db"
    old.touch()
    migrate.bring_up(old, revisions=("0001",))
    copies.restore(old, opener.path, now=NOW)
    assert ids(opener.path) == []


def of_another_program(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE accounts (id)")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    path.write_text("not a database, but long enough to be one " * 100)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def with_a_trigger(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TRIGGER evil AFTER INSERT ON runs BEGIN DELETE FROM outbox; END")


def with_a_view(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ALTER TABLE runs RENAME TO other")
        connection.execute("CREATE VIEW runs AS SELECT * FROM other")


def without_a_table(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE marks")


def with_rows_that_refer_to_nothing(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM runs")
        connection.commit()


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (of_another_program, StoreCorrupt),
        (empty, StoreCorrupt),
        (text, StoreCorrupt),
        (cut, StoreCorrupt),
        (damage, StoreCorrupt),
        (with_a_trigger, StoreCorrupt),
        (with_a_view, StoreCorrupt),
        (without_a_table, StoreCorrupt),
        (with_rows_that_refer_to_nothing, StoreCorrupt),
        (newer, StoreNewer),
    ],
)
@of_a_file
def test_what_is_no_sound_copy_of_ours_is_refused(
    copy: Path, opener: Opener, spoil: Callable[[Path], None], error: type[StoreError]
) -> None:
    """R9: what is no sound copy of ours is refused."""
    spoil(copy)
    before = digest(opener.path), digest(copy)
    with pytest.raises(error, match=r"copy\.db"):
        copies.restore(copy, opener.path, now=NOW)
    assert (digest(opener.path), digest(copy)) == before
    assert list(opener.path.parent.glob(".*")) == []


def linked(copy: Path, database: Path) -> Path:
    copy.with_name("link").symlink_to(copy)
    return copy.with_name("link")


def a_folder(copy: Path, database: Path) -> Path:
    return copy.parent


def a_pipe(copy: Path, database: Path) -> Path:
    os.mkfifo(copy.with_name("pipe"))
    return copy.with_name("pipe")


def nothing(copy: Path, database: Path) -> Path:
    return copy.with_name("nothing")


def itself(copy: Path, database: Path) -> Path:
    return database


def in_use(copy: Path, database: Path) -> Path:
    copy.with_name(copy.name + "-wal").write_bytes(b"x")
    return copy


@pytest.mark.parametrize("name", [linked, a_folder, a_pipe, nothing, itself, in_use])
@of_a_file
def test_what_is_no_plain_file_at_rest_is_refused(
    copy: Path, opener: Opener, name: Callable[[Path, Path], Path]
) -> None:
    """R9: what is no plain file at rest is refused."""
    before = digest(opener.path)
    with pytest.raises(UsageError):
        copies.restore(name(copy, opener.path), opener.path, now=NOW)
    assert digest(opener.path) == before


@of_a_file
def test_a_store_behind_a_link_is_not_replaced(copy: Path, opener: Opener, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "monitor.db").symlink_to(opener.path)
    with pytest.raises(UsageError, match="symbolic link"):
        copies.restore(copy, folder / "monitor.db", now=NOW)


@of_a_file
def test_nothing_is_restored_while_something_uses_the_store(copy: Path, opener: Opener) -> None:
    """R9: nothing is restored while something uses the store."""
    before, folder = digest(opener.path), opener.path.parent
    with DaemonLock(folder), pytest.raises(StoreLocked, match="another daemon"):
        copies.restore(copy, opener.path, now=NOW)
    with Owner.claim(folder), pytest.raises(StoreLocked, match=f"in use by pid {os.getpid()}"):
        copies.restore(copy, opener.path, now=NOW)
    with closing(sqlite3.connect(opener.path, isolation_level=None)) as lock:
        lock.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy):
            copies.restore(copy, opener.path, now=NOW)
        lock.execute("ROLLBACK")
    assert digest(opener.path) == before


@of_a_file
def test_a_store_that_is_open_while_its_file_is_replaced_writes_no_more(copy: Path, opener: Opener) -> None:
    store = opener()
    copies.restore(copy, opener.path, now=NOW)
    with pytest.raises(StoreUnwritable, match="deleted or replaced"):
        store.probe_write(NOW)


HALF_DONE = """
import os
from monitor.store import sqlite
connection = sqlite.connect(store.path, busy_timeout=1)
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN IMMEDIATE")
connection.execute("DELETE FROM outbox")
connection.execute("UPDATE runs SET terminal = randomblob(200000)")
print("half", flush=True)
sys.stdin.readline()
"""


@of_a_file
def test_a_journal_of_the_replaced_store_does_not_reach_the_new_one(copy: Path, opener: Opener) -> None:
    """A hot journal left by a crash belongs to the old file: it is applied there first."""
    with process(HALF_DONE, str(opener.path)) as child:
        assert line(child) == "half"
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert opener.path.with_name("monitor.db-journal").exists()
    kept = copies.restore(copy, opener.path, now=NOW)
    assert kept is not None
    assert len(ids(kept)) == 2
    assert ids(opener.path) == ids(copy)


RESTORES = """
store.close()
from datetime import timedelta
from pathlib import Path
from monitor.store import copies
print("ready", flush=True)
for number in range(10**6):
    copies.restore(Path(sys.argv[2 + number % 2]), Path(sys.argv[1]), now=NOW + timedelta(seconds=number))
    print(number, flush=True)
"""


@of_a_file
def test_kill_9_during_restores_leaves_the_old_store_or_the_new(copy: Path, opener: Opener, tmp_path: Path) -> None:
    chance = random.Random(11)
    other = tmp_path / "other.db"
    shutil.copy2(opener.path, other)
    either = (ids(copy), ids(other))
    for _ in range(4):
        with process(RESTORES, str(opener.path), str(copy), str(other)) as child:
            for _ in range(chance.randint(1, 5)):
                line(child)
            for _ in range(chance.randint(0, 200_000)):
                pass
            child.send_signal(signal.SIGKILL)
            child.wait()
        assert ids(opener.path) in either
        for kept in opener.path.parent.glob("*.replaced-*"):
            assert ids(kept) in either
            kept.unlink()


def without_hard_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)


@of_a_file
def test_a_file_system_without_hard_links_will_do(
    opener: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_hard_links(monkeypatch)
    store = opener()
    whole(store, run := make_run(), good(run))
    store.backup(tmp_path / "copy.db")
    opener.close()
    with pytest.raises(UsageError, match="exists already"):
        opener().backup(tmp_path / "copy.db")
    kept = copies.restore(tmp_path / "copy.db", opener.path, now=NOW)
    assert kept is not None
    assert ids(kept) == ids(opener.path) == [run.id]
