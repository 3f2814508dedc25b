"""Other threads, other processes, locks, full disks and kill -9."""

from __future__ import annotations

import inspect
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import event

from monitor.errors import StoreBusy, StoreUnwritable
from monitor.judge.decision import Verdict, WatchState
from monitor.store.definitions import Loaded, Reload
from monitor.store.records import Begun, Rejudging
from monitor.store.store import Store
from monitor.watch.run import Trigger, new_id
from tests.store.scenes import (
    NOW,
    OWNER,
    Opener,
    at,
    begin,
    completed,
    finish,
    good,
    letter,
    make_run,
    of_a_file,
    whole,
)

ROOT = Path(__file__).parents[2]
PRELUDE = """
import sys
from tests.store.scenes import *
store = Store.open(sys.argv[1])
"""


@contextmanager
def process(program: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process that is killed at the end."""
    child = subprocess.Popen(
        [sys.executable, "-c", PRELUDE + program, *arguments],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


REJUDGING = Rejudging(make_run(1), completed(), WatchState(), "newest")

RECORD: Any = SimpleNamespace(id="x", watch="w", generation="g1")

# Every public method, with what it is called with; a test holds the list against the class.
WRITES: dict[str, Callable[[Store], object]] = {
    "begin_run": lambda store: store.begin_run(make_run(99), goal="g", generation="g1", owner=OWNER, now=NOW),
    "accepted": lambda store: store.accepted(make_run(1).id, "run_1", None, NOW),
    "settle": lambda store: store.settle(make_run(1).id, completed(), NOW),
    "commit": lambda store: store.commit(run := make_run(1), completed(), good(run), [], now=NOW, owner=OWNER),
    "record_skip": lambda store: store.record_skip("w", NOW, Trigger.CRON, Verdict.SKIPPED, "OVERLAP", "x", NOW),
    "take_over": lambda store: store.take_over("x", "a", "b"),
    "drop_retry": lambda store: store.drop_retry(make_run(1)),
    "claim": lambda store: store.claim(NOW, 1, "s"),
    "delivered": lambda store: store.delivered(1, NOW),
    "put_back": lambda store: store.put_back(1, NOW, "x", NOW),
    "bury": lambda store: store.bury(1, "x", NOW),
    "open_stop": lambda store: store.open_stop("auth", code="AUTH", message="m", run="x", key_digest=None, now=NOW),
    "close_stop": lambda store: store.close_stop("auth", now=NOW),
    "claim_probe": lambda store: store.claim_probe("auth", NOW),
    "tell_once": lambda store: store.tell_once("key", [], "x", NOW),
    "pause_until": lambda store: store.pause_until(at(1), NOW),
    "prune": lambda store: store.prune(NOW, timedelta(days=365), sleep=lambda _: None),
    "pruning": lambda store: list(store.pruning(NOW, timedelta(days=365))),
    "rename": lambda store: store.rename("a", "b", NOW),
    "see": lambda store: store.see(["w"], [], NOW),
    "tell_unrun": lambda store: store.tell_unrun("w", lambda run, state: (state, []), NOW),
    "revive": lambda store: store.revive("ops", "digest", NOW, removed_since=NOW),
    "retry_messages": lambda store: store.retry_messages([1], NOW),
    "drop_messages": lambda store: store.drop_messages([1], NOW),
    "run_definitions": lambda store: store.run_definitions({"w": Loaded({"url": "x"}, 1)}, NOW),
    "redefine": lambda store: store.redefine({"w": Loaded({"url": "x"}, 1)}, ["v"], Reload(NOW), NOW),
    "accept": lambda store: store.accept([1], "x", NOW),
    "pause_watch": lambda store: store.pause_watch("w", None, NOW),
    "resume_watch": lambda store: store.resume_watch("w", NOW),
    "restate": lambda store: store.restate(make_run(1).id, "g", "digest", NOW),
    "rejudged": lambda store: store.rejudged(REJUDGING, good(make_run(1)), generation="g1", now=NOW),
    "probe_write": lambda store: store.probe_write(NOW),
    "beat": lambda store: store.beat(["outbox"], NOW, NOW),
    "still": lambda store: store.still(),
    "order": lambda store: store.order("somebody", "run", "w", NOW, watch="w"),
    "ended_order": lambda store: store.ended_order(1, "done"),
    "keep_progress": lambda store: store.keep_progress(make_run(1).id, []),
}
READS: dict[str, Callable[[Store], object]] = {
    "release": lambda store: store.release(lambda _: True),
    "asked_for_time": lambda store: store.asked_for_time("x", NOW),
    "unstick": lambda store: store.unstick(NOW, NOW),
    "records": lambda store: list(store.records("w")),
    "baseline_before": lambda store: store.baseline_before(RECORD),
    "heartbeats": lambda store: store.heartbeats(),
    "state_of": lambda store: store.state_of("w"),
    "unfinished": lambda store: store.unfinished(),
    "in_flight": lambda store: store.in_flight(),
    "due_retries": lambda store: store.due_retries(NOW),
    "waiting_retry": lambda store: store.waiting_retry("w"),
    "history": lambda store: store.history("w"),
    "latest_result": lambda store: store.latest_result("w"),
    "record": lambda store: store.record("01JABCDEF"),
    "watch_rows": lambda store: store.watch_rows(NOW),
    "runs_since": lambda store: store.runs_since(None, NOW),
    "last_occurrence": lambda store: store.last_occurrence("w"),
    "first_seen": lambda store: store.first_seen(),
    "definitions": lambda store: store.definitions(),
    "generations": lambda store: store.generations(),
    "dead_letters": lambda store: store.dead_letters(),
    "refusing": lambda store: store.refusing(),
    "find_messages": lambda store: store.find_messages("e1"),
    "held": lambda store: store.held(NOW, ["change"]),
    "pauses": lambda store: store.pauses(NOW),
    "past_runs": lambda store: list(store.past_runs("w")),
    "schema_refused_at": lambda store: store.schema_refused_at("digest"),
    "silent_since": lambda store: store.silent_since(NOW),
    "told_before": lambda store: store.told_before(NOW),
    "looked_back": lambda store: store.looked_back("w", "g1", ["/price"], NOW),
    "counts": lambda store: store.counts(),
    "outbox": lambda store: store.outbox(),
    "outbox_counts": lambda store: store.outbox_counts(),
    "next_delivery_at": lambda store: store.next_delivery_at(NOW),
    "stops": lambda store: store.stops(),
    "paused_until": lambda store: store.paused_until(NOW),
    "occurrence_counts": lambda store: store.occurrence_counts("w", NOW),
    "occurrences": lambda store: store.occurrences("w", NOW),
    "outcome_of_record": lambda store: store.outcome_of_record("x"),
    "rejudging": lambda store: store.rejudging("x"),
    "earlier_judgements": lambda store: store.earlier_judgements("x"),
    "backup": lambda store: store.backup(store.path.with_name("copy.db")),
    "messages_of": lambda store: store.messages_of("x"),
    "orders": lambda store: store.orders(),
    "progress": lambda store: store.progress("x"),
    "signs": lambda store: store.signs(NOW),
    "view": lambda store: store.view(lambda connection: connection.exec_driver_sql("SELECT count(*) FROM runs")),
    "last_reload": lambda store: store.last_reload(),
    "steps_since": lambda store: store.steps_since(NOW),
    "integrity": lambda store: store.integrity(),
}


def test_no_public_method_is_left_out_here() -> None:
    public = {name for name, _ in inspect.getmembers(Store, inspect.isfunction) if not name.startswith("_")}
    assert public - {"open", "close", "outcome_of", "owner", "daemon_is_gone"} == WRITES.keys() | READS.keys()


@of_a_file
@pytest.mark.parametrize("name", [*WRITES, *READS])
def test_every_method_says_that_the_store_is_locked(opener: Opener, name: str) -> None:
    store = opener(busy_timeout=0.05)
    lock = sqlite3.connect(opener.path, isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    act = (WRITES | READS)[name]
    if name in {"accepted", "settle"}:
        store._held = _Everything()
    if name in READS and store.journal.startswith("wal"):
        act(store)  # there, readers pass writers
    else:
        with pytest.raises(StoreBusy):
            act(store)
    lock.execute("ROLLBACK")
    lock.close()
    store.probe_write(NOW)  # and it goes on as soon as the lock is gone


class _Everything(dict[str, str]):
    """Holds every run, so that a test reaches the statement behind the question."""

    def get(self, key: str, default: object = None) -> str:  # type: ignore[override]
        return OWNER


def test_a_read_that_is_over_holds_nothing_up(opener: Opener) -> None:
    store = opener(busy_timeout=0.05)
    for read in READS.values():
        read(store)
    opener(busy_timeout=0.05).probe_write(NOW)


@of_a_file
def test_a_second_writing_thread_waits_its_turn_and_then_gives_up(opener: Opener) -> None:
    store = opener(busy_timeout=0.05)
    with store._database.write(), pytest.raises(StoreBusy, match="another thread"):
        store._database.write().__enter__()
    store.probe_write(NOW)


def test_of_threads_that_begin_one_occurrence_one_wins(opener: Opener) -> None:
    """A4: of threads that begin one occurrence one wins."""
    stores = [opener() for _ in range(2)]
    start, won = threading.Barrier(6), []

    def race(number: int) -> None:
        start.wait()
        for minute in range(10):
            run = make_run(minute, watch=f"watch-{minute}")
            answer = stores[number % 2].begin_run(run, goal="g", generation="g1", owner=f"01J{number}", now=NOW)
            if isinstance(answer, Begun):
                won.append(minute)
            else:
                assert answer.reason == "recorded"

    threads = [threading.Thread(target=race, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == list(range(10))


def test_of_processes_that_begin_one_occurrence_one_wins(opener: Opener) -> None:
    """reliability.md A4: two daemons, one database."""
    opener()
    program = """
print("ready", flush=True)
sys.stdin.readline()
for minute in range(40):
    run = make_run(minute, watch=f"w{minute}")
    answer = store.begin_run(run, goal="g", generation="g1", owner=sys.argv[2], now=NOW)
    if isinstance(answer, Begun):
        print(minute, flush=True)
print("end", flush=True)
"""
    path = opener.url
    with process(program, path, "01JA") as one, process(program, path, "01JB") as other:
        assert line(one) == line(other) == "ready"
        for child in (one, other):
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        won = [[*iter(lambda child=child: line(child), "end")] for child in (one, other)]  # type: ignore[misc]
    assert sorted(map(int, won[0] + won[1])) == list(range(40))


LOOP = """
for number in range(int(sys.argv[2]), 10**6):
    run = make_run(number)
    begin(store, run)
    print("begun", run.id, flush=True)
    end = completed({"price": number, "text": "x" * 20_000})
    store.settle(run.id, end, NOW)
    print("settled", run.id, flush=True)
    decision = good(run, Verdict.CHANGED, end.result)
    store.commit(run, end, decision, [letter(run.id, target) for target in ("a", "b", "c")], now=NOW)
    print("judged", run.id, flush=True)
    store.claim(NOW, 2, "s")
"""


def test_kill_9_anywhere_loses_nothing_that_was_committed_and_halves_nothing(opener: Opener) -> None:
    """reliability.md B5, C1, row 106: what was said to be committed is there, and each decision is whole."""
    chance = random.Random(20261121)
    said: dict[str, str] = {}
    for _ in range(5):
        opener.close()
        store = opener()
        with process(LOOP, opener.url, str(len(store.history("espresso")) + 1_000 * len(said))) as child:
            for _ in range(chance.randint(1, 12)):
                stage, run_id = line(child).split()
                said[run_id] = stage
            for _ in range(chance.randint(0, 20_000)):
                pass
            child.send_signal(signal.SIGKILL)
            child.wait()
            rest = child.stdout.read() if child.stdout else ""
        said |= {
            words[1]: words[0] for words in map(str.split, rest.splitlines()) if len(words) == 2 and len(words[1]) == 26
        }
        check_whole(store, said)
        for left in store.unfinished():
            assert store.take_over(left.run.id, OWNER, "01JNEXT")
            outcome = Store.outcome_of(left) if left.outcome else completed({"price": -1})
            decision = good(left.run, Verdict.CHANGED, outcome.result)  # type: ignore[attr-defined]
            told = [letter(left.run.id, target) for target in "abc"]
            store.commit(left.run, outcome, decision, told, now=NOW)
            said[left.run.id] = "judged"


def check_whole(store: Store, said: dict[str, str]) -> None:
    records = {record.id: record for record in store.history("espresso", limit=10_000)}
    unfinished = {left.run.id: left for left in store.unfinished()}
    for run_id, stage in said.items():
        assert run_id in records or (stage != "judged" and run_id in unfinished)
        if stage == "settled" and run_id in unfinished:
            assert unfinished[run_id].outcome is not None
    letters: dict[str, set[str]] = {}
    for row in store.outbox(limit=100_000):
        letters.setdefault(row.run, set()).add(row.target)
    assert letters == {run_id: {"a", "b", "c"} for run_id in records}
    baseline = store.state_of("espresso").baseline
    assert (baseline.run if baseline else None) == max(records, default=None)
    assert store.integrity() == []


FULL = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
run = begin(store, make_run())
store.probe_write(NOW)
size = store.path.stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 8_192, size + 8_192))
from monitor.errors import StoreUnwritable
import random
text = "".join(random.Random(1).choices("abcdefghijklmnop", k=400_000))
try:
    store.settle(run.id, completed({"text": text}), NOW)
except StoreUnwritable as error:
    print("unwritable", error)
print(store.unfinished()[0].stage, store.integrity())
"""


@of_a_file
def test_a_disk_that_fills_up_stops_the_write_and_harms_nothing(opener: Opener) -> None:
    """reliability.md R3, row 101, with the operating system refusing to let the file grow."""
    with process(FULL, opener.url) as child:
        said, _ = child.communicate()
    first, second = said.splitlines()
    assert first.startswith("unwritable")
    assert "check disk space" in first
    assert second == "intent []"
    store = opener()
    (left,) = store.unfinished()
    store.take_over(left.run.id, OWNER, "01JNEXT")
    finish(store, left.run, good(left.run))


TMPFS = """
from monitor.errors import StoreUnwritable
import random
run = begin(store, make_run())
text = "".join(random.Random(1).choices("abcdefghijklmnop", k=400_000))
outcome, decision = completed({"text": text}), good(run, result={"text": text})
ballast = store.path.with_name("ballast")
ballast.write_bytes(b"x" * int(sys.argv[2]))
refused = 0
for size in (1_400_000, 1_100_000, 800_000, 0, 0):
    for call in (lambda: store.settle(run.id, outcome, NOW),
                 lambda: store.commit(run, outcome, decision, [letter("e1")], now=NOW)):
        try:
            call()
        except StoreUnwritable as error:
            refused += 1
            print(error, file=sys.stderr)
            assert store.state_of("espresso").baseline is None and store.outbox() == [], "halved"
            break
    else:
        break
    with ballast.open("r+b") as file:
        file.truncate(size)
print(refused, len(store.outbox()), store.state_of("espresso").baseline.run == run.id, store.integrity(), flush=True)
"""


def test_a_file_system_without_space_refuses_a_commit_whole_and_takes_it_when_there_is_some(tmp_path: Path) -> None:
    """reliability.md R3, row 101, on a tmpfs of 2 MB in a mount namespace of our own."""
    script = f'mount -t tmpfs -o size=2m none "{tmp_path}" && exec "$@"'
    path = str(tmp_path / "monitor.db")
    command = ["unshare", "-r", "-m", "sh", "-c", script, "sh", sys.executable, "-c", PRELUDE + TMPFS, path, "1750000"]
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-r", "-m", "true"], check=False).returncode:
        pytest.skip("this machine lets nobody make a mount namespace")
    ended = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr
    refused, rest = ended.stdout.split(maxsplit=1)
    assert int(refused) >= 1
    assert rest.strip() == "1 True []"


@of_a_file
def test_a_full_database_is_unwritable_and_goes_on_when_there_is_room(store: Store) -> None:
    run = begin(store, make_run())
    engine = store._database._engine
    outcome = completed({"text": "".join(random.Random(1).choices("abcdefghijklmnop", k=400_000))})

    def no_room(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # SQLite makes it the present size

    engine.dispose()
    event.listen(engine, "connect", no_room)
    with pytest.raises(StoreUnwritable, match="full"):
        store.settle(run.id, outcome, NOW)
    event.remove(engine, "connect", no_room)
    store.settle(run.id, outcome, NOW)  # the connection that failed was thrown away
    assert store.unfinished()[0].stage == "settled"


@of_a_file
def test_a_store_that_may_only_be_read_can_be_read(opener: Opener) -> None:
    record = whole(opener(), run := make_run(), good(run), letter("e1"))
    opener.close()
    read_only = opener()
    engine = read_only._database._engine
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA query_only = ON"))
    assert read_only.history("espresso") == [record]
    with pytest.raises(StoreUnwritable):
        read_only.probe_write(NOW)


def test_reads_see_one_state_while_another_thread_writes(opener: Opener) -> None:
    """Readers never see half a decision, and nobody gets an error."""
    store, done = opener(), threading.Event()
    wrong: list[object] = []

    def read() -> None:
        reader = opener()
        while not done.is_set():
            row = reader.watch_rows(at(-60))
            if row and (row[0].last_verdict is None or row[0].last_run is None):
                wrong.append(row)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for minute in range(40):
            run = begin(store, make_run(minute, id=new_id(at(minute))))
            finish(store, run, good(run, Verdict.CHANGED), letter(run.id))
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert len(store.history("espresso", limit=99)) == 40
