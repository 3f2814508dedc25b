"""Since when each watch is scheduled, remembered: before its first record nothing else says so (reliability.md G1)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from monitor.engine.desk import Desk
from monitor.engine.patience import patiently
from monitor.watch.model import Watch


async def first_seen(desk: Desk, watches: Mapping[str, Watch], now: datetime, *, complete: bool) -> dict[str, datetime]:
    """Remember which watches are scheduled, and return since when each is.

    One that is switched off or gone is forgotten: it is new when it comes back. While some definition cannot be read
    (not `complete`), a watch that is not defined may be that one, and is kept.
    """
    scheduled = [name for name, watch in watches.items() if watch.enabled]
    seen = await patiently(desk, desk.store.first_seen)
    gone = [name for name in seen.keys() - set(scheduled) if complete or name in watches]
    return await patiently(desk, desk.store.see, scheduled, gone, now)
