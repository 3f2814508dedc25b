"""Pacing by site: places and distances of runs of one host, beside the places of all runs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from monitor.engine.dispatch import Dispatcher
from monitor.engine.hosts import Turns, host_of
from monitor.watch.model import Watch
from monitor.watch.run import Run
from tests.conftest import SimulatedClock, make_watch

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Asked:
    """What `hosts` of monitor.yaml says of one host."""

    seconds: float = 0.0
    concurrency: int | None = None


@dataclass
class Site:
    """Runs of one test: when each began, and how many went on at once."""

    turns: Turns
    clock: SimulatedClock
    begun: list[tuple[str, float]]
    going: int = 0
    most: int = 0

    async def run(self, url: str, seconds: int = 3) -> None:
        async with self.turns.turn(url):
            self.begun.append((url, self.clock.elapsed))
            self.going += 1
            self.most = max(self.most, self.going)
            for _ in range(seconds):
                await asyncio.sleep(0)
            self.going -= 1


def site(clock: SimulatedClock, places: int, **paces: Asked) -> Site:
    return Site(Turns(places, {name.replace("_", "."): pace for name, pace in paces.items()}.get, clock), clock, [])


async def together(*runs: object) -> None:
    async with asyncio.timeout(10):
        await asyncio.gather(*runs)  # type: ignore[call-overload]


async def test_runs_of_one_host_begin_so_far_apart(clock: SimulatedClock) -> None:
    found = site(clock, 10, shop_example=Asked(30.0))
    await together(*(found.run(f"https://shop.example/{number}") for number in range(3)))
    assert [at for _, at in found.begun] == [0.0, 30.0, 60.0]


async def test_so_many_runs_of_one_host_at_once_and_no_more(clock: SimulatedClock) -> None:
    found = site(clock, 10, shop_example=Asked(concurrency=2))
    await together(*(found.run("https://SHOP.example/x") for _ in range(7)))
    assert (len(found.begun), found.most) == (7, 2)


async def test_a_run_that_waits_for_its_host_keeps_no_place_from_the_others(clock: SimulatedClock) -> None:
    found = site(clock, 2, shop_example=Asked(concurrency=1))
    slow = [found.run("https://shop.example/a", 50) for _ in range(3)]
    await together(*slow, found.run("https://other.example/", 1))
    assert [url for url, _ in found.begun][:2] == ["https://shop.example/a", "https://other.example/"]


async def test_all_runs_together_keep_to_the_places(clock: SimulatedClock) -> None:
    found = site(clock, 2, a_example=Asked(concurrency=5), b_example=Asked(concurrency=5))
    await together(*(found.run(f"https://{'ab'[n % 2]}.example/") for n in range(12)))
    assert (len(found.begun), found.most) == (12, 2)


async def test_one_that_is_cancelled_while_it_waits_leaves_its_place_to_the_next(clock: SimulatedClock) -> None:
    found = site(clock, 1, shop_example=Asked(concurrency=1))
    first, second, third = (asyncio.create_task(found.run(f"https://shop.example/{n}", 20)) for n in range(3))
    await asyncio.sleep(0)
    second.cancel()
    await together(first, third)
    assert [url[-1] for url, _ in found.begun] == ["0", "2"]


async def test_a_new_pace_counts_from_the_next_run_on(clock: SimulatedClock) -> None:
    paces: dict[str, Asked] = {"shop.example": Asked(concurrency=1)}
    found = Site(Turns(9, paces.get, clock), clock, [])
    runs = [asyncio.create_task(found.run("https://shop.example/", 5)) for _ in range(4)]
    await asyncio.sleep(0)
    paces["shop.example"] = Asked(concurrency=3)
    await together(*runs)
    assert found.most == 3
    paces.clear()
    await together(*(found.run("https://shop.example/") for _ in range(9)))
    assert found.most == 9


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Shop.Example:8443/x?y", "shop.example"),
        ("https://shop.example./", "shop.example"),
        ("http://[::1]:80/", "[::1]"),
        ("", ""),
    ],
)
def test_the_host_of_a_url_is_written_as_in_the_settings(url: str, host: str) -> None:
    assert host_of(url) == host


async def test_the_dispatcher_paces_the_runs_of_one_site_and_no_other(clock: SimulatedClock) -> None:
    """`hosts` of monitor.yaml: concurrency 1 for shop.example, whatever watch a run is of."""
    going: list[str] = []
    most: dict[str, int] = {}

    async def execute(watch: Watch, _run: Run) -> Any:
        host = host_of(watch.url)
        going.append(host)
        most[host] = max(most.get(host, 0), going.count(host))
        await asyncio.sleep(0.01)
        going.remove(host)

    turns = Turns(8, {"shop.example": Asked(concurrency=1)}.get, clock)
    async with asyncio.timeout(10), Dispatcher(execute, execute, turns, lambda _: None) as runs:  # type: ignore[arg-type] # it resumes none
        for number in range(8):
            url = f"https://{'shop' if number % 2 else 'other'}.example/{number}"
            watch = make_watch(name=f"w{number}", url=url)
            runs.start(watch, Run(f"r{number}", watch.name, clock.now()))
        await runs.idle()
    assert most == {"shop.example": 1, "other.example": 4}
