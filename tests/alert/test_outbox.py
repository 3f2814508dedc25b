"""The outbox: at least once to every target, in order, whatever a target or the store does."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from monitor.alert import services
from monitor.alert.outbox import Outbox
from monitor.alert.pace import Pace
from monitor.alert.targets import Targets
from monitor.clock import Clock, WallClock
from monitor.errors import DeliveryError, SecretError, StoreBusy
from monitor.store.records import Delivery
from monitor.store.store import Store
from tests.alert.rows import START, call, delivery, named, open_store, told
from tests.conftest import SimulatedClock
from tests.sinks import Answer, WebhookSink

pytestmark = pytest.mark.anyio

DAY = 86_400.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path) as opened:
        yield opened


@pytest.fixture
def sink() -> Iterator[WebhookSink]:
    with WebhookSink() as opened:
        yield opened


def outbox(store: Store, clock: Clock, targets: dict[str, str], *, caller: Callable[..., Any] = call) -> Outbox:
    return Outbox(store, caller, lambda: named(targets), clock, sender="me", chance=random.Random(1))


@contextlib.asynccontextmanager
async def running(box: Outbox) -> AsyncIterator[None]:
    """The outbox's loop, ended as a daemon ends it."""
    task = asyncio.create_task(box.run(), name="outbox")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await box.drain(0.2)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so that announces itself nowhere."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - logs and tables set no event
            await asyncio.sleep(0.01)


async def arrived(sink: WebhookSink, count: int) -> list[str]:
    """Return the texts that came, once there are `count`."""
    return [each.json["message"] for each in await asyncio.to_thread(sink.wait_for, count)]


async def test_every_target_gets_the_message_once(store: Store, clock: SimulatedClock, sink: WebhookSink) -> None:
    """C1."""
    event = told(store, START, "a", ["one", "two"])
    box = outbox(store, clock, {"one": sink.apprise_url("one"), "two": sink.apprise_url("two")})
    assert await box.drain(10) == 0
    assert sorted(each.path for each in sink.received) == ["/one", "/two"]
    assert all(event in each.json["message"] for each in sink.received)
    assert {row.state for row in store.outbox()} == {"done"}
    assert await box.drain(10) == 0
    assert len(sink.received) == 2


async def test_run_sends_what_comes_later_when_it_is_told(store: Store, sink: WebhookSink) -> None:
    clock = WallClock()
    box = outbox(store, clock, {"ops": sink.apprise_url()})
    assert not box.alive()
    async with running(box):
        await until(box.alive)
        told(store, clock.now(), "a", ["ops"], "first")
        box.notify()
        await arrived(sink, 1)
        told(store, clock.now(), "a", ["ops"], "second")
        box.notify()
        assert [text.split()[0] for text in await arrived(sink, 2)] == ["first", "second"]
    assert not box.alive()


async def test_a_target_that_hangs_delays_no_other(store: Store, sink: WebhookSink) -> None:
    """C3."""
    clock = WallClock()
    with WebhookSink(Answer(hang=True)) as hanging:
        box = outbox(store, clock, {"bad": hanging.apprise_url(), "good": sink.apprise_url()})
        async with running(box):
            for number in range(30):
                told(store, clock.now(), f"bad-{number}", ["bad"])
            box.notify()
            await asyncio.to_thread(hanging.wait_for, box.pace.per_target)
            begun = asyncio.get_running_loop().time()
            told(store, clock.now(), "good", ["good"])
            box.notify()
            await arrived(sink, 1)
            assert asyncio.get_running_loop().time() - begun < 2
            assert len(hanging.received) < 2 * box.pace.per_target
            hanging.release()


async def test_a_dead_target_for_three_days_less_an_hour_gets_everything_in_order(
    store: Store, clock: SimulatedClock, sink: WebhookSink
) -> None:
    """C1, C4."""
    sink.always = Answer(503)
    box = outbox(store, clock, {"ops": sink.apprise_url()})
    for text in ("first", "second", "third"):
        told(store, clock.now(), "a", ["ops"], text)
        clock.advance(60)
    while clock.elapsed < 71 * 3_600:
        await box.drain(10)
        due = store.next_delivery_at(clock.now())
        assert due is not None
        clock.advance(max(1.0, (due - clock.now()).total_seconds()))
    tries = len(sink.received)
    assert 71 < tries < 400
    sink.always = Answer()
    await drained(box, store, clock)
    assert [each.json["message"].split()[0] for each in sink.received[tries:]] == ["first", "second", "third"]


async def drained(box: Outbox, store: Store, clock: SimulatedClock) -> None:
    """Drain, moving the clock to the next due message, until none waits."""
    while await box.drain(10) and (due := store.next_delivery_at(clock.now())) is not None:
        clock.advance(max(1.0, (due - clock.now()).total_seconds()))


