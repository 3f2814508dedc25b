"""The outbox: which message may be sent now, and what became of it. At least once, in order per (watch, target).

A row is pending, then sending (committed before the send leaves), then done, dead, or pending again. Only the oldest
undelivered row of a pair can be claimed, so a newer message never overtakes (reliability.md C1, C2, C7).
Statements on a connection inside a transaction; must not know targets' URLs or when to try again.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, literal_column, select, update

from monitor.store import rows
from monitor.store.records import Delivery
from monitor.store.tables import outbox


def claim(
    connection: Connection, now: datetime, limit: int, sender: str, skip_targets: Collection[str]
) -> list[Delivery]:
    """Take up to `limit` due messages for sending, first due first, and return them as they are now, oldest first."""
    due = _heads(select(outbox.c.id), skip_targets).where(outbox.c.next_at <= now)
    ids = list(connection.execute(due.order_by(outbox.c.next_at, outbox.c.id).limit(limit)).scalars())
    if not ids:
        return []
    connection.execute(
        update(outbox)
        .where(outbox.c.id.in_(ids))
        .values(state="sending", sender=sender, attempts=outbox.c.attempts + 1)
    )
    return _select(connection, outbox.c.id.in_(ids))


def next_at(connection: Connection, skip_targets: Collection[str]) -> datetime | None:
    """Return when the next message can be claimed, None when none waits; messages behind another do not count."""
    found: datetime | None = connection.execute(_heads(select(func.min(outbox.c.next_at)), skip_targets)).scalar_one()
    return found


def delivered(connection: Connection, row_id: int, now: datetime) -> bool:
    """Close a message that its target took, also when it was released meanwhile."""
    return _change(connection, row_id, ("pending", "sending"), state="done", sender=None, done_at=now, error=None)


def put_back(connection: Connection, row_id: int, at: datetime, error: str, *, repeat: bool) -> bool:
    """Let a message that was being sent wait until `at`; `repeat` when the target may have taken it."""
    flagged = {"repeat": True} if repeat else {}
    return _change(connection, row_id, ("sending",), state="pending", sender=None, next_at=at, error=error, **flagged)


def bury(connection: Connection, row_id: int, error: str, now: datetime) -> bool:
    """Give a message up: a dead letter, kept and shown; it no longer holds up those behind it."""
    return _change(connection, row_id, ("pending", "sending"), state="dead", sender=None, done_at=now, error=error)


def senders(connection: Connection) -> list[str]:
    """Return who is sending at the moment."""
    return list(connection.execute(select(outbox.c.sender).where(outbox.c.state == "sending").distinct()).scalars())


def release(connection: Connection, dead: Collection[str]) -> int:
    """Give the messages of dead senders back, flagged as possible repeats; returns how many."""
    changed = connection.execute(
        update(outbox)
        .where(outbox.c.state == "sending", outbox.c.sender.in_(dead))
        .values(state="pending", sender=None, repeat=True)
    )
    return changed.rowcount


def listed(connection: Connection, state: str | None, limit: int) -> list[Delivery]:
    """Return messages, newest first."""
    query = rows.DELIVERIES.order_by(outbox.c.id.desc()).limit(limit)
    if state is not None:
        query = query.where(outbox.c.state == state)
    return [rows.delivery(row) for row in connection.execute(query)]


def counts(connection: Connection) -> dict[str, int]:
    """Return how many messages are pending, being sent, and dead."""
    wanted = ("pending", "sending", "dead")
    query = select(outbox.c.state, func.count()).where(outbox.c.state.in_(wanted)).group_by(outbox.c.state)
    return dict.fromkeys(wanted, 0) | {row[0]: row[1] for row in connection.execute(query)}


def _heads(query: Select[Any], skip_targets: Collection[str]) -> Select[Any]:
    """Restrict a query to pending rows with no older undelivered row of the same (watch, target)."""
    older = outbox.alias("older")
    ahead = exists(literal_column("1")).where(
        older.c.watch == outbox.c.watch,
        older.c.target == outbox.c.target,
        older.c.id < outbox.c.id,
        # the words of the partial index, so that SQLite uses it
        literal_column("older.state IN ('pending', 'sending')"),
    )
    found = query.where(outbox.c.state == "pending", ~ahead)
    return found.where(outbox.c.target.not_in(skip_targets)) if skip_targets else found


def _change(connection: Connection, row_id: int, states: tuple[str, ...], **values: Any) -> bool:
    where: ColumnElement[bool] = and_(outbox.c.id == row_id, outbox.c.state.in_(states))
    return connection.execute(update(outbox).where(where).values(**values)).rowcount == 1


def _select(connection: Connection, where: ColumnElement[bool]) -> list[Delivery]:
    return [rows.delivery(row) for row in connection.execute(rows.DELIVERIES.where(where).order_by(outbox.c.id))]
