"""Records in lists: of one watch, or the newest changes and failures of all; each row without what only its page shows.

Pages go on from a cursor, the id of the last row, never from a number of rows. Reads only.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, LargeBinary, Row, Select, literal_column, select, type_coerce

from monitor.store.records import stamp
from monitor.store.tables import NEWS, runs
from monitor.store.views.bounds import TOO_LARGE, unpacked

MOST = 200  # rows of one page
MOST_CHANGES = 20  # of one row; its own page has all
_CHANGES = 64 * 2**10  # bytes of the JSON of the changes of one row
TELLING = frozenset({"CHANGED", "INVALID", "FAILED"})  # the verdicts of the index of all news


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of a list. `changes` are at most 20, `more` how many it has beside them, None where they are too many.

    `opened_at` is None for an occurrence that did not run.
    """

    run: str
    watch: str
    due_at: datetime
    opened_at: datetime | None
    finished_at: datetime | None
    trigger: str
    attempt: int
    dry: bool
    verdict: str
    code: str | None
    reason: str
    steps: int | None
    notifications: int
    changes: tuple[dict[str, Any], ...] = ()
    more: int | None = 0

    def as_json(self) -> dict[str, Any]:
        """Return the object of a list of the API."""
        return {
            "run": self.run,
            "watch": self.watch,
            "due_at": stamp(self.due_at),
            "opened_at": stamp(self.opened_at),
            "finished_at": stamp(self.finished_at),
            "trigger": self.trigger,
            "attempt": self.attempt,
            "dry": self.dry,
            "verdict": self.verdict,
            "code": self.code,
            "reason": self.reason,
            "steps": self.steps,
            "notifications": self.notifications,
            "changes": list(self.changes),
            "more_changes": self.more,
        }


@dataclass(frozen=True, slots=True)
class Page:
    """Entries, newest first; `next` is the cursor of the entries behind them, None at the end."""

    entries: tuple[Entry, ...]
    next: str | None

    def as_json(self) -> dict[str, Any]:
        """Return the object of the API."""
        return {"records": [entry.as_json() for entry in self.entries], "next": self.next}


_ROWS: Select[Any] = select(
    runs.c.id, runs.c.watch, runs.c.due_at, runs.c.opened_at, runs.c.finished_at, runs.c.trigger, runs.c.attempt,
    runs.c.dry, runs.c.verdict, runs.c.code, runs.c.reason, runs.c.steps, runs.c.notifications,
    type_coerce(runs.c.changes, LargeBinary).label("blob"),
).order_by(runs.c.id.desc())  # fmt: skip


def of_watch(
    connection: Connection, watch: str, verdicts: Collection[str] = (), before: str | None = None, limit: int = 50
) -> Page:
    """Return judged records of one watch, newest first, of some verdicts or all, those behind a cursor."""
    query = _ROWS.where(runs.c.watch == watch, runs.c.stage == "judged")
    if verdicts:
        query = query.where(runs.c.verdict.in_(sorted(verdicts)))
    return _page(connection, query, before, limit)


def news(
    connection: Connection, verdicts: Collection[str] = TELLING, before: str | None = None, limit: int = 50
) -> Page:
    """Return the newest changes and failures of all watches; `verdicts` are some of CHANGED, INVALID, FAILED."""
    wanted = sorted(TELLING & set(verdicts))
    if len(wanted) == 1:
        return _page(connection, _ROWS.where(NEWS, runs.c.verdict == wanted[0], runs.c.dry.is_(False)), before, limit)
    pages = [news(connection, [verdict], before, limit) for verdict in wanted]
    merged = sorted((entry for page in pages for entry in page.entries), key=lambda entry: entry.run, reverse=True)
    more = len(merged) > limit or any(page.next for page in pages)
    shown = tuple(merged[:limit])
    return Page(shown, shown[-1].run if shown and more else None)


def _page(connection: Connection, query: Select[Any], before: str | None, limit: int) -> Page:
    limit = max(1, min(limit, MOST))
    if before is not None:
        query = query.where(runs.c.id < before)
    rows = connection.execute(query.limit(limit + 1)).all()
    entries = tuple(_entry(row) for row in rows[:limit])
    return Page(entries, entries[-1].run if len(rows) > limit else None)


def _entry(row: Row[Any]) -> Entry:
    found, _ = unpacked(row.blob, _CHANGES)
    fields = {name: value for name, value in row._mapping.items() if name not in {"id", "blob"}}  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
    if found is TOO_LARGE:
        return Entry(run=row.id, **fields, more=None)
    changes = found or []
    return Entry(run=row.id, **fields, changes=tuple(changes[:MOST_CHANGES]), more=max(0, len(changes) - MOST_CHANGES))


def neighbours(connection: Connection, watch: str, run: str) -> tuple[str | None, str | None]:
    """Return the records before and after a record of a watch."""
    of = select(runs.c.id).where(runs.c.watch == watch, runs.c.stage == "judged").limit(1)
    before = of.where(runs.c.id < run).order_by(runs.c.id.desc())
    after = of.where(runs.c.id > run).order_by(runs.c.id)
    return connection.execute(before).scalar_one_or_none(), connection.execute(after).scalar_one_or_none()


def baseline_before(connection: Connection, watch: str, run: str) -> str | None:
    """Return the record that a record was compared with: the newest BASELINE or CHANGED before it."""
    found = [
        connection.execute(
            select(runs.c.id)
            .where(runs.c.watch == watch, runs.c.verdict == literal_column(f"'{verdict}'"), runs.c.id < run)
            .where(runs.c.dry.is_(False))
            .order_by(runs.c.id.desc())
            .limit(1)
        ).scalar_one_or_none()
        for verdict in ("BASELINE", "CHANGED")
    ]
    return max((each for each in found if each is not None), default=None)
