"""Many watches that fail of one cause: a target is told of two at once, and of the others together."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from monitor.alert.causes import MIN_WATCHES, WINDOW
from monitor.alert.manners import Manners
from monitor.store import judging
from monitor.store.records import NewDelivery
from monitor.store.store import Store
from monitor.watch.run import new_id
from tests.alert.boxes import box_of, rounds
from tests.alert.rows import open_store, told_at_once
from tests.conftest import SimulatedClock
from tests.sinks import WebhookSink

pytestmark = pytest.mark.anyio
SITE, API = "SITE shop.example", "NETWORK api"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path) as opened:
        yield opened


@pytest.fixture
def sink() -> Iterator[WebhookSink]:
    with WebhookSink() as opened:
        yield opened


def fails(store: Store, now: datetime, watch: str, cause: str | None = SITE, kind: str = "failure") -> str:
    """Write the message of a watch that fails of a cause; returns its event."""
    told_at_once(store, now, [], "ops")
    run, event = _last_run(store), new_id(now)
    message = NewDelivery(event, "ops", kind, f"{watch}: {kind}", f"why\n\nevent {event}", cause)
    with store._database.write() as connection:
        judging.enqueue(connection, run, watch, [message], now)
    return event


def _last_run(store: Store) -> str:
    with store._database.read() as connection:
        return str(connection.exec_driver_sql("SELECT id FROM runs ORDER BY id DESC LIMIT 1").scalar_one())


def titles(sink: WebhookSink) -> list[str]:
    return [request.json["title"] for request in sink.received]


async def test_two_are_told_at_once_and_the_others_as_one_message_with_the_list(
    store: Store, clock: SimulatedClock, sink: WebhookSink
) -> None:
    box = box_of(store, clock, {"ops": sink.apprise_url()})
    for number in range(12):  # one every 20 s, as their runs end
        fails(store, clock.now(), f"w{number:02}")
        await rounds(box, clock, 20)
    assert titles(sink) == ["w00: failure", "w01: failure"]
    await rounds(box, clock, 300)
    assert titles(sink)[2:] == ["10 watches fail: SITE shop.example"]
    assert all(f"w{number:02}: failure" in sink.received[-1].json["message"] for number in range(2, 12))
    assert {row.state for row in store.outbox()} == {"done"}


async def test_what_fails_together_is_one_message_from_the_start(
    store: Store, clock: SimulatedClock, sink: WebhookSink
) -> None:
    box = box_of(store, clock, {"ops": sink.apprise_url()})
    for number in range(MIN_WATCHES):
        fails(store, clock.now(), f"w{number}", API)
    await rounds(box, clock, 15)
    assert titles(sink) == ["3 watches fail: NETWORK of the API"]


async def test_another_cause_another_kind_or_none_waits_for_nobody(
    store: Store, clock: SimulatedClock, sink: WebhookSink
) -> None:
    box = box_of(store, clock, {"ops": sink.apprise_url()})
    others: list[tuple[str | None, str]] = [(API, "failure"), (SITE, "recovery"), (None, "failure"), (None, "change")]
    for number in range(2):
        fails(store, clock.now(), f"w{number}")
        await rounds(box, clock, 15)
    for number, (cause, kind) in enumerate(others):
        fails(store, clock.now(), f"x{number}", cause, kind)
        await rounds(box, clock, 15)
    assert titles(sink)[2:] == ["x0: failure", "x1: recovery", "x2: failure", "x3: change"]


async def test_the_next_one_after_the_window_is_told_at_once(
    store: Store, clock: SimulatedClock, sink: WebhookSink
) -> None:
    box = box_of(store, clock, {"ops": sink.apprise_url()})
    for number in range(2):
        fails(store, clock.now(), f"w{number}")
    await rounds(box, clock, WINDOW.total_seconds() + 60)
    fails(store, clock.now(), "late")
    await rounds(box, clock, 15)
    assert titles(sink) == ["2 failures in 2 watches", "late: failure"]


async def test_nothing_is_held_back_where_nothing_is_gathered_or_the_process_ends(
    store: Store, clock: SimulatedClock, sink: WebhookSink
) -> None:
    box = box_of(store, clock, {"ops": sink.apprise_url()}, manners=Manners())
    for number in range(4):
        fails(store, clock.now(), f"w{number}")
        await rounds(box, clock, 1)
    assert len(sink.received) == 4
    gathered = box_of(store, clock, {"ops": sink.apprise_url()}, manners=Manners(timedelta(seconds=10)))
    fails(store, clock.now(), "last")
    assert await gathered.drain(5) == 0
    assert titles(sink)[-1] == "last: failure"
