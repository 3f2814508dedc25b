"""An outbox over a real store and a simulated clock, and a daemon's rounds of it without waiting."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta

from monitor.alert.manners import Manners
from monitor.alert.outbox import Outbox
from monitor.alert.targets import Targets
from monitor.clock import Clock, WallClock
from monitor.store.store import Store
from tests.alert.rows import call, named, told
from tests.conftest import SimulatedClock

GATHERED = Manners(timedelta(seconds=10))


def box_of(
    store: Store,
    clock: Clock,
    targets: Mapping[str, str],
    *,
    manners: Manners | Callable[[], Manners] = GATHERED,
    told: Mapping[str, Iterable[str]] | None = None,
    chance: int = 1,
    sender: str = "me",
) -> Outbox:
    """Return an outbox; `targets` and `told` may be changed behind it, as files are."""

    def look_up() -> Targets:
        return named(targets, told)

    ask = manners if callable(manners) else (lambda: manners)
    return Outbox(store, call, look_up, clock, sender=sender, chance=random.Random(chance), manners=ask)


def say(store: Store, clock: SimulatedClock | WallClock, watch: str, targets: Iterable[str], *text: str) -> str:
    """Commit one run of `watch` that is told to `targets`, and let a moment pass; returns the event."""
    event = told(store, clock.now(), watch, targets, *text)
    if isinstance(clock, SimulatedClock):
        clock.advance(0.01)
    return event


async def rounds(box: Outbox, clock: SimulatedClock, seconds: float) -> None:
    """Let the outbox do for so long what a daemon's does: send what is ready, wait, look again.

    What two looks in a row found nothing to do for is the same at every further one, so those are left out.
    """
    end, idle = clock.elapsed + seconds, 0
    while True:
        wait = await box.turn()
        counts = box._store.outbox_counts()
        idle = 0 if counts["pending"] or counts["sending"] else idle + 1
        if idle > 1:
            wait = max(wait, end - clock.elapsed)
        if box._sends:
            await asyncio.gather(*box._sends)
            continue
        if clock.elapsed + wait > end:
            clock.elapsed = end
            return
        clock.advance(wait)
