"""Months of an outbox: targets that break, crashes, pauses, quiet hours; against what was committed."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.alert.manners import Manners
from monitor.files.hours import QuietHours
from monitor.store.store import Store
from tests.alert.boxes import GATHERED, box_of, rounds
from tests.alert.rows import open_store, told
from tests.conftest import SimulatedClock
from tests.sinks import Answer, Received, WebhookSink

pytestmark = pytest.mark.anyio

EVENT = re.compile(r"event ([0-9A-Z]{26})")
HOUR = 3_600.0
DAY = 24 * HOUR
LIVES = 4
TARGETS = ("one", "two")
WATCHES = ("a", "b", "c")
QUIET = QuietHours.of("22:00", "07:00", "Europe/Berlin", frozenset({"change"}))


@dataclass
class World:
    """What was committed, what each target took, and how often a process died with a message in hand."""

    chance: random.Random
    committed: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    taken: dict[str, list[str]] = field(default_factory=lambda: {target: [] for target in TARGETS})
    broken: dict[str, float] = field(default_factory=dict)  # since when
    cut: Counter[tuple[str, str]] = field(default_factory=Counter)  # (event, target): crashes within a send

    def answer(self, target: str) -> object:
        def take(request: Received) -> Answer:
            if target in self.broken:
                return Answer(self.chance.choice([500, 503, 429]))
            self.taken[target] += EVENT.findall(request.json["message"])
            return Answer()

        return take


@pytest.mark.parametrize("seed", range(2))
async def test_months_lose_nothing_and_keep_the_order(tmp_path: Path, clock: SimulatedClock, seed: int) -> None:
    """C1: at least one delivery for every target; C2: copies - 1 <= crashes in the window; C7: order per pair."""
    chance = random.Random(seed)
    world = World(chance)
    present: list[Manners] = [GATHERED]
    with WebhookSink() as one, WebhookSink() as two:
        sinks = dict(zip(TARGETS, (one, two), strict=True))
        for target, sink in sinks.items():
            sink.always = world.answer(target)  # type: ignore[assignment]  # a callable of the request
        urls = {target: sink.apprise_url() for target, sink in sinks.items()}
        for life in range(LIVES):  # each ends with a crash and a restart
            with open_store(tmp_path) as store:
                store.release(lambda sender, ours=f"life-{life}": sender != ours)  # type: ignore[misc]
                box = box_of(store, clock, urls, manners=lambda: present[0], chance=seed, sender=f"life-{life}")
                box.pace = replace(box.pace, look=6 * HOUR, first=300.0, longest=4 * HOUR)
                await rounds(box, clock, 30 * DAY)  # what the crash left behind, and a month of nothing else
                for _ in range(5):
                    act(store, clock, world, present)
                    long = 12 * HOUR if world.broken else 20 * DAY
                    await rounds(box, clock, chance.choice([5.0, 60.0, 6 * HOUR, long]))
                await crash(store, clock, world, present[0], f"life-{life}", sinks)
        world.broken.clear()
        present[0] = GATHERED
        with open_store(tmp_path) as store:
            store.release(lambda _: True)
            for watch in WATCHES:
                store.resume_watch(watch, clock.now())
            end = box_of(store, clock, urls)
            await rounds(end, clock, 6 * HOUR)
            assert store.outbox_counts() == {"pending": 0, "sending": 0, "dead": 0}
    assert clock.elapsed > LIVES * 30 * DAY
    check(world)


def act(store: Store, clock: SimulatedClock, world: World, present: list[Manners]) -> None:
    """Let something happen: messages, a target that breaks or mends, a pause, other settings."""
    chance = world.chance
    for _ in range(chance.randint(0, 4)):
        watch = chance.choice(WATCHES)
        event = told(store, clock.now(), watch, TARGETS)
        for target in TARGETS:
            world.committed.setdefault((watch, target), []).append(event)
        clock.advance(chance.choice([0.01, 4.0]))
    for target in TARGETS:  # broken for less than three days in a row: longer ones are dead letters, as they should be
        if clock.elapsed - world.broken.get(target, clock.elapsed) > 36 * HOUR:
            del world.broken[target]
        elif chance.random() < 0.3 and world.broken.pop(target, None) is None:
            world.broken[target] = clock.elapsed
    if chance.random() < 0.2:
        store.pause_watch(chance.choice(WATCHES), clock.now() + timedelta(hours=chance.randint(1, 30)), clock.now())
    if chance.random() < 0.2:
        by = chance.choice(["target", "watch"])
        quiet = chance.choice([None, QUIET])
        present[0] = Manners(timedelta(seconds=chance.choice([0, 10, 60])), by, quiet)  # type: ignore[arg-type]


async def crash(
    store: Store, clock: SimulatedClock, world: World, manners: Manners, sender: str, sinks: dict[str, WebhookSink]
) -> None:
    """Die with claimed messages in hand: before the send, or after the target took them."""
    clock.advance(61)
    world.broken.clear()
    for group in store.claim(clock.now(), 2, sender, gathering=manners.gathering(clock.now())):
        target = group[0].target
        for row in group:
            world.cut[(row.event, target)] += 1
        if world.chance.random() < 0.5:
            from monitor.alert import deliver, digest

            await asyncio.to_thread(deliver.send, sinks[target].apprise_url(), digest.merged(group, digest.ROOM))


def check(world: World) -> None:
    for (watch, target), events in world.committed.items():
        copies = Counter(world.taken[target])
        for event in events:
            assert 1 <= copies[event] <= 1 + world.cut[(event, target)], (watch, target, event)
        first: list[str] = []
        for event in world.taken[target]:
            if event in events and event not in first:
                first.append(event)
        assert first == events, (watch, target)
