"""The methods of `Store` for what people ordered and what a run showed. Must not carry anything out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update

from monitor.store import deliveries, opening, orders, pauses
from monitor.store.orders import Order
from monitor.store.part import Part, of_run
from monitor.store.records import Unfinished
from monitor.store.tables import orders as orders_
from monitor.store.tables import outbox, runs


@dataclass(frozen=True, slots=True)
class Signs:
    """What is compared with an earlier look: the runs in flight, and marks that move when something was written."""

    flight: tuple[Unfinished, ...]
    newest: str | None
    outbox: tuple[Any, ...]
    paused: tuple[str, ...]
    order: int | None


class Logbook(Part):
    """Who ordered what, and the agent's steps as they were shown: for people to read, nothing is decided by it."""

    def order(self, who: str, action: str, subject: str, now: datetime, *, watch: str = "") -> int:
        """Write an order down before it is carried out; returns its number for `ended_order`."""
        with self._database.write() as connection:
            return orders.add(connection, who, action, subject, watch, now)

    def ended_order(self, number: int, result: str) -> None:
        """Write down what came of an order, in one line."""
        with self._database.write() as connection:
            orders.end(connection, number, result)

    def orders(self, limit: int = 100, *, watch: str | None = None, before: int | None = None) -> list[Order]:
        """Return orders, newest first, of one watch or all; at most 10,000 are kept."""
        with self._database.read() as connection:
            return orders.listed(connection, watch, limit, before)

    def signs(self, now: datetime) -> Signs:
        """Return what tells that something changed, by a few look-ups in indexes: the one thing dashboards poll."""
        with self._database.read() as connection:
            newest = connection.execute(select(func.max(runs.c.id))).scalar_one_or_none()
            message = connection.execute(select(func.max(outbox.c.id))).scalar_one_or_none()
            order = connection.execute(select(func.max(orders_.c.id))).scalar_one_or_none()
            counted = tuple(sorted(deliveries.counts(connection).items()))
            flight = tuple(opening.unfinished(connection))
            return Signs(flight, newest, (message, *counted), tuple(sorted(pauses.listed(connection, now))), order)

    def keep_progress(self, run_id: str, steps: Sequence[dict[str, Any]]) -> bool:
        """Keep what a run showed while it went on; False when there is no such run."""
        with self._database.write(of_run(run_id)) as connection:
            kept = connection.execute(update(runs).where(runs.c.id == run_id).values(progress=list(steps)))
        return kept.rowcount == 1

    def progress(self, run_id: str) -> list[dict[str, Any]]:
        """Return what a run showed, oldest first, as `{"at", "kind", "text"}`; often nothing."""
        with self._database.read() as connection:
            found = connection.execute(select(runs.c.progress).where(runs.c.id == run_id)).scalar_one_or_none()
        return found or []
