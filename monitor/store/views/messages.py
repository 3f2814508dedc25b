"""Messages in lists: of the outbox, of a watch, of a run. Pages go on from a cursor, the number of the last message.

Reads only; must not know why a message waits.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from monitor.store import rows
from monitor.store.records import Delivery
from monitor.store.tables import outbox

MOST = 200  # messages of one page
STATES = ("undelivered", "pending", "sending", "dead", "done", "dropped")


@dataclass(frozen=True, slots=True)
class Letters:
    """Messages, newest first; `next` is the cursor of those behind them, None at the end."""

    messages: tuple[Delivery, ...]
    next: int | None


def listed(
    connection: Connection,
    *,
    state: str | None = None,
    watch: str | None = None,
    target: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> Letters:
    """Return messages of a state (`STATES`, None for all), a watch and a target, those behind a cursor."""
    limit = max(1, min(limit, MOST))
    query = rows.DELIVERIES
    if state == "undelivered":
        ids = select(outbox.c.id).where(outbox.c.state.in_(("pending", "sending", "dead")))
        query = query.where(outbox.c.id.in_(ids))
    elif state in {"pending", "sending", "dead"}:
        query = query.where(outbox.c.id.in_(select(outbox.c.id).where(outbox.c.state == state)))
    elif state == "dropped":
        query = query.where(outbox.c.dropped_at.is_not(None))
    elif state == "done":
        query = query.where(
            outbox.c.state.concat("") == "done", outbox.c.dropped_at.is_(None)
        )  # by number, not by state
    if watch is not None:
        query = query.where(outbox.c.watch == watch)
    if target is not None:
        query = query.where(outbox.c.target == target)
    if before is not None:
        query = query.where(outbox.c.id < before)
    found = connection.execute(query.order_by(outbox.c.id.desc()).limit(limit + 1)).all()
    messages = tuple(rows.delivery(row) for row in found[:limit])
    return Letters(messages, messages[-1].id if len(found) > limit else None)


def of_run(connection: Connection, run: str, limit: int = MOST) -> list[Delivery]:
    """Return the messages that one record gave rise to, oldest first."""
    query = rows.DELIVERIES.where(outbox.c.run == run).order_by(outbox.c.id).limit(limit)
    return [rows.delivery(row) for row in connection.execute(query)]
