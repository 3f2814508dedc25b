"""Alerts over MQTT: a real broker, a real subscriber; what a broker that is down or refuses us means.

apprise needs paho-mqtt for it, the extra `mqtt` of this package; without it the scheme is refused at load (row 118).
"""

from __future__ import annotations

import importlib.util
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.alert import deliver, services
from monitor.alert.outbox import Outbox
from monitor.errors import DeliveryError
from tests.alert.rows import EVENT, call, delivery, named, open_store, told
from tests.alert.services.broker import PASSWORD, USER, Broker
from tests.conftest import SimulatedClock

QOS = pytest.mark.parametrize("query", ["", "?qos=0", "?qos=1", "?qos=2", "?version=v3.1"])


@pytest.fixture(autouse=True, scope="module")
def _client() -> None:
    """What apprise needs for MQTT is here: a test that cannot run fails, it is not skipped."""
    assert importlib.util.find_spec("paho"), "paho-mqtt is not installed: it is the extra `mqtt` of this package"


@pytest.fixture
def broker(tmp_path: Path) -> Broker:
    return Broker(tmp_path / "broker")


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("closed"), closed=True) as running:
        yield running


def refused(url: str) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        deliver.send(url, delivery())
    assert PASSWORD not in f"{caught.value!s}{caught.value!r}"
    return caught.value


@QOS
def test_an_alert_arrives_with_its_title(broker: Broker, query: str) -> None:
    with broker, broker.subscriber() as subscriber:
        deliver.send(broker.url(query=query), delivery())
        ((topic, text),) = subscriber.wait_for(1)
    assert topic == "alerts/espresso"
    assert text.splitlines()[0] == "espresso-machine: price 499 → 449 (-10%)"
    assert text.endswith(f"event {EVENT}")


def test_a_very_long_alert_arrives_whole(broker: Broker) -> None:
    body = "größer 漢字 " * 350 + f"\n\nevent {EVENT}"
    with broker, broker.subscriber() as subscriber:
        deliver.send(broker.url(query="?qos=1"), delivery(body=body))
        ((_, text),) = subscriber.wait_for(1)
    assert text.endswith(body)


def test_every_topic_of_a_target_gets_it(broker: Broker) -> None:
    with broker, broker.subscriber() as subscriber:
        deliver.send(broker.url("one,two/three", query="?qos=1"), delivery())
        assert sorted(topic for topic, _ in subscriber.wait_for(2)) == ["one", "two/three"]


def test_a_login_is_used_and_told_to_nobody(closed: Broker) -> None:
    with closed.subscriber(login=True) as subscriber:
        deliver.send(closed.url(login=f"{USER}:{PASSWORD}@", query="?qos=1"), delivery())
        ((_, text),) = subscriber.wait_for(1)
    assert PASSWORD not in text


@pytest.mark.parametrize("query", ["", "?qos=1"])
@pytest.mark.parametrize("login", ["", f"{USER}:{PASSWORD}no@"])
def test_a_broker_that_refuses_us_is_no_success(
    closed: Broker, login: str, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C6: a message that was written to a socket is not yet taken."""
    monkeypatch.setattr(services, "READ_TIMEOUT", 1.0)
    with closed.subscriber(login=True) as subscriber:
        refused(closed.url(login=login, query=query))
        assert subscriber.received == []


@pytest.mark.parametrize("query", ["", "?qos=0", "?qos=1"])
def test_a_broker_that_says_nothing_took_nothing(query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """C6: somebody listens and takes the bytes; with QoS 0, apprise's default, that would have been a success."""
    monkeypatch.setattr(services, "READ_TIMEOUT", 0.5)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(8)
        refused(f"mqtt://127.0.0.1:{mute.getsockname()[1]}/alerts{query}")


@pytest.mark.anyio
async def test_a_broker_that_is_down_gets_the_message_when_it_is_up_again(
    broker: Broker, tmp_path: Path, clock: SimulatedClock
) -> None:
    """Row 111: pending while nobody listens, then delivered once, in order."""
    with open_store(tmp_path) as store:
        targets = {"home": broker.url(query="?qos=1")}
        box = Outbox(store, call, lambda: named(targets), clock, sender="me", chance=random.Random(1))
        events = []
        for text in ("first", "second"):
            events.append(told(store, clock.now(), "a", ["home"], text))
            clock.advance(60)
        assert await box.drain(10) == 2
        waiting = [row for row in store.outbox() if row.attempts]
        assert {row.state for row in waiting} == {"pending"}
        assert all(row.error for row in waiting)
        clock.advance(3_600)
        with broker, broker.subscriber() as subscriber:
            while await box.drain(10):
                clock.advance(3_600)
            texts = [text for _, text in subscriber.wait_for(2)]
        assert [text.split("event ")[1] for text in texts] == events
        assert {row.state for row in store.outbox()} == {"done"}