async def test_after_three_days_it_is_a_dead_letter(store: Store, clock: SimulatedClock, sink: WebhookSink) -> None:
    """C4."""
    sink.always = Answer(500)
    told(store, clock.now(), "a", ["ops"])
    await drained(outbox(store, clock, {"ops": sink.apprise_url()}), store, clock)
    (row,) = store.outbox()
    assert (row.state, row.error) == ("dead", "json: answered 500")
    assert clock.elapsed == pytest.approx(3 * DAY, abs=5)


async def test_a_refusal_is_tried_once_more_and_then_buried(
    store: Store, clock: SimulatedClock, sink: WebhookSink
) -> None:
    sink.always = Answer(404)
    told(store, clock.now(), "a", ["ops"])
    await drained(outbox(store, clock, {"ops": sink.apprise_url()}), store, clock)
    assert len(sink.received) == 2
    assert clock.elapsed == pytest.approx(600, abs=5)
    assert store.outbox_counts()["dead"] == 1


async def test_retry_after_wins(store: Store, clock: SimulatedClock, sink: WebhookSink) -> None:
    """C4."""
    sink.script(Answer(429, headers={"Retry-After": "1234"}))
    told(store, clock.now(), "a", ["ops"])
    box = outbox(store, clock, {"ops": sink.apprise_url()})
    assert await box.drain(10) == 1
    assert store.next_delivery_at(clock.now()) == START + timedelta(seconds=1234)


async def test_a_removed_target_is_buried_at_once(store: Store, clock: SimulatedClock) -> None:
    told(store, clock.now(), "a", ["gone"])
    assert await outbox(store, clock, {}).drain(10) == 0
    (row,) = store.outbox()
    assert (row.state, row.error) == ("dead", "target removed")


async def test_a_target_named_since_is_found(store: Store, clock: SimulatedClock, sink: WebhookSink) -> None:
    definitions = {"one": sink.apprise_url("one")}
    box = outbox(store, clock, definitions)
    told(store, clock.now(), "a", ["one"])
    assert await box.drain(10) == 0
    definitions["two"] = sink.apprise_url("two")
    told(store, clock.now(), "b", ["two"])
    assert await box.drain(10) == 0
    assert [each.path for each in sink.received] == ["/one", "/two"]


async def test_a_missing_secret_waits_for_it_and_names_it(store: Store, clock: SimulatedClock) -> None:
    def resolve(text: str) -> str:
        raise SecretError(f"{text} is not set")

    told(store, clock.now(), "a", ["ops"])
    box = Outbox(
        store, call, lambda: Targets({"ops": "${env:OPS}"}, {}, resolve), clock, sender="me", chance=random.Random(1)
    )
    assert await box.drain(10) == 1
    assert store.outbox()[0].error == "${env:OPS} is not set"


