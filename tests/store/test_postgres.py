"""What only PostgreSQL does: lost connections and lost answers, standbys, fencing, and who may use which database."""

from __future__ import annotations

import itertools
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
import sqlalchemy

from monitor.errors import (
    StoreBusy,
    StoreConflict,
    StoreCorrupt,
    StoreError,
    StoreLocked,
    StoreNewer,
    StoreUnwritable,
    UsageError,
)
from monitor.judge.decision import Verdict
from monitor.store import database, migrate, moving, sqlite
from monitor.store.postgresql import connecting, locks, owners, schema
from monitor.store.postgresql.address import Address, address
from monitor.store.postgresql.database import PostgresDatabase
from monitor.store.postgresql.meanings import meaning
from monitor.store.postgresql.owners import PostgresDaemonLock, PostgresOwner
from monitor.store.store import Store
from monitor.store.tables import metadata
from tests.postgres import PASSWORD, Cluster
from tests.store.conftest import emptied
from tests.store.scenes import NOW, Opener, begin, completed, finish, good, letter, make_run, whole
from tests.store.test_store_contention import READS, WRITES, _Everything, line, process

on_postgres = pytest.mark.parametrize("opener", ["postgresql"], indirect=True)
_numbers = itertools.count()


@pytest.fixture
def empty(cluster: Cluster) -> str:
    """The name of a database without tables."""
    name = f"empty_{next(_numbers)}"
    cluster.make(name)
    return name


# Locks, and what they give


@on_postgres
def test_every_write_waits_for_a_writer_that_is_alone_and_no_read_does(opener: Opener) -> None:
    with psycopg.connect(opener.url) as other:
        store = opener(busy_timeout=0.05)
        store.probe_write(NOW)
        other.execute(locks.ALONE.encode())
        store._held = _Everything()
        for read in READS.values():
            read(store)
        for write in WRITES.values():
            with pytest.raises(StoreBusy, match="locked by another process"):
                write(store)
    store.probe_write(NOW)  # and it goes on as soon as the lock is gone


def test_writers_of_different_parts_do_not_wait_for_each_other(cluster: Cluster, shared: str) -> None:
    url = emptied(cluster, shared)
    one, other = (PostgresDatabase.open(url, create=True, busy_timeout=0.05, folder=None) for _ in range(2))
    with closing(one), closing(other):
        with one.write("watch:a"), other.write("watch:b", "starts"):
            pass
        with one.write("watch:a"), pytest.raises(StoreBusy), other.write("watch:b", "watch:a"):
            pass
        with one.write("watch:a"), pytest.raises(StoreBusy), other.write():
            pass
        with one.write(), pytest.raises(StoreBusy), other.write("watch:a"):
            pass


@on_postgres
def test_a_process_that_pauses_inside_a_transaction_does_not_hold_the_others_up_for_ever(
    opener: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "IDLE", 0.1)
    frozen, other = opener(), opener()
    with pytest.raises(StoreError), frozen._database.write() as connection:  # noqa: PT012 - all of it in the transaction
        other.probe_write(NOW)  # waits until the server ended the transaction
        connection.exec_driver_sql("SELECT 1")
    frozen.probe_write(NOW)


# Connections that are lost


