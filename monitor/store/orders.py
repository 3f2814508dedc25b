"""What people ordered, by whom and when, and what came of it: statements. Must not carry anything out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from monitor.store.records import stamp
from monitor.store.tables import orders

KEPT = 10_000  # orders; the oldest beyond are forgotten


@dataclass(frozen=True, slots=True)
class Order:
    """One order. `subject` is the watch, run, message or target; `watch` is empty where it concerns none.

    `result` is one line for a person, None until the order is carried out.
    """

    id: int
    at: datetime
    who: str
    action: str
    subject: str
    watch: str
    result: str | None

    def as_json(self) -> dict[str, Any]:
        """Return the object of `/api/v1/orders`."""
        return {
            "id": self.id,
            "at": stamp(self.at),
            "who": self.who,
            "action": self.action,
            "subject": self.subject,
            "watch": self.watch or None,
            "result": self.result,
        }


def add(connection: Connection, who: str, action: str, subject: str, watch: str, now: datetime) -> int:
    """Write an order down before it is carried out; returns its number."""
    row = {"at": now, "who": who, "action": action, "subject": subject, "watch": watch}
    added = connection.execute(insert(orders).values(row)).inserted_primary_key
    assert added is not None
    number = int(added[0])
    connection.execute(delete(orders).where(orders.c.id <= number - KEPT))
    return number


def end(connection: Connection, number: int, result: str) -> None:
    """Write down what came of an order."""
    connection.execute(update(orders).where(orders.c.id == number).values(result=result))


def listed(connection: Connection, watch: str | None, limit: int, before: int | None = None) -> list[Order]:
    """Return orders, newest first, of one watch or all; those before a number, to go on from a page."""
    query = select(orders).order_by(orders.c.id.desc()).limit(max(0, min(limit, KEPT)))
    if watch is not None:
        query = query.where(orders.c.watch == watch)
    if before is not None:
        query = query.where(orders.c.id < before)
    return [
        Order(row.id, row.at, row.who, row.action, row.subject, row.watch, row.result)
        for row in connection.execute(query)
    ]


def rename(connection: Connection, old: str, new: str) -> None:
    """Give the orders of a watch to its new name."""
    connection.execute(update(orders).where(orders.c.watch == old).values(watch=new))
