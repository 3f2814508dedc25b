"""The methods of `Store` for the outbox: which messages to send, and what became of them. Must not know how they go."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from monitor.store import deliveries as messages
from monitor.store.part import Part
from monitor.store.records import Delivery


class Outbox(Part):
    """Messages, each to one target, delivered at least once (reliability.md C1, C2)."""

    def claim(self, now: datetime, limit: int, sender: str, *, skip_targets: Collection[str] = ()) -> list[Delivery]:
        """Take due messages for sending, oldest first; only the oldest undelivered one of each (watch, target).

        They are committed as sending, with one attempt more, before this returns (reliability.md C2).
        """
        with self._database.write() as connection:
            return messages.claim(connection, now, limit, sender, skip_targets)

    def delivered(self, delivery_id: int, now: datetime) -> bool:
        """Close a message that its target took; False when it was closed before."""
        with self._database.write() as connection:
            return messages.delivered(connection, delivery_id, now)

    def put_back(self, delivery_id: int, at: datetime, error: str, now: datetime, *, repeat: bool = False) -> bool:
        """Let a message wait until `at`, not before `now`; `repeat` when the target may have taken it."""
        with self._database.write() as connection:
            return messages.put_back(connection, delivery_id, max(at, now), error, repeat=repeat)

    def bury(self, delivery_id: int, error: str, now: datetime) -> bool:
        """Make a message a dead letter; False when it was closed before."""
        with self._database.write() as connection:
            return messages.bury(connection, delivery_id, error, now)

    def release(self, sender_not_alive: Callable[[str], bool]) -> int:
        """Give back what dead senders were sending, flagged `repeat`; returns how many messages."""
        with self._database.read() as connection:
            found = messages.senders(connection)
        dead = [sender for sender in found if sender_not_alive(sender)]
        if not dead:
            return 0
        with self._database.write() as connection:
            return messages.release(connection, dead)

    def outbox(self, state: str | None = None, limit: int = 100) -> list[Delivery]:
        """Return messages, newest first, of one state or all."""
        with self._database.read() as connection:
            return messages.listed(connection, state, limit)

    def outbox_counts(self) -> dict[str, int]:
        """Return the number of messages `pending`, `sending` and `dead`."""
        with self._database.read() as connection:
            return messages.counts(connection)

    def next_delivery_at(self, *, skip_targets: Collection[str] = ()) -> datetime | None:
        """Return when the next message can be claimed; None when none waits."""
        with self._database.read() as connection:
            return messages.next_at(connection, skip_targets)
