"""Targets that refused a message for good, until they take one again: what the other targets are told once.

Statements on a connection inside a transaction. Must not know how a message is sent or worded.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from monitor.store.records import Refusal
from monitor.store.tables import outbox, refusals
from monitor.store.upserts import insert


def opened(connection: Connection, refusal: Refusal, error: str, now: datetime) -> bool:
    """Remember a refusal; True when the other targets are to be told now.

    They are told once, as soon as there are any, and once more when a target that refused one message refuses all.
    """
    where = refusals.c.target == refusal.target
    before = connection.execute(select(refusals).where(where)).one_or_none()
    worse = before is not None and refusal.whole and not before.whole
    tell = bool(refusal.deliveries) and (before is None or worse or not before.announced)
    if before is None:
        row = {"target": refusal.target, "since": now, "error": error, "whole": refusal.whole, "announced": tell}
        connection.execute(insert(connection, refusals).values(**row))
    elif worse or tell:
        changed = {"error": error, "whole": refusal.whole or before.whole, "announced": tell or before.announced}
        connection.execute(update(refusals).where(where).values(**changed))
    return tell


def closed(connection: Connection, target: str) -> None:
    """Forget that a target refused: it took a message, or is another one now."""
    connection.execute(delete(refusals).where(refusals.c.target == target))


def closed_by(connection: Connection, ids: Collection[int]) -> None:
    """Forget the refusals of the targets that took these messages."""
    if connection.execute(select(refusals.c.target).limit(1)).first() is not None:
        took = select(outbox.c.target).where(outbox.c.id.in_(ids))
        connection.execute(delete(refusals).where(refusals.c.target.in_(took)))


def listed(connection: Connection) -> dict[str, bool]:
    """Return the targets that refuse, and whether they refuse everything."""
    return {row.target: row.whole for row in connection.execute(select(refusals.c.target, refusals.c.whole))}
