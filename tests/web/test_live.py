"""What is going on now, to many dashboards: one look at the store for all of them, and nobody waits for a slow one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from monitor.engine.execute import execute
from monitor.errors import UsageError
from monitor.store.records import Unfinished
from monitor.store.store import Store
from monitor.watch.run import Run, Trigger, new_id
from monitor.web import live
from monitor.web.live import REFRESH, Event, Flight
from tests.conftest import make_watch
from tests.engine.conftest import until
from tests.web.conftest import NOW, Site

pytestmark = pytest.mark.anyio

NAME = "espresso-machine"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often, so that a test need not wait."""
    monkeypatch.setattr(live, "TICK", 0.02)
    monkeypatch.setattr(live, "LOOK", 0.05)


@asynccontextmanager
async def watching(site: Site, path: str = "/live") -> AsyncIterator[asyncio.StreamReader]:
    """An open dashboard."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\n\r\n".encode())
    try:
        yield reader
    finally:
        writer.close()


async def event(reader: asyncio.StreamReader, *names: str) -> tuple[str, dict[str, Any]]:
    """The next event of one of these names."""
    async with asyncio.timeout(15):
        while True:
            line = (await reader.readuntil(b"\n")).decode().strip()
            if line.startswith("event: ") and (name := line.removeprefix("event: ")) in names:
                data = (await reader.readuntil(b"\n")).decode().removeprefix("data: ")
                return name, json.loads(data)


@pytest.mark.parametrize("path", ["/live", "/api/v1/events"])
async def test_a_run_is_seen_from_its_first_step_to_its_record(site: Site, path: str) -> None:
    site.api.next_run(result={"price": 1, "in_stock": True}, steps=3).takes(0.3)
    async with watching(site, path) as reader:
        assert await event(reader, "flight") == ("flight", {"runs": []})
        run = (await site.post(f"/api/v1/watches/{NAME}/run")).json["run"]
        _, began = await event(reader, "run")
        assert (began["watch"], began["run"], began["trigger"]) == (NAME, run, "manual")
        _, ended = await event(reader, "record")
        assert (ended["run"], ended["verdict"]) == (run, "BASELINE")


async def test_what_another_process_does_is_seen(site: Site) -> None:
    """`monitor run`, `pause` and `outbox drop` beside the daemon."""
    clock = site.console.clock
    async with watching(site) as reader:
        await event(reader, "flight")
        await asyncio.to_thread(_other, site.desk.store.path, clock.now())
        name, said = await event(reader, "run", "changed")
        while said.get("what") != "orders":
            name, said = await event(reader, "run", "changed")
        assert name == "changed"


def _other(path: Any, now: Any) -> None:
    with Store.open(str(path)) as store:
        run = Run(new_id(now), "another", now, trigger=Trigger.MANUAL)
        store.begin_run(run, goal="", generation="g", owner="somebody", now=now)
        store.pause_watch("another", None, now)
        store.order("command line, root", "pause", "another", now, watch="another")


async def test_a_hundred_dashboards_cost_one_look_each_time(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """One poller for all: the number of looks does not depend on the number of dashboards."""
    looks = 0
    before = Store.signs

    def counted(store: Store, now: Any) -> Any:
        nonlocal looks
        looks += 1
        return before(store, now)

    monkeypatch.setattr(Store, "signs", counted)
    monkeypatch.setattr(live, "LOOK", 3_600)
    monkeypatch.setattr(live, "FRESH", 3_600)
    watchers = [await _subscribed(site) for _ in range(100)]
    site.console.live.changed("watches", NAME)
    for _, queue in watchers:
        assert (await asyncio.wait_for(queue.get(), 10)).data == {"what": "watches", "watch": NAME}
    assert looks <= 1
    for context, _ in watchers:
        await context.__aexit__(None, None, None)
    assert site.console.live.watched_by == 0


async def _subscribed(site: Site) -> tuple[Any, Any]:
    context = site.console.live.subscribe()
    return context, await context.__aenter__()


async def test_a_slow_dashboard_is_told_to_fetch_afresh(site: Site) -> None:
    """Row 49: nobody is waited for, and nothing grows."""
    console = site.console.live
    async with console.subscribe() as slow, console.subscribe() as quick:
        for number in range(live.QUEUE + 1):
            console._tell([Event.of("changed", {"what": "watches", "watch": str(number)})])
            await quick.get()
        assert slow.qsize() == 1
        assert await slow.get() is REFRESH


async def test_nobody_watching_means_no_look_at_the_store(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def looked(*_: object) -> Any:
        raise AssertionError("nobody watches")

    monkeypatch.setattr(Store, "signs", looked)
    site.console.live.changed("watches", None)
    await asyncio.sleep(0.2)
    assert site.console.live._changed == {}


async def test_too_many_dashboards_are_refused_with_a_line(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST", 1)
    async with watching(site) as first:
        await event(first, "flight")
        answer = await site.get("/live")
        assert answer.text.startswith(": 1 dashboards are open already")
        with pytest.raises(UsageError, match="open already"):
            async with site.console.live.subscribe():
                pass


async def test_a_dashboard_that_is_closed_gives_its_place_back(site: Site) -> None:
    async with watching(site) as reader:
        await event(reader, "flight")
        assert site.console.live.watched_by == 1
    await until(lambda: site.console.live.watched_by == 0)


async def test_a_stream_without_news_is_kept_open(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "BEAT", 0.05)
    async with watching(site) as reader:
        async with asyncio.timeout(10):
            await reader.readuntil(b": still here\n\n")


async def test_many_runs_at_once_are_one_word(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row 51."""
    monkeypatch.setattr(live, "BURST", 2)
    before = site.desk.store.signs(site.console.clock.now())
    now = site.console.clock.now()
    for number in range(3):
        run = Run(new_id(now), f"w{number}", now, trigger=Trigger.MANUAL)
        site.desk.store.begin_run(run, goal="", generation="g", owner="o", now=now)
    assert site.console.live._news(before, site.desk.store.signs(now), set()) == [REFRESH]


async def test_a_record_between_two_looks_is_not_missed(site: Site) -> None:
    now = site.console.clock.now()
    before = site.desk.store.signs(now)
    await execute(make_watch(), Run(new_id(now), NAME, now, trigger=Trigger.MANUAL), site.desk)
    assert REFRESH in site.console.live._news(before, site.desk.store.signs(now), set())


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://tf.example/live", "https://tf.example/live"),
        ("http://tf.example", None),
        ("javascript:alert(1)", None),
    ],
)
def test_a_live_view_is_linked_only_over_https(url: str, shown: str | None) -> None:
    """Row 40."""
    run = Run("01AAAAAAAAAAAAAAAAAAAAAAAA", NAME, NOW)
    left = Unfinished(run, "accepted", "", NOW, "run_1", None, "o", streaming_url=url)
    assert Flight.of(left, []).streaming_url == shown


def test_an_event_is_one_line_of_ascii_whatever_it_says() -> None:
    """Row 46: nothing that a page said can end an event or begin another."""
    frame = Event.of("run", {"step": "a\n\nevent: x\rdata: \u2028\ud800</script>"}).frame
    assert frame.isascii()
    assert frame.count(b"\n") == 3
    assert b"\r" not in frame
