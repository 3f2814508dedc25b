"""The checker: one history, made of a database, the API's ledger of billed runs and a sink's log, against the promises.

Reads the tables by plain SQL, so that a defect of the store does not hide itself. Each promise is a function of its own
that yields what breaks it, in words. Must not know how a history came about.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from monitor.store.columns import unpack

REFERENCE = re.compile(r"\[ref (\w+)\]")
REPEAT = "possible repeat"
GOOD = ("BASELINE", "CHANGED", "UNCHANGED")
NEWS = ("BASELINE", "CHANGED")
NOT_RUN = ("MISSED", "SKIPPED")


@dataclass(frozen=True, slots=True)
class Billed:
    """A run that the API made: the goal it was given, and what it gave; times are monotonic, `end` None for never."""

    run_id: str
    goal: str
    begin: float
    end: float | None
    completed: bool
    result: Any

    @property
    def reference(self) -> str:
        """The reference in its goal: the id of the row for which it was started."""
        found = REFERENCE.search(self.goal)
        return found.group(1) if found else ""


@dataclass(frozen=True, slots=True)
class Copy:
    """A message that a target took."""

    target: str
    text: str
    at: float


@dataclass(frozen=True, slots=True)
class History:
    """All that is left of some lives of `monitor` on one workspace, drained at the end.

    `kills` are the monotonic times before which a life had been ended by force and after which the next one began.
    `due` are, for each watch, the occurrences that must have a record (microseconds); `to` the targets that are told.
    `judged` are rows that were seen judged at some time, with their verdicts; `earlier` those whose messages went
    before the sink's log begins. `closed` are the (target, event) that were seen done, and when.
    """

    database: Path
    billed: Sequence[Billed]
    copies: Sequence[Copy]
    kills: Sequence[float]
    due: Mapping[str, Sequence[int]]
    to: frozenset[str]
    judged: Mapping[str, str] = field(default_factory=dict)
    earlier: frozenset[str] = frozenset()
    closed: Mapping[tuple[str, str], float] = field(default_factory=dict)


Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Tables:
    runs: list[Row]
    states: dict[str, Row]
    outbox: list[Row]
    told: dict[str, list[Row]]  # the rows of the outbox by run


def violations(history: History) -> list[str]:
    """Return every promise that the history breaks, in words; nothing for a good one."""
    with closing(sqlite3.connect(history.database)) as connection:
        connection.row_factory = sqlite3.Row
        damage = list(_damage(connection))
        tables = _read(connection)
    checks = (_recorded, _finished, _billed_once, _kept, _apart, _truth, _told, _delivered)
    return damage + [broken for check in checks for broken in check(history, tables)]


def summed(history: History) -> Counter[str]:
    """Return what the history holds: occurrences, billed runs, messages, and copies beyond the first."""
    with closing(sqlite3.connect(history.database)) as connection:
        connection.row_factory = sqlite3.Row
        tables = _read(connection)
    copies = Counter((copy.target, event) for copy, event in _events(history, tables))
    return Counter(
        {
            "occurrences": len({(row["watch"], row["due_at"]) for row in tables.runs}),
            "runs billed": len(history.billed),
            "messages": len(tables.outbox),
            "messages that came more than once": sum(count > 1 for count in copies.values()),
        }
    )


def _damage(connection: sqlite3.Connection) -> Iterator[str]:
    """R2: the file is whole, and no row refers to nothing."""
    try:
        yield from (f"R2: {row[0]}" for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok")
        for row in connection.execute("PRAGMA foreign_key_check"):
            yield f"R2: a row of {row[0]} refers to nothing"
    except sqlite3.DatabaseError as error:
        yield f"R2: {error}"


def _read(connection: sqlite3.Connection) -> _Tables:
    def rows(query: str) -> list[Row]:
        return [dict(row) for row in connection.execute(query)]

    told: dict[str, list[Row]] = defaultdict(list)
    outbox = rows("SELECT * FROM outbox ORDER BY id")
    for row in outbox:
        told[row["run"]].append(row)
    states = {row["watch"]: row for row in rows("SELECT * FROM watch_state")}
    return _Tables(rows("SELECT * FROM runs WHERE dry = 0 ORDER BY watch, due_at, attempt"), states, outbox, told)


def _recorded(history: History, tables: _Tables) -> Iterator[str]:
    """A4, G1: each occurrence has exactly one record for each attempt, and what was judged once stays as it was."""
    for key, count in Counter((row["watch"], row["due_at"], row["attempt"]) for row in tables.runs).items():
        if count > 1:
            yield f"A4: {count} records of {key[0]}, due {key[1]}, attempt {key[2]}"
    first = {(row["watch"], row["due_at"]) for row in tables.runs if row["attempt"] == 1}
    for watch, due in history.due.items():
        lost = [instant for instant in due if (watch, instant) not in first]
        if lost:
            yield f"G1: {len(lost)} occurrences of {watch} have no record, the first is due {lost[0]}"
    now = {row["id"]: row["verdict"] for row in tables.runs}
    for row_id, verdict in history.judged.items():
        if now.get(row_id) != verdict:
            yield f"B10: run {row_id} was {verdict} and is {now.get(row_id, 'gone')}"


def _finished(_: History, tables: _Tables) -> Iterator[str]:
    """G1, C1: nothing is left half way."""
    for row in tables.runs:
        if row["stage"] != "judged":
            yield f"G1: run {row['id']} of {row['watch']} is left at {row['stage']}"
    for row in tables.outbox:
        if row["state"] != "done":
            yield f"C1: event {row['event']} for {row['target']} is left {row['state']}: {row['error']}"


def _billed_once(history: History, tables: _Tables) -> Iterator[str]:
    """A1 to A4: at most one billed run for each attempt, and none without its row."""
    rows = {row["id"]: row for row in tables.runs}
    for reference, count in Counter(run.reference for run in history.billed).items():
        if count > 1:
            yield f"A1: {count} runs were billed for attempt {reference}"
        if reference not in rows:
            yield f"A2: a run was billed for {reference or 'no reference'}, of which there is no row"
        elif rows[reference]["verdict"] in NOT_RUN:
            yield f"A4: a run was billed for {reference}, which is recorded {rows[reference]['verdict']}"


def _kept(history: History, tables: _Tables) -> Iterator[str]:
    """B6: what was paid for and completed is recorded as a good result under its remote id."""
    rows = {row["id"]: row for row in tables.runs}
    for run in history.billed:
        row = rows.get(run.reference)
        if row is not None and run.completed and (row["run_id"], row["verdict"] in GOOD) != (run.run_id, True):
            yield f"B6: {run.run_id} completed and is recorded {row['verdict']} ({row['code']}) as {row['run_id']}"


def _apart(history: History, tables: _Tables) -> Iterator[str]:
    """R7, D4: no two runs of a watch went on at the API at once."""
    watch_of = {row["id"]: row["watch"] for row in tables.runs}
    by_watch: dict[str, list[Billed]] = defaultdict(list)
    for run in history.billed:
        by_watch[watch_of.get(run.reference, "")].append(run)
    for watch, runs in by_watch.items():
        for before, after in pairwise(sorted(runs, key=lambda run: run.begin)):
            if watch and (before.end is None or after.begin < before.end):
                yield f"D4: {after.run_id} of {watch} began while {before.run_id} went on"


def _truth(history: History, tables: _Tables) -> Iterator[str]:
    """B1, B3: a change is recorded exactly where two good results in a row differ, and the baseline is the last."""
    given = {run.reference: run.result for run in history.billed if run.completed}
    last: dict[str, tuple[str, Any]] = {}  # by watch: the row that should be the baseline, and its result
    for row in tables.runs:
        if row["verdict"] not in GOOD:
            continue
        stored = None if row["result"] is None else unpack(row["result"])
        result = given.get(row["id"], stored)
        if stored is not None and stored != result:
            yield f"B6: run {row['id']} gave {result} and {stored} is stored"
        before = last.get(row["watch"])
        expected = "BASELINE" if before is None else "UNCHANGED" if before[1] == result else "CHANGED"
        if row["verdict"] != expected:
            yield f"B3: run {row['id']} of {row['watch']} is {row['verdict']} and should be {expected}"
        if row["verdict"] in NEWS:
            last[row["watch"]] = row["id"], result
    for watch, (row_id, _) in last.items():
        state = tables.states.get(watch)
        if state is None or state["baseline_run"] != row_id:
            yield f"B1: the baseline of {watch} is {state and state['baseline_run']} and should be {row_id}"


def _told(history: History, tables: _Tables) -> Iterator[str]:
    """B5: each record has the messages that it counts, and each event one row for every target."""
    for row in tables.runs:
        events: dict[str, set[str]] = defaultdict(set)
        for message in tables.told[row["id"]]:
            events[message["event"]].add(message["target"])
        if len(events) != row["notifications"] or (row["verdict"] in NEWS and not events):
            yield f"B5: run {row['id']} is {row['verdict']} with {row['notifications']} events, not {len(events)}"
        for event, targets in events.items():
            if targets != history.to:
                yield f"B5: event {event} has rows for {sorted(targets)}, not for {sorted(history.to)}"


def _delivered(history: History, tables: _Tables) -> Iterator[str]:
    """C1, C2: each message came at least once; two copies have a kill between them, and the second says what it is."""
    came: dict[tuple[str, str], list[Copy]] = defaultdict(list)
    for copy, event in _events(history, tables):
        came[copy.target, event].append(copy)
        if not event:
            yield f"C1: {copy.target} was sent a message that is not stored: {copy.text[:200]!r}"
    for row in tables.outbox:
        copies = sorted(came.get((row["target"], row["event"]), []), key=lambda copy: copy.at)
        if not copies and row["run"] not in history.earlier and row["state"] == "done":
            yield f"C1: event {row['event']} is done, and {row['target']} never took it"
        closed = history.closed.get((row["target"], row["event"]))
        if closed is not None and copies and copies[-1].at > closed:
            yield f"C2: {row['target']} was sent event {row['event']} again after it was closed"
        for before, after in pairwise(copies):
            if not any(before.at <= kill <= after.at for kill in history.kills):
                yield f"C2: {row['target']} was sent event {row['event']} twice without a kill in between"
            if REPEAT not in after.text:
                yield f"C2: {row['target']} was sent event {row['event']} twice, and the second is not marked"


def _events(history: History, tables: _Tables) -> Iterator[tuple[Copy, str]]:
    known = {row["event"] for row in tables.outbox}
    for copy in history.copies:
        found = dict.fromkeys(word for word in re.findall(r"event (\w+)", copy.text) if word in known)
        yield from ((copy, event) for event in found or [""])  # a digest holds several
