"""The dead man's switch against a real server: pings while all is well, tells a failure once, never the address."""

from __future__ import annotations

import random
import socket
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from monitor.alert.outbox import Outbox
from monitor.clock import WallClock
from monitor.engine.dead_man import DeadMan
from monitor.files.secrets import Secret
from tests.alert.rows import call, named, open_store, told
from tests.conftest import SimulatedClock
from tests.engine.conftest import until
from tests.sinks import Answer, WebhookSink

pytestmark = pytest.mark.anyio

CANARY = "canary-7f3a9"
HOUR = 3_600.0


def switch(url: str, clock: SimulatedClock, problems: list[str] | None = None) -> DeadMan:
    found = [] if problems is None else problems
    return DeadMan(Secret(url), clock, lambda: found)


async def test_it_pings_while_nothing_is_wrong(clock: SimulatedClock) -> None:
    """C10."""
    problems: list[str] = []
    with WebhookSink() as sink, capture_logs() as logs:
        dead_man = switch(f"{sink.url}/ping/{CANARY}?a=1", clock, problems)
        assert await dead_man.turn()
        problems.append("outbox: it does not move")
        assert not await dead_man.turn()
        assert not await dead_man.turn()
        problems.clear()
        assert await dead_man.turn()
        assert [(each.method, each.path) for each in sink.received] == [("GET", f"/ping/{CANARY}?a=1")] * 2
    assert [line["event"] for line in logs] == ["dead_man is not pinged until this is over", "dead_man is pinged again"]
    assert CANARY not in str(logs)


ANSWERS = {
    "it answered 404": Answer(404),
    "it answered 500": Answer(500),
    "it answers with a redirect, which is not followed": Answer(302, headers={"Location": "/elsewhere"}),
    "its answer is no good (too_large)": Answer(body=b"x" * 100_000),
    "there is no connection to it": Answer(close=True),
}


@pytest.mark.parametrize("why", ANSWERS)
async def test_a_ping_that_fails_is_told_once_an_outage_and_tried_again(clock: SimulatedClock, why: str) -> None:
    with WebhookSink(ANSWERS[why]) as sink, capture_logs() as logs:
        dead_man = switch(f"{sink.url}/{CANARY}", clock)
        for _ in range(3):
            assert await dead_man.turn()
        sink.always = Answer()
        assert await dead_man.turn()
        sink.always = ANSWERS[why]
        assert await dead_man.turn()
        assert {each.path for each in sink.received} == {f"/{CANARY}"}
    texts = [(line["event"], line.get("why", "")) for line in logs]
    assert [event for event, _ in texts] == [
        "dead_man cannot be pinged; tried again every minute",
        "dead_man takes pings again",
        "dead_man cannot be pinged; tried again every minute",
    ]
    assert CANARY not in str(logs)
    assert "127.0.0.1" not in str(logs)
    if "connection" not in why:  # how a cut connection is called depends on when it was cut
        assert texts[0][1].startswith(why)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (f"http://{CANARY}.invalid/x", "its name cannot be resolved"),
        (f"http://169.254.169.254/{CANARY}", "an address that is never asked"),
        (f"http://user@{CANARY}.example/", "not an http or https url that can be asked for"),
    ],
)
async def test_an_address_that_leads_nowhere_is_told_without_it(clock: SimulatedClock, url: str, why: str) -> None:
    with capture_logs() as logs:
        assert await switch(url, clock).turn()
    assert why in logs[0]["why"]
    assert CANARY not in str(logs)


async def test_a_refused_connection_and_a_defect_disturb_nothing(clock: SimulatedClock) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with capture_logs() as logs:
            assert await switch(f"http://127.0.0.1:{taken.getsockname()[1]}/{CANARY}", clock).turn()
    assert "there is no connection to it" in logs[0]["why"]

    def broken() -> list[str]:
        raise RuntimeError(CANARY)

    with capture_logs() as logs:
        async with DeadMan(Secret("http://127.0.0.1:1/"), WallClock(1_000), broken):
            await until(lambda: len(logs) >= 3)  # it goes on
    assert {(line["event"], line["kind"]) for line in logs} == {("dead_man broke", "RuntimeError")}
    assert CANARY not in str(logs)


async def test_row_121_all_targets_dead_for_three_days_stop_the_pings(tmp_path: Path, clock: SimulatedClock) -> None:
    """C10: Dead rows, and no ping, until a target takes a message again."""
    with WebhookSink(Answer(500)) as target, WebhookSink() as pinged, open_store(tmp_path) as store:
        targets = named({"one": target.apprise_url("one"), "two": target.apprise_url("two")}, {"a": ["one", "two"]})
        box = Outbox(store, call, lambda: targets, clock, sender="me", chance=random.Random(1))
        dead_man = DeadMan(Secret(pinged.url), clock, lambda: ["no target takes messages"] if box.stranded() else [])
        told(store, clock.now(), "a", ["one", "two"])
        for hour in range(71):
            await box.drain(10)
            assert await dead_man.turn(), hour
            clock.advance(HOUR)
        assert store.outbox_counts()["dead"] == 0
        for _ in range(4):
            await box.drain(10)
            clock.advance(HOUR)
        await box.drain(10)
        assert store.outbox_counts()["dead"] == 2
        assert not await dead_man.turn()
        count = len(pinged.received)
        target.always = Answer()
        told(store, clock.now(), "a", ["one"], "again")
        await box.drain(10)
        clock.advance(HOUR)
        await box.drain(10)
        assert await dead_man.turn()
        assert len(pinged.received) == count + 1
