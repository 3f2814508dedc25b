"""Quiet hours and pauses: what is held passes later as one digest, nothing else waits for it, nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.alert.manners import Manners
from monitor.files.hours import QuietHours
from monitor.store.store import Store
from tests.alert.boxes import GATHERED, box_of, rounds, say
from tests.alert.rows import START, open_store, told_at_once
from tests.conftest import SimulatedClock
from tests.sinks import WebhookSink

pytestmark = pytest.mark.anyio

HOUR = 3_600.0
# It is 12:00 UTC; quiet until 14:00.
QUIET = replace(GATHERED, quiet=QuietHours.of("11:00", "14:00", "UTC", frozenset({"change"})))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path) as opened:
        yield opened


@pytest.fixture
def sink() -> Iterator[WebhookSink]:
    with WebhookSink() as opened:
        yield opened


def titles(sink: WebhookSink) -> list[str]:
    return [each.json["title"] for each in sink.received]


async def test_changes_wait_for_the_end_of_quiet_hours_and_come_as_one(
    store: Store, clock: SimulatedClock, sink: WebhookSink
) -> None:
    box = box_of(store, clock, {"ops": sink.apprise_url()}, manners=QUIET)
    for watch in ("a", "b", "a"):
        say(store, clock, watch, ["ops"])
        await rounds(box, clock, 600)
    await rounds(box, clock, 1.4 * HOUR)
    assert sink.received == []
    assert store.held(clock.now(), {"change"}) == (3, 0)
    await rounds(box, clock, HOUR)
    assert titles(sink) == ["3 changes in 2 watches"]
    assert store.outbox_counts()["pending"] == 0


async def test_what_is_not_held_passes_at_once_also_before_a_held_message_of_its_watch(
    store: Store, clock: SimulatedClock, sink: WebhookSink
) -> None:
    box = box_of(store, clock, {"ops": sink.apprise_url()}, manners=QUIET)
    say(store, clock, "a", ["ops"])
    told_at_once(store, clock.now(), ["a"], "ops", "failure")
    await rounds(box, clock, 20)
    assert titles(sink) == ["a: moved"]
    await rounds(box, clock, 3 * HOUR)
    assert titles(sink) == ["a: moved", "a: changed"]


async def test_a_restart_and_changed_settings_count_for_what_is_stored_already(
    store: Store, clock: SimulatedClock, sink: WebhookSink
) -> None:
    """C9."""
    say(store, clock, "a", ["ops"])
    await rounds(box_of(store, clock, {"ops": sink.apprise_url()}, manners=QUIET), clock, 60)
    assert await box_of(store, clock, {"ops": sink.apprise_url()}, manners=QUIET).drain(5) == 1
    assert sink.received == []
    present = [QUIET]
    box = box_of(store, clock, {"ops": sink.apprise_url()}, manners=lambda: present[0])
    await rounds(box, clock, 60)
    assert sink.received == []
    present[0] = GATHERED
    await rounds(box, clock, 60)
    assert titles(sink) == ["a: changed"]


async def test_quiet_hours_hold_also_where_nothing_is_gathered(
    store: Store, clock: SimulatedClock, sink: WebhookSink
) -> None:
    say(store, clock, "a", ["ops"])
    by_hand = Manners(quiet=QUIET.quiet)
    assert await box_of(store, clock, {"ops": sink.apprise_url()}, manners=by_hand).drain(5) == 1
    assert sink.received == []


async def test_a_paused_watch_is_silent_until_its_time_is_up_and_others_are_not(
    store: Store, clock: SimulatedClock, sink: WebhookSink
) -> None:
    store.pause_watch("a", START + timedelta(hours=2), START)
    box = box_of(store, clock, {"ops": sink.apprise_url()})
    for watch in ("a", "b", "a"):
        say(store, clock, watch, ["ops"])
    await rounds(box, clock, HOUR)
    assert titles(sink) == ["b: changed"]
    assert store.held(clock.now(), ()) == (0, 2)
    assert store.pauses(clock.now()) == {"a": START + timedelta(hours=2)}
    await rounds(box, clock, 1.1 * HOUR)
    assert titles(sink) == ["b: changed", "2 changes of a"]
    assert store.pauses(clock.now()) == {}


async def test_a_pause_without_an_end_is_ended_by_hand_however_late(
    store: Store, clock: SimulatedClock, sink: WebhookSink
) -> None:
    """Longer than a message is tried for: what was never tried has all its time."""
    store.pause_watch("a", None, START)
    say(store, clock, "a", ["ops"])
    box = box_of(store, clock, {"ops": sink.apprise_url()})
    box.pace = replace(box.pace, look=HOUR)
    await rounds(box, clock, 10 * 24 * HOUR)
    assert sink.received == []
    sink.script(*[sink.always.__class__(503)] * 3)  # type: ignore[union-attr]  # an `Answer`
    assert store.resume_watch("a", clock.now())
    assert not store.resume_watch("a", clock.now())
    await rounds(box, clock, HOUR)
    assert titles(sink)[-1] == "a: changed"
    assert store.outbox_counts() == {"pending": 0, "sending": 0, "dead": 0}


def test_a_pause_moves_with_its_watch_and_a_later_one_replaces_it(store: Store) -> None:
    told_at_once(store, START, ["a"], "ops")
    store.pause_watch("a", None, START)
    store.pause_watch("a", START + timedelta(hours=1), START)
    store.rename("a", "z", START)
    assert store.pauses(START) == {"z": START + timedelta(hours=1)}
    assert store.pauses(START + timedelta(hours=1)) == {}
