"""A target of several recipients: one that does not take a message sends no copy to those who did (reliability.md C2).

Real servers, a real store, and a new process for each look at the outbox: what is remembered is stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from monitor.alert import services
from monitor.alert.recipients import Accepted
from monitor.store.store import Store
from tests.alert.boxes import box_of, rounds, say
from tests.alert.rows import open_store
from tests.conftest import SimulatedClock
from tests.sinks import Answer, Received, SmtpSink, WebhookSink

pytestmark = pytest.mark.anyio

HOUR = 3_600.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Apprise waits for seconds between the recipients of one URL."""
    services.open_service("ntfy://127.0.0.1/topic")
    from apprise.plugins.ntfy import NotifyNtfy

    monkeypatch.setattr(NotifyNtfy, "request_rate_per_sec", 0.0)


class Post(SmtpSink):
    """A mail server that refuses the reader `gone`, and keeps whom it took a mail for and how often it refused."""

    def __init__(self, answer: str | None) -> None:
        super().__init__()
        self.answer = answer
        self.readers: list[str] = []
        self.refused = 0

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self.answer is not None and address.startswith("gone@"):
            self.refused += 1
            return self.answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.readers += envelope.rcpt_tos
        return await super().handle_DATA(server, session, envelope)

    def taken(self) -> dict[str, int]:
        return Counter(reader.partition("@")[0] for reader in self.readers)


def three(post: Post) -> str:
    return post.apprise_url(to="one@example.org,gone@example.org,three@example.org")


async def processes(
    store: Store, clock: SimulatedClock, urls: dict[str, str], hours: int, told: dict[str, list[str]] | None = None
) -> None:
    """Let a new process look at the outbox every hour, as a crontab does."""
    for _ in range(hours):
        box = box_of(store, clock, urls, told=told)
        box.pace = replace(box.pace, look=HOUR)
        await rounds(box, clock, HOUR)


async def test_a_reader_who_is_gone_floods_no_other(store: Store, clock: SimulatedClock) -> None:
    """Row 114: asked once more after ten minutes, then a dead letter that the other target is told of."""
    with Post("550 no such user") as post, WebhookSink() as other:
        urls = {"ops": three(post), "other": other.apprise_url()}
        say(store, clock, "a", ["ops"])
        await processes(store, clock, urls, 4, {"a": ["ops", "other"]})
        assert post.taken() == {"one": 1, "three": 1}
        assert post.refused == 2
        (row,) = [row for row in store.outbox() if row.target == "ops"]
        (announced,) = other.received
    assert (row.state, row.repeat) == ("dead", False)
    assert row.error == "mailto (one of its recipients): answered 550, the target refuses us"
    assert announced.json["title"] == 'goal-monitor: the target "ops" refused a message'


async def test_a_reader_who_is_late_gets_it_alone_and_unmarked(store: Store, clock: SimulatedClock) -> None:
    """C2: For half a day a server is full; every process that ends meanwhile sends nobody a copy."""
    with Post("450 mailbox full") as post:
        say(store, clock, "a", ["ops"])
        await processes(store, clock, {"ops": three(post)}, 12)
        assert post.taken() == {"one": 1, "three": 1}
        assert post.refused > 10
        post.answer = None
        await processes(store, clock, {"ops": three(post)}, 3)
        assert post.taken() == {"one": 1, "three": 1, "gone": 1}
    assert "possible repeat" not in post.mails[-1].get_content()
    assert store.outbox_counts() == {"pending": 0, "sending": 0, "dead": 0}


async def test_a_copy_to_somebody_who_is_gone_floods_no_other(store: Store, clock: SimulatedClock) -> None:
    """One mail, several addresses: the server took it for one of them."""
    with Post("450 mailbox full") as post:
        url = post.apprise_url(to="one@example.org") + "&cc=gone@example.org&bcc=three@example.org"
        say(store, clock, "a", ["ops"])
        await processes(store, clock, {"ops": url}, 5)
        assert post.taken() == {"one": 1, "three": 1}


async def test_a_digest_goes_to_the_others_only_and_newer_messages_to_everybody(
    store: Store, clock: SimulatedClock
) -> None:
    """C7."""
    with Post("450 mailbox full") as post:
        urls = {"ops": three(post)}
        first = [say(store, clock, watch, ["ops"]) for watch in ("a", "b")]
        await processes(store, clock, urls, 1)
        second = [say(store, clock, watch, ["ops"]) for watch in ("a", "c")]
        await processes(store, clock, urls, 1)
        post.answer = None
        await processes(store, clock, urls, 4)
        texts = [(mail["To"], mail.get_content()) for mail in post.mails]
    for reader in ("one@", "gone@", "three@"):
        said = "\n".join(text for to, text in texts if to.startswith(reader))
        assert [said.count(event) for event in first + second] == [1, 1, 1, 1], reader
    assert store.outbox_counts()["pending"] == 0


async def test_a_topic_that_refuses_floods_no_other(store: Store, clock: SimulatedClock) -> None:
    def answer(request: Received) -> Answer:
        return Answer(404 if request.json["topic"] == "gone" else 200)

    with WebhookSink(answer) as ntfy:
        say(store, clock, "a", ["ops"])
        await processes(store, clock, {"ops": f"ntfy://127.0.0.1:{ntfy.port}/gone/fine"}, 4)
        assert Counter(request.json["topic"] for request in ntfy.received) == {"gone": 2, "fine": 1}
    assert [row.state for row in store.outbox()] == ["dead"]


@pytest.mark.parametrize("topics", ["gone/slow/fine", "slow/gone/fine"])
async def test_one_recipient_who_may_come_back_outweighs_one_who_refuses(
    store: Store, clock: SimulatedClock, topics: str
) -> None:
    """Nothing is given up while a further try can help."""

    def answer(request: Received) -> Answer:
        return Answer({"gone": 404, "slow": 503}.get(request.json["topic"], 200))

    with WebhookSink(answer) as ntfy:
        say(store, clock, "a", ["ops"])
        await processes(store, clock, {"ops": f"ntfy://127.0.0.1:{ntfy.port}/{topics}"}, 4)
        assert Counter(request.json["topic"] for request in ntfy.received)["fine"] == 1
    assert {row.state for row in store.outbox()} == {"pending"}


async def test_another_definition_of_the_target_begins_anew(store: Store, clock: SimulatedClock) -> None:
    """Who counted as whom is not known of another URL: nobody is left out."""
    with Post("550 no such user") as post:
        say(store, clock, "a", ["ops"])
        await processes(store, clock, {"ops": three(post)}, 2)
        await processes(store, clock, {"ops": post.apprise_url(to="one@example.org,four@example.org")}, 2)
        assert post.taken() == {"one": 2, "three": 1, "four": 1}
    assert store.outbox_counts()["dead"] == 0


def test_no_address_is_stored() -> None:
    accepted = Accepted("mailto://host?to=one@example.org")
    accepted.add((0, (str, "'one@example.org'")))
    assert (0, (str, "'one@example.org'")) in accepted
    assert "one" not in accepted.text()
    assert (0, (str, "'one@example.org'")) not in Accepted("mailto://other", accepted.text())
