"""The methods of `Store` for stops, the shared pause and what is told once. Must not know a statement of SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from monitor.store import judging
from monitor.store import stops as statements
from monitor.store.part import Part
from monitor.store.records import NewDelivery, NewStop, Notice, Stop, StopKind


class Brakes(Part):
    """What keeps every run from being started, beside the ceilings that `begin_run` counts (reliability.md A5, A6).

    A run that ends so that a stop is open or over says so in `Store.commit`, in one transaction with its record.
    """

    def open_stop(
        self,
        kind: StopKind,
        *,
        code: str,
        message: str,
        run: str,
        key_digest: str | None,
        now: datetime,
        deliveries: Sequence[NewDelivery] = (),
    ) -> bool:
        """Open a stop with its messages; True only for the one who opened it. `run` is the run that gave rise to it."""
        stop = NewStop(kind, code, message, key_digest, tuple(deliveries))
        with self._database.write() as connection:
            return judging.open_stop(connection, stop, run, now)

    def close_stop(self, kind: StopKind, *, now: datetime, deliveries: Sequence[NewDelivery] = ()) -> bool:
        """Close a stop with its messages; True only for the one who closed it."""
        with self._database.write() as connection:
            found = statements.closed(connection, kind)
            if found is not None:
                judging.enqueue(connection, found.run, "", deliveries, now)
        return found is not None

    def stops(self) -> list[Stop]:
        """Return the open stops."""
        with self._database.read() as connection:
            return statements.listed(connection)

    def claim_probe(self, kind: StopKind, now: datetime) -> bool:
        """Use up the due probe of an open stop: True for exactly one of all that ask.

        For looking at a stop without a run (AUTH: `GET /v1/runs?limit=1`). `begin_run` does the same for a run.
        """
        with self._database.write() as connection:
            return statements.probe_claimed(connection, kind, now)

    def tell_once(
        self, key: str, deliveries: Sequence[NewDelivery], run: str, now: datetime, *, watch: str = ""
    ) -> bool:
        """Write messages if `key` was never told; a key is forgotten after 32 days. `run` is what they refer to.

        `watch` is whose messages they are: messages of one watch to one target keep their order.
        """
        with self._database.write() as connection:
            return judging.tell_once(connection, Notice(key, tuple(deliveries)), run, watch, now)

    def schema_refused_at(self, key_digest: str) -> datetime | None:
        """Return when the API last refused `output_schema` to a key; None when it never did (`Store.restate`)."""
        with self._database.read() as connection:
            return statements.schema_refused_at(connection, key_digest)

    def pause_until(self, instant: datetime, now: datetime) -> None:
        """Let nobody start a run before `instant`, at most an hour after `now`; the later of two pauses wins (429)."""
        with self._database.write() as connection:
            statements.pause(connection, instant, now)

    def paused_until(self, now: datetime) -> datetime | None:
        """Return when runs may be started again, at most an hour after `now`; None when they may."""
        with self._database.read() as connection:
            found = statements.paused_until(connection)
        return None if found is None or found <= now else min(found, now + statements.LONGEST_PAUSE)
