"""The runs of the embedded agent in one SQLite file. Calls are short and blocking.

`Runner` makes them in a thread of its own.

Owns the table and the rule that a run cut by its process's death ends FAILED. Must not know HTTP or how a run is done.
A rollback journal, not WAL: see reliability.md, finding 10.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.embedded.captures import Captures, Kind
from monitor.embedded.owners import Owner
from monitor.errors import StoreBusy, StoreCorrupt, StoreError, StoreNewer, StoreUnwritable

if TYPE_CHECKING:
    from collections.abc import Iterator

_VERSION = 1
_KEEP = 10_000
_CAPTURE_BYTES = 256 * 1024 * 1024  # as stored; the oldest captures go first
_TABLE = """
CREATE TABLE IF NOT EXISTS runs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL,
    goal_folded TEXT NOT NULL,
    created_at TEXT NOT NULL,
    owner TEXT NOT NULL,
    record TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS captures (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL,
    step_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    size INTEGER NOT NULL,
    content BLOB NOT NULL,
    UNIQUE (run_id, step_id, kind)
);
CREATE TABLE IF NOT EXISTS cancels (run_id TEXT PRIMARY KEY);
CREATE INDEX IF NOT EXISTS captures_sizes ON captures (seq, size);
CREATE INDEX IF NOT EXISTS runs_unfinished ON runs (owner) WHERE status IN ('PENDING', 'RUNNING');
"""


@dataclass(frozen=True, slots=True)
class Query:
    """Filters of `GET /v1/runs`; instants in the wire's own form, so that they compare as text."""

    status: str | None = None
    goal: str | None = None
    created_after: str | None = None
    created_before: str | None = None
    descending: bool = True
    after_seq: int | None = None
    limit: int = 20


@dataclass(frozen=True, slots=True)
class Found:
    """One page of runs; `next_seq` is where the following page goes on, None if there is none."""

    runs: list[dict[str, Any]]
    total: int
    next_seq: int | None


