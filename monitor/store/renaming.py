"""A watch under another name: all that is stored of it moves at once. Must not know files or definitions."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select, update

from monitor.errors import StoreConflict, UsageError
from monitor.store import orders, pauses, seen
from monitor.store.tables import UNFINISHED, outbox, retries, runs, watch_state


def rename(connection: Connection, old: str, new: str, now: datetime) -> int:
    """Move records, state, messages and retries; returns how many records."""
    if not old or not new:
        raise UsageError("a watch has a name", hint="give the old and the new one")
    if old == new:
        raise UsageError(f"{old} is its name already", hint="give another name")
    for table in (runs, watch_state, retries, outbox):
        if connection.execute(select(table.c.watch).where(table.c.watch == new).limit(1)).first() is not None:
            raise UsageError(f"{new} has records already; two histories cannot be one", hint="give another name")
    running = connection.execute(select(runs.c.id).where(runs.c.watch == old, UNFINISHED)).scalar_one_or_none()
    if running is not None:
        raise StoreConflict(f"run {running} of {old} is not finished", hint="wait for it, or cancel it")
    moved = connection.execute(update(runs).where(runs.c.watch == old).values(watch=new)).rowcount
    connection.execute(update(watch_state).where(watch_state.c.watch == old).values(watch=new, updated_at=now))
    for table in (retries, outbox):
        connection.execute(update(table).where(table.c.watch == old).values(watch=new))
    seen.rename(connection, old, new)
    pauses.rename(connection, old, new)
    orders.rename(connection, old, new)
    return moved
