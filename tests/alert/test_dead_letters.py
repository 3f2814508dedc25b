"""Dead letters: parked, told to the others once, taken up when the target is another one or by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.store.store import Store
from tests.alert.boxes import box_of, rounds, say
from tests.alert.rows import open_store
from tests.conftest import SimulatedClock
from tests.sinks import Answer, WebhookSink

pytestmark = pytest.mark.anyio

HOUR = 3_600.0
DAY = 24 * HOUR


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path) as opened:
        yield opened


@pytest.fixture
def sinks() -> Iterator[tuple[WebhookSink, WebhookSink]]:
    with WebhookSink() as good, WebhookSink(Answer(404)) as bad:
        yield good, bad


Sinks = tuple[WebhookSink, WebhookSink]
BOTH = ["bad", "good"]


def named(sinks: Sinks) -> dict[str, str]:
    return {"good": sinks[0].apprise_url(), "bad": sinks[1].apprise_url()}


def announced(sink: WebhookSink) -> list[str]:
    return [each.json["title"] for each in sink.received if "goal-monitor" in each.json["title"]]


async def test_the_others_are_told_once_of_a_target_that_refuses(
    store: Store, clock: SimulatedClock, sinks: Sinks
) -> None:
    """C4."""
    box = box_of(store, clock, named(sinks), told={"a": BOTH, "b": BOTH})
    for _ in range(3):
        for watch in ("a", "b"):
            say(store, clock, watch, BOTH)
        await rounds(box, clock, HOUR)
    assert announced(sinks[0]) == ['goal-monitor: the target "bad" takes no messages']
    body = next(each.json["message"] for each in sinks[0].received if "goal-monitor" in each.json["title"])
    assert "json: answered 404, the target refuses us" in body
    assert "monitor outbox retry" in body
    assert announced(sinks[1]) == [], "never about itself to itself"
    assert {row.state for row in store.outbox() if row.target == "bad"} == {"dead"}
    assert {row.state for row in store.outbox() if row.target == "good"} == {"done"}
    assert store.refusing() == {"bad": True}


async def test_a_target_that_took_a_message_again_is_announced_anew(
    store: Store, clock: SimulatedClock, sinks: Sinks
) -> None:
    box = box_of(store, clock, named(sinks), told={"a": BOTH})
    say(store, clock, "a", BOTH)
    await rounds(box, clock, HOUR)
    sinks[1].always = Answer()
    say(store, clock, "a", BOTH)
    await rounds(box, clock, HOUR)
    assert store.refusing() == {}
    sinks[1].always = Answer(403)
    say(store, clock, "a", BOTH)
    await rounds(box, clock, HOUR)
    assert len(announced(sinks[0])) == 2


async def test_a_watch_with_one_target_has_nobody_to_tell_until_another_watch_has(
    store: Store, clock: SimulatedClock, sinks: Sinks
) -> None:
    box = box_of(store, clock, named(sinks), told={"a": ["bad"], "b": BOTH})
    say(store, clock, "a", ["bad"])
    await rounds(box, clock, HOUR)
    assert announced(sinks[0]) == []
    say(store, clock, "b", BOTH)
    await rounds(box, clock, HOUR)
    assert len(announced(sinks[0])) == 1


async def test_a_changed_definition_takes_up_the_dead_letters(
    store: Store, clock: SimulatedClock, sinks: Sinks
) -> None:
    """C4."""
    targets = named(sinks)
    box = box_of(store, clock, targets, told={"a": BOTH})
    sent = [say(store, clock, "a", ["bad"]), say(store, clock, "a", ["bad"])]
    await rounds(box, clock, HOUR)
    assert store.outbox_counts()["dead"] == 2
    targets["bad"] = sinks[0].apprise_url("another")
    await rounds(box, clock, 120)
    assert store.outbox_counts() == {"pending": 0, "sending": 0, "dead": 0}
    (digest,) = [each for each in sinks[0].received if each.path == "/another"]
    assert all(event in digest.json["message"] for event in sent)
    assert store.refusing() == {}


async def test_a_target_removed_and_named_again_gets_its_messages_within_its_life(
    store: Store, clock: SimulatedClock, sinks: Sinks
) -> None:
    """reliability.md row 122."""
    targets = named(sinks)
    url = targets.pop("good")
    box = box_of(store, clock, targets, told={"a": ["bad"]})
    box.pace = replace(box.pace, look=HOUR)
    say(store, clock, "a", ["good"])
    await rounds(box, clock, HOUR)
    (row,) = store.outbox()
    assert (row.state, row.error, row.refused_by) == ("dead", "target removed", "")
    assert sinks[1].received == [], "somebody removed it: that is no news for the others"
    await rounds(box, clock, DAY)
    targets["good"] = url
    await rounds(box, clock, 2 * HOUR)
    assert store.outbox()[0].state == "done"
    del targets["good"]
    say(store, clock, "a", ["good"])
    await rounds(box, clock, 4 * DAY)
    targets["good"] = url
    await rounds(box, clock, 2 * HOUR)
    assert store.outbox("dead", 1)[0].error == "target removed"


async def test_three_days_without_any_target_is_seen(store: Store, clock: SimulatedClock, sinks: Sinks) -> None:
    """reliability.md row 121."""
    for sink in sinks:
        sink.always = Answer(503)
    box = box_of(store, clock, named(sinks), told={"a": BOTH})
    box.pace = replace(box.pace, look=HOUR, first=HOUR, longest=12 * HOUR)
    say(store, clock, "a", BOTH)
    await rounds(box, clock, 2.9 * DAY)
    box._turned = clock.monotonic()
    assert box.alive()
    await rounds(box, clock, 0.3 * DAY)
    box._turned = clock.monotonic()
    assert not box.alive()
    assert store.outbox_counts()["dead"] >= 2
    sinks[0].always = Answer()
    say(store, clock, "a", ["good"])
    await rounds(box, clock, 3 * HOUR)
    box._turned = clock.monotonic()
    assert box.alive()


async def test_by_hand_a_dead_letter_is_tried_again_or_dropped(
    store: Store, clock: SimulatedClock, sinks: Sinks
) -> None:
    """C4."""
    box = box_of(store, clock, named(sinks), told={"a": ["bad"]})
    first, second = say(store, clock, "a", ["bad"]), say(store, clock, "a", ["bad"])
    await rounds(box, clock, HOUR)
    (one,), (other,) = (
        store.find_messages(first),
        store.find_messages(second[:20].lower()) or store.find_messages(second),
    )
    assert store.drop_messages([other.id], clock.now()) == 1
    assert store.drop_messages([other.id], clock.now()) == 0
    sinks[1].always = Answer()
    assert store.retry_messages([one.id], clock.now()) == 1
    await rounds(box, clock, 60)
    assert {row.id: row.state for row in store.outbox()} == {one.id: "done", other.id: "dropped"}
    assert store.retry_messages([one.id], clock.now()) == 0, "it was delivered"
    assert store.retry_messages([other.id], clock.now()) == 1, "dropping can be undone"
    assert store.find_messages("nothing") == store.find_messages("1; DROP") == store.find_messages("999") == []
