"""A message as the object of `outbox --json` and of the API, with what keeps it waiting, in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from monitor.store.records import Delivery, stamp

if TYPE_CHECKING:
    from monitor.files.hours import QuietHours

_FIELDS = ("id", "event", "run", "watch", "target", "kind", "state", "attempts", "error", "title", "repeat")


@dataclass(frozen=True, slots=True)
class Waiting:
    """What holds messages back at `now`: the pauses by watch with their ends, and the quiet hours."""

    pauses: Mapping[str, datetime | None]
    quiet: QuietHours | None
    now: datetime

    def shown(self, message: Delivery) -> dict[str, Any]:
        """Return the object of one message; `next` is when it is tried, or what it waits for."""
        found = {field: getattr(message, field) for field in _FIELDS}
        found |= {"created_at": stamp(message.created_at), "done_at": stamp(message.done_at), "next": None}
        if message.state == "pending":
            held = self._held(message)
            found |= {"state": "held" if held else "pending", "next": held or stamp(message.next_at)}
        return found

    def _held(self, message: Delivery) -> str | None:
        if message.watch in self.pauses:
            return stamp(self.pauses[message.watch]) or f"monitor resume {message.watch}"
        quiet = self.quiet is not None and message.kind in self.quiet.hold
        return stamp(self.quiet.until(self.now)) if self.quiet is not None and quiet else None
