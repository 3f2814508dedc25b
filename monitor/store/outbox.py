"""The methods of `Store` for the outbox: which messages to send, and what became of them. Must not know how they go."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from monitor.store import deliveries as messages
from monitor.store import judging, pauses, refusals
from monitor.store.part import OUTBOX, Part
from monitor.store.records import Delivery, Gathering, Refusal

_ALONE = Gathering()

Ids = int | Collection[int]


class Outbox(Part):
    """Messages, each to one target, delivered at least once (reliability.md C1, C2)."""

    def claim(
        self,
        now: datetime,
        limit: int,
        sender: str,
        *,
        skip_targets: Collection[str] = (),
        gathering: Gathering = _ALONE,
    ) -> list[list[Delivery]]:
        """Take up to `limit` groups of due messages for sending, the oldest undelivered of each (watch, target) first.

        They are committed as sending, with one attempt more, before this returns (reliability.md C2).
        """
        with self._database.write(OUTBOX) as connection:
            return messages.claim(connection, now, limit, sender, skip_targets, gathering)

    def delivered(self, which: Ids, now: datetime) -> bool:
        """Close messages that their target took; False when all were closed before. The target refuses no more."""
        ids = _ids(which)
        with self._database.write(OUTBOX) as connection:
            changed = messages.delivered(connection, ids, now)
            if changed:
                refusals.closed_by(connection, ids)
        return changed > 0

    def put_back(self, which: Ids, at: datetime, error: str, now: datetime, *, repeat: bool = False) -> bool:
        """Let messages wait until `at`, not before `now`; `repeat` when the target may have taken them."""
        with self._database.write(OUTBOX) as connection:
            return messages.put_back(connection, _ids(which), max(at, now), error, repeat=repeat) > 0

    def accept(self, which: Ids, accepted: str, now: datetime) -> bool:  # noqa: ARG002 - as every settlement has it
        """Remember which recipients of a target took messages, as digests, while they wait for the others."""
        with self._database.write(OUTBOX) as connection:
            return messages.accept(connection, _ids(which), accepted) > 0

    def bury(
        self,
        which: Ids,
        error: str,
        now: datetime,
        *,
        refused_by: str | None = None,
        refusal: Refusal | None = None,
    ) -> bool:
        """Make messages dead letters, and tell the other targets of the refusal if they were not; False when closed.

        `refused_by` is the digest of the target's definition, by which they are taken up when it changes.
        """
        ids = _ids(which)
        with self._database.write() as connection:
            changed = messages.bury(connection, ids, error, now, refused_by)
            if changed and refusal is not None and refusals.opened(connection, refusal, error, now):
                (buried,) = messages.found(connection, str(min(ids)), 1)
                judging.enqueue(connection, buried.run, "", refusal.deliveries, now)
        return changed > 0

    def dead_letters(self) -> list[tuple[str, str]]:
        """Return each target that has dead letters with the digest of the definition that refused them."""
        with self._database.read() as connection:
            return messages.refused(connection)

    def refusing(self) -> dict[str, bool]:
        """Return the targets that refused a message since they took one, and whether they refuse everything."""
        with self._database.read() as connection:
            return refusals.listed(connection)

    def revive(self, target: str, digest: str, now: datetime, *, removed_since: datetime) -> int:
        """Take up the dead letters of a target that another definition refused; returns how many."""
        with self._database.write() as connection:
            revived = messages.revive(connection, target, digest, now, removed_since)
            if revived:
                refusals.closed(connection, target)
        return revived

    def asked_for_time(self, remark: str, now: datetime) -> dict[str, datetime]:
        """Return until when messages wait whose error ends with `remark`, by target."""
        with self._database.read() as connection:
            return messages.asked_for_time(connection, remark, now)

    def unstick(self, now: datetime, latest: datetime) -> int:
        """Let messages go now that wait for later than `latest`, or that were written later than now; returns how many.

        Only a clock that was stepped back since can have meant such a time: they would wait until it is there again.
        """
        with self._database.read() as connection:
            if not messages.stuck(connection, now, latest):
                return 0
        with self._database.write() as connection:
            return messages.unstick(connection, now, latest)

    def find_messages(self, name: str, limit: int = 100) -> list[Delivery]:
        """Return the messages of a number, or of an event by its id or at least 6 characters of its beginning."""
        with self._database.read() as connection:
            return messages.found(connection, name, limit)

    def retry_messages(self, ids: Collection[int], now: datetime) -> int:
        """Let messages that are dead, dropped or waiting be tried now, with all their time again; returns how many."""
        with self._database.write() as connection:
            return messages.retry(connection, ids, now)

    def drop_messages(self, ids: Collection[int], now: datetime) -> int:
        """Close messages without a delivery, visible as dropped; returns how many, none of them being sent."""
        with self._database.write() as connection:
            return messages.drop(connection, ids, now)

    def release(self, sender_not_alive: Callable[[str], bool]) -> int:
        """Give back what dead senders were sending, flagged `repeat`; returns how many messages."""
        with self._database.read() as connection:
            found = messages.senders(connection)
        dead = [sender for sender in found if sender_not_alive(sender)]
        if not dead:
            return 0
        with self._database.write() as connection:
            return messages.release(connection, dead)

    def outbox(self, state: str | None = None, limit: int = 100, before: int | None = None) -> list[Delivery]:
        """Return messages, newest first, of one state, `undelivered`, or all; below a number, to go on from a page."""
        with self._database.read() as connection:
            return messages.listed(connection, state, limit, before)

    def messages_of(self, run_id: str, limit: int = 1_000) -> list[Delivery]:
        """Return the messages that a run gave rise to, newest first."""
        with self._database.read() as connection:
            return messages.of_run(connection, run_id, limit)

    def outbox_counts(self) -> dict[str, int]:
        """Return the number of messages `pending`, `sending` and `dead`."""
        with self._database.read() as connection:
            return messages.counts(connection)

    def held(self, now: datetime, kinds: Collection[str]) -> tuple[int, int]:
        """Return how many messages are held as one of `kinds` (quiet hours), and how many others by a pause."""
        with self._database.read() as connection:
            return messages.held(connection, now, kinds)

    def next_delivery_at(
        self, now: datetime, *, skip_targets: Collection[str] = (), gathering: Gathering = _ALONE
    ) -> datetime | None:
        """Return when the next message can be claimed; None when none waits that is not held."""
        with self._database.read() as connection:
            return messages.next_at(connection, now, skip_targets, gathering)

    # Pauses of watches

    def pause_watch(self, watch: str, until: datetime | None, now: datetime) -> None:
        """Silence a watch until an instant, or until `resume_watch`; a later call replaces an earlier one."""
        with self._database.write() as connection:
            pauses.add(connection, watch, until, now)

    def resume_watch(self, watch: str, now: datetime) -> bool:
        """End the pause of a watch; False when it was not paused."""
        with self._database.write() as connection:
            return pauses.remove(connection, watch, now)

    def pauses(self, now: datetime) -> dict[str, datetime | None]:
        """Return the watches that are paused, with the end of it, None where there is none."""
        with self._database.read() as connection:
            return pauses.listed(connection, now)


def _ids(which: Ids) -> Collection[int]:
    return (which,) if isinstance(which, int) else which