class Wire:
    """A way to the server that can be cut, at once or at the next COMMIT: before it arrives, or before its answer."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.cut_at_commit: str | None = None
        self._server = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._server.getsockname()[1])

    def cut(self) -> None:
        """End every connection."""
        for end in self._ends:
            with_reset = b"\x01\x00\x00\x00\x00\x00\x00\x00"
            try:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, with_reset)
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
            finally:
                end.close()
        self._ends = []

    def close(self) -> None:
        self._server.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._port))
            self._ends += [client, server]
            threading.Thread(target=self._carry, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._carry, args=(server, client, False), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, to_server: bool) -> None:
        committing = False
        while True:
            try:
                data = source.recv(1 << 16)
                if not data:
                    sink.shutdown(socket.SHUT_RDWR)
                    return
                committing = to_server and b"COMMIT\0" in data
                if committing and self.cut_at_commit == "before":
                    self.cut_at_commit = None
                    self.cut()
                    return
                if not to_server and b"COMMIT\0" in data and self.cut_at_commit == "after":
                    self.cut_at_commit = None
                    self.cut()
                    return
                sink.sendall(data)
            except OSError:
                return


@pytest.fixture
def wire(cluster: Cluster) -> Iterator[Wire]:
    found = Wire(cluster.port)
    yield found
    found.close()


@pytest.fixture
def wired(cluster: Cluster, shared: str, wire: Wire) -> Iterator[Store]:
    """A store that is reached over the wire."""
    emptied(cluster, shared)
    with Store.open(cluster.tcp(shared, port=wire.port)) as store:
        yield store


def test_row_105_a_commit_whose_answer_is_lost_is_found_to_be_there(wired: Store, wire: Wire) -> None:
    run = begin(wired, make_run())
    wired.settle(run.id, completed(), NOW)
    wire.cut_at_commit = "after"
    record = wired.commit(run, completed(), good(run), [letter("e1")], now=NOW)
    assert wire.cut_at_commit is None
    assert wired.history("espresso") == [record]
    assert [row.event for row in wired.outbox()] == ["e1"]


def test_row_105_a_commit_that_did_not_arrive_is_said_not_to_be_there_and_can_be_repeated(
    wired: Store, wire: Wire
) -> None:
    run = begin(wired, make_run())
    wired.settle(run.id, completed(), NOW)
    wire.cut_at_commit = "before"
    with pytest.raises(StoreUnwritable) as caught:
        wired.commit(run, completed(), good(run), [letter("e1")], now=NOW)
    assert caught.value.transient
    assert wired.history("espresso") == wired.outbox() == []
    wired.commit(run, completed(), good(run), [letter("e1")], now=NOW)
    assert len(wired.outbox()) == 1


def test_row_105_connections_that_broke_in_the_pool_are_replaced(wired: Store, wire: Wire) -> None:
    wired.probe_write(NOW)
    for _ in range(2):
        wire.cut()
        assert wired.counts()["unfinished"] == 0
        wire.cut()
        wired.probe_write(NOW)


def test_row_105_a_connection_that_breaks_inside_a_transaction_changes_nothing(wired: Store, wire: Wire) -> None:
    run = begin(wired, make_run())
    with pytest.raises(StoreUnwritable), wired._database.write() as connection:  # noqa: PT012 - as above
        connection.exec_driver_sql("UPDATE runs SET owner = 'x'")
        wire.cut()
        connection.exec_driver_sql("UPDATE runs SET owner = 'y'")
    assert [left.owner for left in wired.unfinished()] == ["01JOWNER"]
    finish(wired, run, good(run))


@on_postgres
def test_row_105_a_server_that_restarts_is_waited_for(opener: Opener, cluster: Cluster) -> None:
    store = opener()
    run = begin(store, make_run())
    owner = store.owner()
    cluster.stop()
    try:
        with pytest.raises(StoreUnwritable, match="cannot be reached"):
            store.settle(run.id, completed(), NOW)
        with pytest.raises(StoreUnwritable):
            store.counts()
    finally:
        cluster.start()
    finish(store, run, good(run))
    owner.release()


@on_postgres
def test_row_105_a_standby_can_be_read_and_not_written(opener: Opener, cluster: Cluster) -> None:
    whole(opener(), run := make_run(), good(run))
    opener.close()
    cluster.ask("ALTER DATABASE shared SET default_transaction_read_only = on")
    try:
        store = opener()
        assert len(store.history("espresso")) == 1
        with pytest.raises(StoreUnwritable, match="takes no writes") as caught:
            store.probe_write(NOW)
        assert caught.value.transient
    finally:
        cluster.ask("ALTER DATABASE shared RESET default_transaction_read_only")


def test_row_105_of_several_servers_the_one_that_takes_writes_is_used(cluster: Cluster, shared: str) -> None:
    emptied(cluster, shared)
    url = f"postgresql://monitor:{PASSWORD}@127.0.0.1:1,127.0.0.1:{cluster.port}/{shared}"
    assert "target_session_attrs=read-write" in address(url).conninfo
    with Store.open(url) as store:
        store.probe_write(NOW)


# Who is alive, and fencing


@contextmanager
def owned(url: str, **paces: float) -> Iterator[tuple[Store, PostgresOwner]]:
    """A store with its owner."""
    with Store.open(url) as store:
        store.probe_write(NOW)
        found: PostgresDatabase = store._database  # type: ignore[assignment]
        with PostgresOwner.claim(found.where, found.writer, **paces) as owner:
            yield store, owner


@on_postgres
def test_an_owner_lives_until_it_is_released(opener: Opener) -> None:
    with owned(opener.url) as (_, looking):
        assert looking.alive(looking.id)
        assert looking.dead("01JUNKNOWN")
        assert looking.dead("x' OR 'x'='x")
        with owned(opener.url) as (_, other):
            assert looking.alive(other.id)
            assert other.alive(looking.id)
            looking._living.clear()
        assert looking.dead(other.id)


@on_postgres
def test_a_killed_process_is_dead_once_its_time_to_come_back_is_over(opener: Opener) -> None:
    opener()
    program = "print(store.owner().id, flush=True); sys.stdin.readline()"
    with owned(opener.url, lost=0.0, stale=3600.0) as (_, looking):
        with process(program, opener.url) as child:
            found = line(child)
            assert looking.alive(found)
            looking._living.clear()
            child.send_signal(signal.SIGKILL)
            child.wait()
            with psycopg.connect(opener.url, autocommit=True) as asking:
                gone = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s::bigint"
                while asking.execute(gone, (locks.key(found),)).fetchone() != (0,):
                    pass
        assert looking.dead(found)


@on_postgres
def test_r7_who_was_taken_for_dead_can_write_nothing(opener: Opener) -> None:
    """Row 109: a worker that was frozen, or lost its connection, for too long."""
    with owned(opener.url, every=3600.0) as (late, sleeper):
        run = begin(late, make_run(), owner=sleeper.id)
        with owned(opener.url, lost=3600.0, stale=3600.0) as (_, patient):
            assert patient.alive(sleeper.id)
        with owned(opener.url, lost=3600.0, stale=0.0) as (taking, other):
            assert other.dead(sleeper.id)  # it holds its lock, but it is silent
            assert taking.take_over(run.id, sleeper.id, other.id)
            late.history("espresso")
            for write in (
                lambda: late.probe_write(NOW),
                lambda: late.settle(run.id, completed(), NOW),
                lambda: begin(late, make_run(1, watch="other"), owner=sleeper.id),
                lambda: late.claim(NOW, 1, sleeper.id),
            ):
                with pytest.raises(StoreConflict, match="others took over its work") as caught:
                    write()
                assert not caught.value.transient
            sleeper._beat(sleeper._connected())  # its sign of life comes too late
            with pytest.raises(StoreConflict):
                late.probe_write(NOW)
            finish(taking, run, good(run))


@on_postgres
def test_an_owner_takes_its_lock_again_after_its_connection_was_lost(opener: Opener) -> None:
    with owned(opener.url, every=0.02) as (store, owner), psycopg.connect(opener.url, autocommit=True) as other:
        held = f"SELECT l.pid FROM pg_locks AS l WHERE {locks.HELD}"
        key = (locks.key(owner.id),)
        (pid,) = other.execute(held.encode(), key).fetchone() or (0,)
        other.execute("SELECT pg_terminate_backend(%s)", (pid,))
        while (other.execute(held.encode(), key).fetchone() or (pid,)) == (pid,):
            pass
        store.probe_write(NOW)


def test_a_second_daemon_is_refused_and_told_who_is_first(cluster: Cluster, shared: str) -> None:
    """reliability.md row 108."""
    url = emptied(cluster, shared)
    with Store.open(url) as store:
        assert store.daemon_is_gone()
        with database.daemon_lock(url, Path()):
            assert not store.daemon_is_gone()
            with pytest.raises(StoreLocked, match=r"another daemon \(pid \d+ on "):
                PostgresDaemonLock(address(url)).__enter__()
        with database.daemon_lock(url, Path()):
            pass


# Which database


def test_a_new_database_is_made_once_and_has_the_tables_that_the_code_uses(cluster: Cluster, empty: str) -> None:
    url = cluster.url(empty)
    assert not database.exists(url)
    with pytest.raises(StoreError, match="no store yet"):
        Store.open(url, create=False)
    wrong: list[BaseException] = []

    def make() -> None:
        try:
            Store.open(url).close()
        except BaseException as error:  # noqa: BLE001 - shown by the test
            wrong.append(error)

    threads = [threading.Thread(target=make) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert database.exists(url)
    Store.open(url, create=False).close()
    cluster.make("declared")
    engine = sqlalchemy.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(cluster.url("declared")))
    metadata.create_all(engine)
    engine.dispose()
    assert structure(cluster, empty) == structure(cluster, "declared")


def structure(cluster: Cluster, name: str) -> list[object]:
    """The columns with their types and collations, the indexes and the constraints of a database."""
    columns = (
        "SELECT table_name, column_name, replace(data_type, 'character varying', 'text'), collation_name, is_nullable"
        " FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name <> 'alembic_version' ORDER BY 1, 2"
    )
    indexes = (
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY 1"
    )
    constraints = (
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conname NOT LIKE 'alembic%' ORDER BY 1"
    )
    found = [cluster.ask(words, name) for words in (columns, indexes, constraints)]
    collations = {row[3] for row in found[0] if row[2] == "text"}
    assert collations == {"C"}  # ids are compared byte by byte
    return [*found]


def test_an_older_store_is_migrated_and_a_newer_one_left(cluster: Cluster, empty: str) -> None:
    url = cluster.url(empty)
    schema.bring_up(address(url), revisions=sqlite.REVISIONS[:2])
    with Store.open(url) as store:
        whole(store, run := make_run(), good(run), letter("e1"))
    cluster.ask("UPDATE alembic_version SET version_num = '9999'", empty)
    with pytest.raises(StoreNewer, match="9999"):
        Store.open(url)


def test_a_migration_that_fails_leaves_the_revision_before(cluster: Cluster, empty: str, tmp_path: Path) -> None:
    import shutil

    scripts = tmp_path / "migrations"
    shutil.copytree(migrate.MIGRATIONS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / "versions" / "v0006_broken.py").write_text(
        'from alembic import op\nrevision, down_revision = "0006", "0005"\n'
        'def upgrade():\n    op.execute("DROP TABLE marks")\n    op.execute("SELECT 1 / 0")\n'
    )
    where = address(cluster.url(empty))
    with pytest.raises(Exception, match="division by zero"):
        schema.bring_up(where, revisions=(*sqlite.REVISIONS, "0006"), scripts=scripts)
    with Store.open(cluster.url(empty)) as store:
        store.probe_write(NOW)


@pytest.mark.parametrize("words", ["CREATE TABLE runs (id int)", "CREATE TABLE alembic_version (version_num text)"])
def test_a_database_of_another_program_is_left_as_it_is(cluster: Cluster, empty: str, words: str) -> None:
    cluster.ask(words, empty)
    with pytest.raises(StoreCorrupt, match="another program"):
        Store.open(cluster.url(empty))
    with pytest.raises(StoreCorrupt):
        database.exists(cluster.url(empty))


def test_a_database_that_cannot_hold_our_text_is_refused(cluster: Cluster) -> None:
    cluster.make("latin", "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    with pytest.raises(StoreError, match="encoding is LATIN1"):
        Store.open(cluster.url("latin"))


def test_a_server_that_is_too_old_is_refused(cluster: Cluster, shared: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "OLDEST", 99)
    with pytest.raises(StoreError, match=r"PostgreSQL \d+ is too old \(use PostgreSQL 99 or newer\)"):
        Store.open(cluster.url(shared))


@pytest.mark.parametrize("wrong", ["password", "port", "database", "host"])
def test_what_cannot_be_reached_is_one_line_without_the_password(cluster: Cluster, shared: str, wrong: str) -> None:
    url = {
        "password": cluster.tcp(shared, password=f"{PASSWORD}-wrong"),
        "port": cluster.tcp(shared, port=1),
        "database": cluster.tcp("nowhere"),
        "host": f"postgresql://monitor:{PASSWORD}@nowhere.invalid/{shared}",
    }[wrong]
    with pytest.raises(StoreUnwritable, match="cannot be reached") as caught:
        Store.open(url)
    assert PASSWORD not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 4
    assert PASSWORD not in repr(address(url))


@pytest.mark.parametrize("secret", ["se/cret", "se@cret", "12/se@cret", "se#cret", "se?cret", "%zz", "a:b:c@d"])
def test_a_url_that_cannot_be_read_is_refused_without_a_part_of_it(secret: str) -> None:
    with pytest.raises((UsageError, StoreUnwritable)) as caught:
        Store.open(f"postgresql://monitor:{secret}@127.0.0.1:1/db")
    assert "cret" not in str(caught.value)


def test_without_the_extra_one_line_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from monitor.store.store import Store\n"
        "from monitor.errors import UsageError\n"
        "try:\n    Store.open('postgresql://h/d')\nexcept UsageError as error:\n    print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "pip install 'goal-monitor[postgres]'" in said


WHERE = Address("postgresql://h/d", "", PASSWORD)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (psycopg.errors.SerializationFailure("x"), StoreBusy),
        (psycopg.errors.DeadlockDetected("x"), StoreBusy),
        (psycopg.errors.LockNotAvailable("x"), StoreBusy),
        (psycopg.errors.QueryCanceled("x"), StoreBusy),
        (psycopg.errors.IdleInTransactionSessionTimeout("x"), StoreBusy),
        (psycopg.errors.ReadOnlySqlTransaction("x"), StoreUnwritable),
        (psycopg.errors.InsufficientPrivilege("x"), StoreUnwritable),
        (psycopg.errors.DiskFull("x"), StoreUnwritable),
        (psycopg.errors.TooManyConnections("x"), StoreUnwritable),
        (psycopg.errors.AdminShutdown("x"), StoreUnwritable),
        (psycopg.errors.CannotConnectNow("x"), StoreUnwritable),
        (psycopg.errors.IoError("x"), StoreUnwritable),
        (psycopg.errors.ConnectionFailure("x"), StoreUnwritable),
        (psycopg.OperationalError(f"cannot: {PASSWORD}\nsecond line"), StoreUnwritable),
        (psycopg.errors.DataCorrupted("x"), StoreCorrupt),
        (psycopg.errors.IndexCorrupted("x"), StoreCorrupt),
        (psycopg.errors.UniqueViolation("x"), StoreError),
        (psycopg.errors.UndefinedTable("x"), StoreError),
        (psycopg.ProgrammingError(""), StoreError),
        (None, StoreError),
    ],
)
def test_every_error_of_the_server_has_its_meaning(error: psycopg.Error | None, kind: type[StoreError]) -> None:
    found = meaning(error, WHERE)
    assert type(found) is kind
    assert found.hint
    assert PASSWORD not in str(found)
    assert "second line" not in str(found)


# Moving


def filled(url: str) -> None:
    """Fill a store with records, an open incident's worth of messages, and a message that is dropped."""
    with Store.open(url) as store:
        for minute in range(5):
            run = make_run(minute)
            result = {"price": minute, "text": "\udc80 \0 ü" * 200}
            whole(store, run, good(run, Verdict.CHANGED, result), letter(f"e{minute}"), letter(f"e{minute}", "deals"))
        begin(store, make_run(9, watch="other"))
        store.pause_watch("other", None, NOW)
        store.drop_messages([3], NOW)


