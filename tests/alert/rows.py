"""Rows of an outbox for tests: a delivery by itself, and a real store with runs that were told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import event as events_of

from monitor.agent.outcome import Completed
from monitor.alert.targets import Targets
from monitor.judge.decision import Decision, Verdict
from monitor.store import judging
from monitor.store.records import Delivery, NewDelivery
from monitor.store.store import Store
from monitor.watch.run import Run, new_id

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
EVENT = "01JD7Z2V7X3M6Q9T0WA5CE8GHK"


def delivery(**changes: Any) -> Delivery:
    """Return one row that is being sent for the first time, with `changes` put over it."""
    fields: dict[str, Any] = {
        "id": 1, "event": EVENT, "run": "01JRUN", "watch": "espresso-machine", "target": "ops", "kind": "change",
        "title": "espresso-machine: price 499 → 449 (-10%)", "body": f"price 499 → 449 (-10%)\n\nevent {EVENT}",
        "state": "sending", "attempts": 1, "created_at": START, "next_at": START,
    }  # fmt: skip
    return Delivery(**(fields | changes))


def told(store: Store, now: datetime, watch: str, targets: Iterable[str], text: str = "changed") -> str:
    """Commit one run of `watch` that is told to `targets`; returns the event."""
    run, event = Run(new_id(now), watch, now), new_id(now)
    state = store.state_of(watch)
    store.begin_run(run, goal="look", generation="g", owner="test", now=now)
    outcome = Completed(run_id=f"remote-{run.id}", result={})
    store.accepted(run.id, f"remote-{run.id}", None, now)
    store.settle(run.id, outcome, now)
    messages = [
        NewDelivery(event, target, "change", f"{watch}: {text}", f"{text}\n\nevent {event}") for target in targets
    ]
    store.commit(run, outcome, Decision(Verdict.CHANGED, "changed", state), messages, now=now, owner="test")
    return event


def open_store(folder: Path) -> Store:
    """Open a new store in `folder` whose commits do not wait for the disk: no test here loses its power.

    Of ten seconds that an outage of three days took, more than seven were that waiting.
    """
    store = Store.open(str(folder / "monitor.db"))
    engine = store._database._engine
    engine.dispose()  # the connections that were made before
    events_of.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
    return store


async def call(method: Any, *args: Any, **options: Any) -> Any:
    """Call the store as a writer does, but in this thread: a year has thousands of looks, each a hand-over."""
    await asyncio.sleep(0)  # a writer lets others go on meanwhile
    return method(*args, **options)


def named(targets: Mapping[str, str], told: Mapping[str, Iterable[str]] | None = None) -> Targets:
    """Return targets whose URLs are written out; `told` says which of them each watch tells."""
    return Targets(targets, told or {}, str)


def told_at_once(store: Store, now: datetime, watches: Iterable[str], target: str, kind: str = "change") -> list[str]:
    """Commit one run that tells `target` a message of each of `watches`; returns the events, in their order.

    A thousand messages of a thousand runs cost a test half a minute; what the outbox does with them is the same.
    """
    run = Run(new_id(now), f"carrier-{new_id(now)}", now)
    store.begin_run(run, goal="look", generation="g", owner="test", now=now)
    outcome = Completed(run_id=f"remote-{run.id}", result={})
    store.settle(run.id, outcome, now)
    state, events = store.state_of(run.watch), []
    store.commit(run, outcome, Decision(Verdict.CHANGED, "changed", state), (), now=now, owner="test")
    with store._database.write() as connection:
        for watch in watches:
            events.append(new_id(now))
            message = NewDelivery(events[-1], target, kind, f"{watch}: moved", f"it moved\n\nevent {events[-1]}")
            judging.enqueue(connection, run.id, watch, [message], now)
    return events
