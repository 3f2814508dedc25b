"""Runs that were made, page by page, with their raw outcomes: what judging again and counting noise read.

Reads only, on a connection inside a read transaction; a page is a transaction of its own. Must not know why it is read.
"""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import Connection, select

from monitor.store import rows, terminal
from monitor.store.records import PastRun
from monitor.store.tables import outbox, runs

PAGE = 50  # a result may have 2 MiB, and its raw record as much again
_MADE = (runs.c.opened_at.is_not(None), runs.c.stage == "judged", runs.c.terminal.is_not(None), runs.c.dry.is_(False))


def page(connection: Connection, watch: str, after: str, limit: int) -> list[PastRun]:
    """Return the runs of a watch whose ids follow `after`, in the order in which they were opened; no dry runs."""
    query = rows.WHOLE.where(runs.c.watch == watch, runs.c.id > after, *_MADE).order_by(runs.c.id).limit(limit)
    found = connection.execute(query).all()
    told: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    messages = select(outbox.c.run, outbox.c.kind, outbox.c.target).where(outbox.c.run.in_([row.id for row in found]))
    for run, kind, target in connection.execute(messages.order_by(outbox.c.id)):
        told[run].append((kind, target))
    return [
        PastRun(rows.run(row), terminal.from_json(row.terminal), rows.record(row), row.opened_at, tuple(told[row.id]))
        for row in found
    ]


def before_newest(connection: Connection, watch: str, count: int) -> str:
    """Return the id after which the newest `count` runs of a watch follow; the empty text when there are no more."""
    query = select(runs.c.id).where(runs.c.watch == watch, *_MADE).order_by(runs.c.id.desc()).offset(count).limit(1)
    return connection.execute(query).scalar_one_or_none() or ""
