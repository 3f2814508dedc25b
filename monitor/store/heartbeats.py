"""When each loop of a daemon last moved, for those who look from outside (reliability.md C10).

A mark and the instant by which the next one is due, both on the machine's clock. Marks stand while a daemon is supposed
to run: its start writes them, its stop removes them. Statements on a connection inside a transaction. Must not know
what the parts are or do.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select

from monitor.store import history
from monitor.store.tables import marks

_MOVED, _BY, _END = "beat:at:", "beat:by:", "beat;"  # `_END` sorts behind every name that begins with `beat:`


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The newest sign of life of one part of a daemon, and when it counts for no more."""

    part: str
    moved_at: datetime
    until: datetime


def beat(connection: Connection, parts: Collection[str], now: datetime, until: datetime) -> None:
    """Mark parts as moving."""
    for part in parts:
        history.mark(connection, _MOVED + part, now)
        history.mark(connection, _BY + part, until)


def listed(connection: Connection) -> list[Heartbeat]:
    """Return the heartbeats by the name of the part; none where no daemon is supposed to run."""
    query = select(marks).where(marks.c.name >= _MOVED, marks.c.name < _END)
    found = {row.name: row.at for row in connection.execute(query)}
    parts = sorted(name.removeprefix(_MOVED) for name in found if name.startswith(_MOVED))
    return [Heartbeat(part, found[_MOVED + part], found[_BY + part]) for part in parts if _BY + part in found]


def still(connection: Connection) -> None:
    """Remove the heartbeats: no daemon is supposed to run any more."""
    connection.execute(delete(marks).where(marks.c.name >= _MOVED, marks.c.name < _END))
