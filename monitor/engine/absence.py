"""The messages of occurrences that did not run: one per watch and downtime, written with the last of their records.

Must not know when something counts as missed (`schedule`, `daemon`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from monitor.alert.message import compose
from monitor.judge.absence import missed
from monitor.judge.conditions.rules import watch_values
from monitor.judge.conditions.texts import with_texts
from monitor.store.records import Notice, stamp
from monitor.watch.model import Watch
from monitor.watch.run import Run, Trigger, new_id


def notice(
    watch: Watch, instants: Sequence[datetime], code: str, reason: str, now: datetime, page: str | None = None
) -> Notice | None:
    """Return the messages of occurrences that were missed together, oldest first; None where nobody wants them.

    `page` is the watch's on the dashboard, if that has a public address.
    A single one that came too late is told once a day: a machine that is too busy misses many, one by one.
    """
    note = missed(watch, instants, code, reason, lambda: new_id(now))
    if note is None:
        return None
    note = with_texts(note, watch, {"watch": watch_values(watch), "now": now})
    run = Run(new_id(now), watch.name, instants[-1], 1, Trigger.CRON)
    which = f"late:{now:%Y-%m-%d}" if code == "LATE" and len(instants) == 1 else stamp(instants[-1])
    return Notice(f"missed:{watch.name}:{which}", tuple(compose(note, watch, run, now, page)))