async def test_a_copy_after_no_answer_is_marked(
    store: Store, clock: SimulatedClock, sink: WebhookSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C2."""
    monkeypatch.setattr(services, "READ_TIMEOUT", 0.3)
    sink.script(Answer(delay=0.6))
    told(store, clock.now(), "a", ["ops"])
    await drained(outbox(store, clock, {"ops": sink.apprise_url()}), store, clock)
    assert ["possible repeat" in each.json["message"] for each in sink.received] == [False, True]


async def test_a_send_past_its_deadline_is_not_begun_again_until_it_ended(store: Store, sink: WebhookSink) -> None:
    """C3."""
    clock = WallClock()
    sink.script(Answer(hang=True))
    box = outbox(store, clock, {"ops": sink.apprise_url()})
    box.pace = replace(Pace(), deadline=0.1, first=0.1)
    told(store, clock.now(), "a", ["ops"], "first")
    told(store, clock.now(), "a", ["ops"], "second")
    with capture_logs() as logs:
        async with running(box):
            await until(lambda: any(entry["event"] == "a target takes very long" for entry in logs))
            box.notify()
            await asyncio.sleep(0.1)
            assert len(sink.received) == 1
            sink.release()
            assert [text.split()[0] for text in await arrived(sink, 2)] == ["first", "second"]


async def test_drain_is_bounded_and_says_what_is_left(store: Store, sink: WebhookSink) -> None:
    sink.always = Answer(hang=True)
    clock = WallClock()
    told(store, clock.now(), "a", ["ops"])
    told(store, clock.now(), "a", ["ops"])
    begun = asyncio.get_running_loop().time()
    assert await outbox(store, clock, {"ops": sink.apprise_url()}).drain(0.3) == 2
    assert asyncio.get_running_loop().time() - begun < 2
    sink.release()


async def test_what_a_dead_sender_was_sending_comes_again_marked(
    store: Store, clock: SimulatedClock, sink: WebhookSink
) -> None:
    """C1, C2."""
    told(store, clock.now(), "a", ["ops"])
    assert store.claim(clock.now(), 10, "dead process")
    assert store.release(lambda sender: sender == "dead process") == 1
    assert await outbox(store, clock, {"ops": sink.apprise_url()}).drain(10) == 0
    assert "possible repeat" in sink.received[0].json["message"]


class FailingCalls:
    """Calls to a store that is busy for the first calls of some methods."""

    def __init__(self, **failures: int) -> None:
        self.left = failures

    async def __call__(self, method: Any, *args: Any, **options: Any) -> Any:
        name = getattr(method, "func", method).__name__
        if self.left.get(name, 0) > 0:
            self.left[name] -= 1
            raise StoreBusy("the database is locked")
        return await call(method, *args, **options)


async def test_a_busy_store_neither_loses_nor_doubles_a_message(store: Store, sink: WebhookSink) -> None:
    """C2."""
    clock = WallClock(speed=50)
    told(store, clock.now(), "a", ["ops"])
    box = outbox(
        store, clock, {"ops": sink.apprise_url()}, caller=FailingCalls(claim=2, delivered=3, next_delivery_at=1)
    )
    with capture_logs() as logs:
        async with running(box):
            await arrived(sink, 1)
            await until(lambda: not store.outbox_counts()["sending"])
    assert len(sink.received) == 1
    assert store.outbox()[0].state == "done"
    complaints = [entry for entry in logs if entry.get("kind") == "StoreBusy"]
    assert 1 <= len(complaints) <= 3
    assert "locked" in complaints[0]["error"]


async def test_a_claim_cut_by_the_end_is_given_back(store: Store, clock: SimulatedClock, sink: WebhookSink) -> None:
    """C1."""
    told(store, clock.now(), "a", ["ops"])
    committed = asyncio.Event()

    async def slow(method: Any, *args: Any, **options: Any) -> Any:
        done = await call(method, *args, **options)
        if method.__name__ == "claim" and done:
            committed.set()
            await asyncio.sleep(0.05)
        return done

    box = outbox(store, clock, {"ops": sink.apprise_url()}, caller=slow)
    task = asyncio.create_task(box.run())
    await committed.wait()
    task.cancel()
    await asyncio.wait({task})
    assert await box.drain(0) == 1
    assert store.outbox()[0].state == "pending"
    assert await box.drain(10) == 0
    assert len(sink.received) == 1


async def test_nothing_that_is_logged_or_stored_holds_a_token(
    store: Store, clock: SimulatedClock, sink: WebhookSink
) -> None:
    canary = "CanaryT0ken4711"
    sink.script(Answer(500, body=canary.encode()), Answer(404), Answer(close=True))
    targets = {"ops": sink.apprise_url(canary), "odd": f"slack://{canary}"}
    told(store, clock.now(), "a", ["ops", "odd"])
    structlog.reset_defaults()
    with capture_logs() as logs:
        await drained(outbox(store, clock, targets), store, clock)
    assert logs
    assert canary.lower() not in repr(logs).lower()
    assert canary.lower() not in repr(store.outbox()).lower()


def row(attempts: int = 1, **changes: Any) -> Delivery:
    return delivery(attempts=attempts, **changes)


async def test_delays_double_up_to_an_hour_with_jitter() -> None:
    """C4."""
    pace, chance = Pace(), random.Random(7)
    for attempts, ceiling in [(1, 5), (2, 10), (3, 20), (10, 2_560), (11, 3_600), (10_000, 3_600)]:
        delays = [pace.delay(attempts, None, chance) for _ in range(200)]
        assert 1 <= min(delays) <= max(1.0, ceiling / 10)
        assert ceiling * 0.9 <= max(delays) <= ceiling


async def test_the_last_try_is_when_the_time_is_up_which_counts_from_the_first_one() -> None:
    pace, fault = Pace(), DeliveryError("x")
    last = START + timedelta(days=3)
    assert pace.next_try(row(), fault, last - timedelta(hours=1), DAY) == last
    assert pace.next_try(row(), fault, last, 5) is None
    held = row(first_at=last)
    assert pace.next_try(held, fault, last, 5) == last + timedelta(seconds=5)
    assert pace.next_try(held, fault, last + timedelta(days=3), 5) is None


async def test_what_is_permanent_is_final_when_it_comes_twice_in_a_row() -> None:
    pace = Pace()
    assert pace.next_try(row(), DeliveryError("x", permanent=True), START, 600) is None
    again = DeliveryError("x", permanent=True, retry_after=600)
    assert pace.next_try(row(), again, START, 600) == START + timedelta(seconds=600)
    assert pace.next_try(row(attempts=9, error="answered 503"), again, START, 600) is not None
    assert pace.next_try(row(attempts=2, error="x"), again, START, 600) is None
