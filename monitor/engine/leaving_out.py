"""Why an occurrence that is due is left out, from what is stored: somebody silenced its watch, or it keeps failing.

Must not know what is done with one that is left out.
"""

from __future__ import annotations

import itertools
from datetime import datetime

from monitor.engine import backoff
from monitor.engine.desk import Desk
from monitor.engine.patience import patiently
from monitor.watch.model import Watch


async def held_back(desk: Desk, watch: Watch, instant: datetime) -> str | None:
    """Return why an occurrence of a watch that keeps failing is left out (D7), None where it runs."""
    state = await patiently(desk, desk.store.state_of, watch.name)
    if backoff.every(state.failures) == 1:
        return None
    recent = await patiently(desk, desk.store.history, watch.name, backoff.SLOWEST)
    left_out = list(itertools.takewhile(lambda record: record.code == backoff.CODE, recent))
    ran = recent[len(left_out)].started_at if len(left_out) < len(recent) else None
    return backoff.held_back(state.failures, len(left_out), ran, instant)


async def paused(desk: Desk, watch: Watch) -> str | None:
    """Return why a watch that somebody silenced is not run, None when it is open."""
    pauses = await patiently(desk, desk.store.pauses, desk.clock.now())
    if watch.name not in pauses:
        return None
    until = pauses[watch.name]
    return f"paused until {until:%Y-%m-%d %H:%M:%S} UTC" if until else f"paused until monitor resume {watch.name}"
