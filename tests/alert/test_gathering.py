"""Gathering: what becomes due together is one message, nothing is lost in it, and a refused one is taken apart."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.alert.manners import Manners
from monitor.store.store import Store
from tests.alert.boxes import GATHERED, box_of, rounds, say
from tests.alert.rows import START, open_store, told_at_once
from tests.conftest import SimulatedClock
from tests.sinks import Answer, Received, SmtpSink, WebhookSink

pytestmark = pytest.mark.anyio

EVENT = re.compile(r"event ([0-9A-Z]{26})")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path) as opened:
        yield opened


@pytest.fixture
def sink() -> Iterator[WebhookSink]:
    with WebhookSink() as opened:
        yield opened


def events(requests: list[Received]) -> list[str]:
    return [event for each in requests for event in EVENT.findall(each.json["message"])]


async def test_what_comes_within_the_wait_is_one_message(
    store: Store, clock: SimulatedClock, sink: WebhookSink
) -> None:
    box = box_of(store, clock, {"ops": sink.apprise_url()})
    sent = []
    for watch in ("a", "b", "c", "a"):
        sent.append(say(store, clock, watch, ["ops"]))
        await rounds(box, clock, 2)
    assert sink.received == []
    await rounds(box, clock, 3)
    (request,) = sink.received
    assert request.json["title"] == "4 changes in 3 watches"
    assert events([request]) == sent
    assert {row.state for row in store.outbox()} == {"done"}


async def test_one_message_alone_is_sent_unchanged(store: Store, clock: SimulatedClock, sink: WebhookSink) -> None:
    say(store, clock, "a", ["ops"])
    await rounds(box_of(store, clock, {"ops": sink.apprise_url()}), clock, 15)
    (row,), (request,) = store.outbox(), sink.received
    assert (request.json["title"], request.json["message"]) == (row.title, row.body)


async def test_without_a_wait_each_goes_alone_at_once(store: Store, clock: SimulatedClock, sink: WebhookSink) -> None:
    for watch in ("a", "b"):
        say(store, clock, watch, ["ops"])
    assert await box_of(store, clock, {"ops": sink.apprise_url()}, manners=Manners()).drain(10) == 0
    assert sorted(each.json["title"] for each in sink.received) == ["a: changed", "b: changed"]


async def test_the_end_of_the_process_does_not_wait_for_more(
    store: Store, clock: SimulatedClock, sink: WebhookSink
) -> None:
    for watch in ("a", "b"):
        say(store, clock, watch, ["ops"])
    assert await box_of(store, clock, {"ops": sink.apprise_url()}).drain(10) == 0
    assert [each.json["title"] for each in sink.received] == ["2 changes in 2 watches"]


@pytest.mark.parametrize(
    ("manners", "titles"),
    [
        (replace(GATHERED, group_by="watch"), ["2 changes of a", "b: changed", "c: changed"]),
        (
            replace(GATHERED, group_by="tag", tags={"a": "price", "b": "price"}),
            ["3 changes in 2 watches", "c: changed"],
        ),
    ],
)
async def test_groups_are_by_watch_or_by_tag(
    store: Store, clock: SimulatedClock, sink: WebhookSink, manners: Manners, titles: list[str]
) -> None:
    for watch in ("a", "b", "a", "c"):
        say(store, clock, watch, ["ops"])
    await rounds(box_of(store, clock, {"ops": sink.apprise_url()}, manners=manners), clock, 15)
    assert sorted(each.json["title"] for each in sink.received) == titles


async def test_a_digest_that_is_too_long_is_halved_down_to_single_messages(
    store: Store, clock: SimulatedClock, sink: WebhookSink
) -> None:
    """C5."""

    def takes_little(request: Received) -> Answer:
        return Answer(413 if len(EVENT.findall(request.json["message"])) > 1 else 200)

    sink.always = takes_little
    sent = [say(store, clock, watch, ["ops"]) for watch in ("a", "b", "a", "b", "c")]
    await rounds(box_of(store, clock, {"ops": sink.apprise_url()}), clock, 15)
    taken = [each for each in sink.received if len(EVENT.findall(each.json["message"])) == 1]
    assert events(taken) == sent
    assert {row.state for row in store.outbox()} == {"done"}


async def test_one_message_that_is_refused_does_not_hold_up_those_beside_it(
    store: Store, clock: SimulatedClock, sink: WebhookSink
) -> None:
    """C3, C7."""

    def not_of_b(request: Received) -> Answer:
        return Answer(400 if "b: poison" in request.json["message"] + request.json["title"] else 200)

    sink.always = not_of_b
    say(store, clock, "a", ["ops"])
    say(store, clock, "b", ["ops"], "poison")
    behind = say(store, clock, "b", ["ops"], "next")
    say(store, clock, "c", ["ops"])
    box = box_of(store, clock, {"ops": sink.apprise_url()})
    await rounds(box, clock, 15)
    states = {row.event: row.state for row in store.outbox()}
    assert sorted(states.values()) == ["done", "done", "pending", "pending"]
    assert states[behind] == "pending", "it does not overtake"
    await rounds(box, clock, 1_300)
    assert sorted(row.state for row in store.outbox()) == ["dead", "done", "done", "done"]


async def test_an_older_message_that_waits_keeps_the_newer_ones_of_its_watch_out_of_a_digest(
    store: Store, clock: SimulatedClock, sink: WebhookSink
) -> None:
    """C7."""
    sink.always = lambda request: Answer(400 if "poison" in request.json["title"] else 200)
    say(store, clock, "b", ["ops"], "poison")
    box = box_of(store, clock, {"ops": sink.apprise_url()})
    await rounds(box, clock, 15)
    sent = [say(store, clock, watch, ["ops"]) for watch in ("a", "b", "c")]
    await rounds(box, clock, 15)
    states = {row.event: row.state for row in store.outbox()}
    assert [states[event] for event in sent] == ["done", "pending", "done"]


async def test_a_message_that_a_service_fails_of_does_not_hold_up_its_digest_for_days(
    store: Store, clock: SimulatedClock, sink: WebhookSink
) -> None:
    def breaks_of_b(request: Received) -> Answer:
        return Answer(500 if "b: poison" in request.json["message"] + request.json["title"] else 200)

    sink.always = breaks_of_b
    for watch in ("a", "c", "d"):
        say(store, clock, watch, ["ops"])
    say(store, clock, "b", ["ops"], "poison")
    await rounds(box_of(store, clock, {"ops": sink.apprise_url()}), clock, 600)
    assert sorted((row.watch, row.state) for row in store.outbox()) == [
        ("a", "done"), ("b", "pending"), ("c", "done"), ("d", "done"),
    ]  # fmt: skip


async def test_an_outage_gives_digests_back_together_and_in_order(
    store: Store, clock: SimulatedClock, sink: WebhookSink
) -> None:
    """C7: 71 hours without a target, then everything, in order."""
    sink.always = Answer(503)
    box = box_of(store, clock, {"ops": sink.apprise_url()})
    box.pace = replace(box.pace, look=3_600, first=600, longest=3 * 3_600)
    sent: dict[str, list[str]] = {"a": [], "b": []}
    for hour in range(0, 70, 5):
        for watch, told_of in sent.items():
            told_of.append(say(store, clock, watch, ["ops"], f"hour {hour}"))
        await rounds(box, clock, 5 * 3_600 - 240)
    await rounds(box, clock, 71 * 3_600 - clock.elapsed)  # three days after its first try a message is given up
    refused = len(sink.received)
    sink.always = Answer()
    await rounds(box, clock, 4 * 3_600)
    taken = sink.received[refused:]
    assert store.outbox_counts() == {"pending": 0, "sending": 0, "dead": 0}
    assert len(taken) < 30, "many of them in one"
    rows = {row.event: row.watch for row in store.outbox(limit=500)}
    for watch, told_of in sent.items():
        assert [event for event in events(taken) if rows[event] == watch] == told_of


async def test_retry_after_leaves_the_target_alone_altogether(
    store: Store, clock: SimulatedClock, sink: WebhookSink
) -> None:
    """C4."""
    sink.script(Answer(429, headers={"Retry-After": "1200"}))
    box = box_of(store, clock, {"ops": sink.apprise_url()})
    say(store, clock, "a", ["ops"])
    await rounds(box, clock, 20)
    say(store, clock, "b", ["ops"])
    await rounds(box, clock, 1_100)
    assert len(sink.received) == 1
    await rounds(box, clock, 200)
    assert store.outbox_counts()["pending"] == 0


async def test_retry_after_is_kept_over_a_restart(store: Store, clock: SimulatedClock, sink: WebhookSink) -> None:
    sink.script(Answer(429, headers={"Retry-After": "1200"}))
    say(store, clock, "a", ["ops"])
    await rounds(box_of(store, clock, {"ops": sink.apprise_url()}), clock, 30)
    say(store, clock, "b", ["ops"])
    again = box_of(store, clock, {"ops": sink.apprise_url()})
    await rounds(again, clock, 1_100)
    assert len(sink.received) == 1
    await rounds(again, clock, 200)
    assert store.outbox_counts()["pending"] == 0


async def test_a_clock_that_is_stepped_back_holds_up_no_message(
    store: Store, clock: SimulatedClock, sink: WebhookSink
) -> None:
    """A machine that began with a wrong year writes messages for then; so do tries and a Retry-After."""
    sink.always = lambda request: Answer(503 if "/bad" in request.path else 200)
    targets = {"bad": sink.apprise_url("bad"), "good": sink.apprise_url("good"), "slow": sink.apprise_url("slow")}
    box = box_of(store, clock, targets)
    sink.script(Answer(429, headers={"Retry-After": "3000"}))
    say(store, clock, "a", ["slow"])
    await rounds(box, clock, 60)
    say(store, clock, "b", ["bad"])
    await rounds(box, clock, 60)
    fresh = say(store, clock, "c", ["good", "slow"])
    clock.start -= timedelta(days=400)
    sink.always = Answer()
    await rounds(box, clock, 3_700)
    assert store.outbox_counts() == {"pending": 0, "sending": 0, "dead": 0}
    assert events(sink.received).count(fresh) == 2


async def test_a_crash_within_the_send_sends_the_same_messages_again_marked(
    store: Store, clock: SimulatedClock, sink: WebhookSink
) -> None:
    sent = [say(store, clock, watch, ["ops"]) for watch in ("a", "b")]
    clock.advance(10)
    (group,) = store.claim(clock.now(), 8, "killed", gathering=GATHERED.gathering(clock.now()))
    assert [row.event for row in group] == sent
    assert store.release(lambda sender: sender == "killed") == 2
    await rounds(box_of(store, clock, {"ops": sink.apprise_url()}), clock, 15)
    (request,) = sink.received
    assert events([request]) == sent
    assert "possible repeat" in request.json["message"]


async def test_a_mail_takes_a_digest_too(store: Store, clock: SimulatedClock) -> None:
    sent = [say(store, clock, watch, ["ops"]) for watch in ("a", "b")]
    with SmtpSink() as sink:
        await rounds(box_of(store, clock, {"ops": sink.apprise_url()}), clock, 15)
        (mail,) = sink.mails
    assert mail["Subject"] == "2 changes in 2 watches"
    assert EVENT.findall(mail.get_content()) == sent


async def test_ten_thousand_messages_at_once_are_few_and_none_is_lost(
    store: Store, clock: SimulatedClock, sink: WebhookSink
) -> None:
    """C7: reliability.md row 123."""
    watches = [f"watch-{number % 2_500}" for number in range(10_000)]
    random.Random(5).shuffle(watches)
    sent = told_at_once(store, START, watches, "ops")
    box = box_of(store, clock, {"ops": sink.apprise_url()})
    await rounds(box, clock, 120)
    assert store.outbox_counts() == {"pending": 0, "sending": 0, "dead": 0}
    assert 100 <= len(sink.received) <= 150
    got = events(sink.received)
    assert sorted(got) == sorted(sent)
    order = {event: number for number, event in enumerate(got)}
    by_watch: dict[str, list[int]] = {}
    for watch, event in zip(watches, sent, strict=True):
        by_watch.setdefault(watch, []).append(order[event])
    assert all(places == sorted(places) for places in by_watch.values())


async def test_a_target_that_hangs_delays_no_digest_of_another(store: Store, sink: WebhookSink) -> None:
    """C3: Row 116: less than 2 s, in real time."""
    import asyncio

    from monitor.clock import WallClock

    clock = WallClock(speed=20)
    with WebhookSink(Answer(hang=True)) as hanging:
        box = box_of(store, clock, {"bad": hanging.apprise_url(), "good": sink.apprise_url()})
        for number in range(20):
            say(store, clock, f"w{number}", ["bad"])
        loop = asyncio.create_task(box.run())
        await asyncio.to_thread(hanging.wait_for, 1)
        begun = asyncio.get_running_loop().time()
        for number in range(3):
            say(store, clock, f"w{number}", ["good"])
        box.notify()
        await asyncio.to_thread(sink.wait_for, 1)
        assert asyncio.get_running_loop().time() - begun < timedelta(seconds=2).total_seconds()
        hanging.release()
        loop.cancel()
        await asyncio.wait({loop})
        await box.drain(1)
