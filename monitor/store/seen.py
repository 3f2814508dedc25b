"""Since when each watch is scheduled: where the count of its occurrences begins before its first record.

Statements on a connection inside a transaction. Must not know definitions or schedules.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from monitor.store.tables import marks
from monitor.store.upserts import insert

_PREFIX = "seen:"


def listed(connection: Connection) -> dict[str, datetime]:
    """Return, by watch, when it was first seen scheduled."""
    # Below the next character: the names that begin so, by the primary key.
    query = select(marks).where(marks.c.name >= _PREFIX, marks.c.name < "seen;")
    return {row.name.removeprefix(_PREFIX): row.at for row in connection.execute(query)}


def add(connection: Connection, watches: Collection[str], now: datetime) -> None:
    """Remember watches that are seen now; one that was seen before keeps its instant."""
    if watches:
        rows = [{"name": _PREFIX + watch, "at": now} for watch in watches]
        connection.execute(insert(connection, marks).on_conflict_do_nothing(), rows)


def forget(connection: Connection, watches: Collection[str]) -> None:
    """Forget watches that are not scheduled any more: if they come back, they are new."""
    for watch in watches:
        connection.execute(delete(marks).where(marks.c.name == _PREFIX + watch))


def rename(connection: Connection, old: str, new: str) -> None:
    """Give what is remembered of a watch to its new name, in place of what stood there."""
    if connection.execute(select(marks.c.at).where(marks.c.name == _PREFIX + old)).first() is not None:
        forget(connection, [new])
        connection.execute(update(marks).where(marks.c.name == _PREFIX + old).values(name=_PREFIX + new))
