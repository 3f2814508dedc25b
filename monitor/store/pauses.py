"""Watches that somebody silenced, and until when. Statements on a connection; must not know what a pause holds back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, or_, select, update

from monitor.store.tables import pauses
from monitor.store.upserts import insert


def names(now: datetime) -> Select[Any]:
    """Return the query of the watches that are paused at an instant."""
    return select(pauses.c.watch).where(or_(pauses.c.until.is_(None), pauses.c.until > now))


def listed(connection: Connection, now: datetime) -> dict[str, datetime | None]:
    """Return the watches that are paused at an instant with the end of it, None where there is none."""
    query = select(pauses.c.watch, pauses.c.until).where(pauses.c.watch.in_(names(now)))
    return {row.watch: row.until for row in connection.execute(query)}


def add(connection: Connection, watch: str, until: datetime | None, now: datetime) -> None:
    """Pause a watch, or pause it anew; pauses that are over are forgotten."""
    connection.execute(delete(pauses).where(pauses.c.until <= now))
    row = {"until": until}
    added = insert(connection, pauses).values(watch=watch, since=now, **row)
    connection.execute(added.on_conflict_do_update(index_elements=["watch"], set_=row))


def remove(connection: Connection, watch: str, now: datetime) -> bool:
    """End the pause of a watch; False when it was not paused."""
    paused = watch in listed(connection, now)
    connection.execute(delete(pauses).where(pauses.c.watch == watch))
    return paused


def rename(connection: Connection, old: str, new: str) -> None:
    """Give the pause of a watch to its new name, in place of what stood there."""
    if connection.execute(select(pauses.c.watch).where(pauses.c.watch == old)).first() is not None:
        connection.execute(delete(pauses).where(pauses.c.watch == new))
        connection.execute(update(pauses).where(pauses.c.watch == old).values(watch=new))