class Ledger:
    """The table of runs, opened by one agent of possibly several on the same file."""

    def __init__(self, path: Path, *, now: str) -> None:
        """Open or create the file and fail the runs of dead owners as of `now`; raises StoreError and its kinds."""
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not path.exists():
                path.touch(mode=0o600)  # what pages said is for the owner's eyes (reliability.md row 54)
        except OSError as problem:
            raise StoreUnwritable(f"{path} cannot be made: {problem.strerror}") from problem
        with self._translated():
            self._db = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version > _VERSION:
                raise StoreNewer(f"{path} was written by a newer version of this program")
            self._db.executescript(f"PRAGMA synchronous = NORMAL;{_TABLE}PRAGMA user_version = {_VERSION};")
        self._owner = Owner(path)
        self._fail_the_dead(now)
        self.prune()

    def add(self, run: Mapping[str, Any]) -> None:
        """Store a new run, before anybody is told its id."""
        row = (run["run_id"], run["status"], run["goal"].casefold(), run["created_at"], self._owner.id, _dump(run))
        with self._translated():
            self._db.execute(
                "INSERT INTO runs (run_id, status, goal_folded, created_at, owner, record) VALUES (?, ?, ?, ?, ?, ?)",
                row,
            )

    def put(self, run: Mapping[str, Any]) -> None:
        """Store the present state of a run."""
        with self._translated():
            self._db.execute(
                "UPDATE runs SET status = ?, record = ? WHERE run_id = ?", (run["status"], _dump(run), run["run_id"])
            )

    def keep(self, run_id: str, captures: Captures) -> None:
        """Store the captures of a run, compressed, and forget the oldest beyond 256 MiB."""
        packed = [(run_id, step, kind, zlib.compress(content, 6)) for step, kind, content in captures]
        rows = [(run, step, kind, len(content), content) for run, step, kind, content in packed]
        insert = "INSERT OR REPLACE INTO captures (run_id, step_id, kind, size, content) VALUES (?, ?, ?, ?, ?)"
        beyond = (
            "DELETE FROM captures WHERE seq IN (SELECT seq FROM"
            " (SELECT seq, sum(size) OVER (ORDER BY seq DESC) AS above FROM captures) WHERE above > ?)"
        )
        with self._translated():
            self._db.executemany(insert, rows)
            self._db.execute(beyond, (_CAPTURE_BYTES,))

    def captured(self, run_id: str, kind: Kind) -> dict[str, bytes]:
        """Return what was captured of a run, by step."""
        with self._translated():
            rows = self._db.execute(
                "SELECT step_id, content FROM captures WHERE run_id = ? AND kind = ? ORDER BY seq", (run_id, kind)
            ).fetchall()
        return {step: zlib.decompress(content) for step, content in rows}

    def get(self, run_id: str) -> dict[str, Any] | None:
        """Return a run, or None if there is no such run."""
        with self._translated():
            row = self._db.execute("SELECT record FROM runs WHERE run_id = ?", (run_id,)).fetchone()
        return _load(row[0]) if row else None

    def find(self, query: Query) -> Found:
        """Return one page of the runs that match, newest first unless asked otherwise."""
        where, values = _where(query)
        order, beyond = ("DESC", "<") if query.descending else ("ASC", ">")
        paged, paged_values = list(where), list(values)
        if query.after_seq is not None:
            paged.append(f"seq {beyond} ?")
            paged_values.append(query.after_seq)
        # The pieces are constants of this module; every value is bound.
        count = f"SELECT count(*) FROM runs{_clause(where)}"  # nosec B608 # noqa: S608
        page = f"SELECT seq, record FROM runs{_clause(paged)} ORDER BY seq {order} LIMIT ?"  # nosec B608 # noqa: S608
        with self._translated():
            (total,) = self._db.execute(count, values).fetchone()
            rows = self._db.execute(page, (*paged_values, query.limit + 1)).fetchall()
        more = len(rows) > query.limit
        rows = rows[: query.limit]
        return Found([_load(record) for _seq, record in rows], total, rows[-1][0] if more else None)

    def ask_cancel(self, run_id: str) -> None:
        """Leave word for the process that works on a run that it is to be cancelled."""
        with self._translated():
            self._db.execute("INSERT OR IGNORE INTO cancels (run_id) VALUES (?)", (run_id,))

    def cancel_asked(self, run_id: str) -> bool:
        """Return whether some process left word that a run is to be cancelled."""
        with self._translated():
            return self._db.execute("SELECT 1 FROM cancels WHERE run_id = ?", (run_id,)).fetchone() is not None

    def prune(self) -> None:
        """Forget finished runs beyond the newest 10,000, and what was captured of them."""
        with self._translated():
            self._db.execute(
                "DELETE FROM runs WHERE status NOT IN ('PENDING', 'RUNNING')"
                " AND seq <= (SELECT max(seq) FROM runs) - ?",
                (_KEEP,),
            )
            self._db.execute("DELETE FROM captures WHERE run_id NOT IN (SELECT run_id FROM runs)")
            self._db.execute("DELETE FROM cancels WHERE run_id NOT IN (SELECT run_id FROM runs)")

    def close(self) -> None:
        """Close the file and let go of its runs; closing twice is harmless."""
        self._db.close()
        self._owner.release()

    def _fail_the_dead(self, now: str) -> None:
        select = "SELECT owner, record FROM runs WHERE status IN ('PENDING', 'RUNNING')"
        with self._translated():
            rows = self._db.execute(select).fetchall()
        dead = {owner for owner in {row[0] for row in rows} if owner != self._owner.id and self._owner.is_dead(owner)}
        for owner, record in rows:
            if owner in dead:
                self.put(cut(_load(record), now))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as problem:
            text = str(problem)
            if "locked" in text or "busy" in text:
                raise StoreBusy(f"{self.path} is locked by another process") from problem
            raise StoreUnwritable(f"{self.path}: {text}") from problem
        except sqlite3.DatabaseError as problem:
            kind = StoreError if isinstance(problem, sqlite3.IntegrityError) else StoreCorrupt
            raise kind(f"{self.path}: {problem}") from problem


def cut(run: dict[str, Any], now: str) -> dict[str, Any]:
    """Return `run` as it ends when its agent was stopped or died under it."""
    error = {
        "code": "AGENT_STOPPED",
        "message": "the embedded agent stopped while this run was under way",
        "category": "SYSTEM_FAILURE",
        "retry_after": 1,
    }
    return run | {"status": "FAILED", "finished_at": now, "error": error, "num_of_steps": len(run["steps"])}


def _where(query: Query) -> tuple[list[str], list[Any]]:
    conditions = {
        "status = ?": query.status,
        "instr(goal_folded, ?) > 0": query.goal.casefold() if query.goal else None,
        "created_at >= ?": query.created_after,
        "created_at <= ?": query.created_before,
    }
    asked = {condition: value for condition, value in conditions.items() if value is not None}
    return list(asked), list(asked.values())


def _clause(conditions: list[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def _dump(run: Mapping[str, Any]) -> str:
    return json.dumps(run, ensure_ascii=True, separators=(",", ":"))


def _load(record: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(record)
    return loaded
