"""When messages may be sent and which go together, as the settings say at the moment: a value, looked up at each claim.

Owns the meaning of `group_wait`, `group_by` and `quiet_hours`; must not know the store, nor how a message is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from monitor.alert import causes
from monitor.files.hours import QuietHours
from monitor.store.records import Gathering

MOST = 100  # messages of one digest

GroupBy = Literal["target", "watch", "tag"]


@dataclass(frozen=True, slots=True)
class Manners:
    """How long messages are gathered (nothing: each goes alone, at once), what goes together, and when it is quiet.

    `tags` gives the first tag of each watch that has one: the group of `group_by: tag`.
    """

    group_wait: timedelta = timedelta(0)
    group_by: GroupBy = "target"
    quiet: QuietHours | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def gathering(self, now: datetime, *, at_once: bool = False) -> Gathering:
        """Return what may be claimed now; `at_once` when nothing more is waited for (the end of a process)."""
        hold = self.quiet.hold if self.quiet is not None and self.quiet.until(now) is not None else frozenset[str]()
        if not self.group_wait:
            return Gathering(hold=hold)
        crowd = 0 if at_once else causes.MIN_WATCHES - 1
        wait = timedelta(0) if at_once else self.group_wait
        together = Gathering(MOST, wait, hold, crowd=crowd, crowd_wait=causes.WINDOW)
        if self.group_by == "watch":
            return replace(together, alike=str)
        if self.group_by == "tag":
            return replace(together, alike=lambda watch: self.tags.get(watch, ""))
        return together