def content(url: str) -> list[object]:
    with Store.open(url) as store:
        runs = [store.record(record.id, raw=True) for record in store.history("espresso")]
        return [runs, store.state_of("espresso"), store.outbox(), store.unfinished(), store.pauses(NOW)]


def test_a_store_moves_whole_to_postgresql_and_back_into_a_file(cluster: Cluster, shared: str, tmp_path: Path) -> None:
    url, file, back = emptied(cluster, shared), str(tmp_path / "monitor.db"), tmp_path / "back.db"
    filled(file)
    with (
        closing(database.opened(file, create=False, busy_timeout=5, folder=None)) as source,
        closing(database.opened(url, create=False, busy_timeout=5, folder=None)) as target,
    ):
        moved = moving.move(source, target)
        assert (moved["runs"], moved["outbox"], moved["pauses"]) == (6, 10, 1)
        with pytest.raises(UsageError, match="holds records already"):
            moving.move(source, target)
    assert content(url) == content(file)
    with Store.open(url) as store:
        whole(store, run := make_run(10), good(run, Verdict.CHANGED), letter("later"))
        assert store.outbox()[0].id == 11  # numbers go on
        store.backup(back)
        with pytest.raises(UsageError, match="exists already"):
            store.backup(back)
    assert content(str(back)) == content(url)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["back.db", "monitor.db"]


def test_a_move_that_breaks_leaves_the_target_empty(
    cluster: Cluster, shared: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, file = emptied(cluster, shared), str(tmp_path / "monitor.db")
    filled(file)
    names = [table.name for table in moving.TABLES]
    monkeypatch.setattr(moving, "TABLES", (*moving.TABLES, moving.TABLES[names.index("runs")]))  # rows twice
    with (
        closing(database.opened(file, create=False, busy_timeout=5, folder=None)) as source,
        closing(database.opened(url, create=False, busy_timeout=5, folder=None)) as target,
        pytest.raises(StoreError),
    ):
        moving.move(source, target)
    with Store.open(url) as store:
        assert store.history("espresso") == store.outbox() == []


def test_beats_are_much_shorter_than_what_they_are_waited_for() -> None:
    assert owners.BEAT * 3 <= owners.LOST
    assert owners.LOST < owners.STALE
    assert connecting.IDLE < owners.STALE
