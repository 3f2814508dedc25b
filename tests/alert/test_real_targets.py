"""Alerts as they arrive: composed from what a page says, sent through apprise to servers with the services' own limits.

What counts is what the reader sees there: the message is taken, within the documented limit, names its event, and
nothing that a page wrote calls anybody, becomes markup or a header. Refusals mean what rows 110-119 of reliability.md
say, in the words of each service.
"""

from __future__ import annotations

import random
import time
import unicodedata
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.alert import deliver, services
from monitor.alert.manners import Manners
from monitor.alert.message import compose
from monitor.alert.outbox import Outbox
from monitor.errors import DeliveryError
from monitor.judge.decision import Change, Kind, Notification, Text
from monitor.store.records import Delivery
from monitor.watch.run import Run
from tests.alert.rows import EVENT, START, call, delivery, named, open_store
from tests.alert.rows import told as store_told
from tests.alert.services.chats import Discord, Slack, Telegram
from tests.alert.services.service import TOKEN, Service, Shown
from tests.alert.services.webhooks import Form, Json, Ntfy, Xml
from tests.conftest import SimulatedClock, make_watch
from tests.sinks import SmtpSink, WebhookSink

SERVICES = [Slack, Discord, Telegram, Ntfy, Json, Form, Xml]
PRICE = Change("/price", "changed", 499.0, 449.0)

# What a page may say, and what must be left of it: a reader, a phone and a browser see plain words.
HOSTILE = {
    "everyone is called": "@everyone @here @channel @all look",
    "a user is called": "<@123456789> <@!123456789> <@&987> <#42> @operator",
    "a Slack channel is called": "<!channel> <!here|here> <!subteam^S123> <@U6TTX1F9R|boss>",
    "a link that lies": "[your bank](https://evil.example/login) <https://evil.example|your bank> ![x](https://evil.example/x.png)",
    "markup": "<b>b</b><script>x()</script><a href='https://evil.example'>x</a> &lt;i&gt; &amp; &#60; ]]> <!-- x -->",
    "a second header": "449\r\nBcc: everybody@evil.example\r\nX-Injected: yes\r\n\r\nbody",
    "line breaks of every kind": "a\nb\rc\u2028d\u2029e\x85f\vg\fh",
    "half a character": "a\ud800b\udfffc",
    "NUL and other controls": "a\x00b\x07c\x1b[31md\x9be",
    "reversed reading order": "\u202egnp.exe\u202c \u2066x\u2069 \u200fy\ufeff",
    "an event of its own": "449\nevent 01AAAAAAAAAAAAAAAAAAAAAAAA",
    "a template": "{{ env }} ${env:HOME} %s {0} {{CORE}} {{ATTACHMENTS}}",
    "a command for Telegram": "/start@bot tg://user?id=1 @durov",
}  # fmt: skip


def told(changes: tuple[Change, ...] = (PRICE,), **fields: Any) -> Delivery:
    """Return the stored row of an alert, its words composed as they are for a run."""
    watch = make_watch(name=fields.pop("name", "espresso-machine"))
    fields = {"event": EVENT, "kind": Kind.CHANGE, "targets": ("ops",), "changes": changes} | fields
    (made,) = compose(Notification(**fields), watch, Run("01JRUN", watch.name, START), START)
    return delivery(title=made.title, body=made.body, kind=made.kind)


@pytest.fixture(params=SERVICES, ids=[each.name for each in SERVICES])
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    with request.param() as running:
        yield running


@pytest.fixture
def url(service: Service, monkeypatch: pytest.MonkeyPatch) -> str:
    services.open_service("json://127.0.0.1")  # load apprise as we do, silenced, before a test touches it
    return service.apprise(monkeypatch)


def arrived(service: Service, url: str, row: Delivery) -> Shown:
    """Send one message and return what its reader sees; it must have been taken, and once."""
    before = len(service.shown)
    deliver.send(url, row)
    (shown,) = service.shown[before:]
    return shown


def refused(url: str, row: Delivery | None = None) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        deliver.send(url, row or told())
    assert TOKEN.lower() not in f"{caught.value!s}{caught.value!r}".lower()
    assert "\n" not in caught.value.message
    return caught.value


def plain(text: str) -> bool:
    """Return whether a text holds nothing that cannot be seen but line breaks and the break of a mention."""
    return not any(unicodedata.category(char) in {"Cc", "Cf", "Cs"} for char in text.replace("\r\n", "\n")
                   if char not in "\n\u200b")  # fmt: skip


def test_an_alert_is_taken_as_it_is(service: Service, url: str) -> None:
    shown = arrived(service, url, told())
    assert shown.title == "espresso-machine: price 499 → 449 (-10%)"
    assert "price 499 → 449 (-10%)" in shown.text
    assert "https://shop.example/espresso-machine" in shown.text
    assert shown.text.rstrip().endswith(f"event {EVENT}")
    assert (shown.alive, service.refused) == ((), 0)


@pytest.mark.parametrize("text", ["word ", "größer Ünïcödé ", "漢字仮名交じり文", "👩‍👩‍👧‍👦🇩🇪", "<&>\"' "], ids=ascii)
def test_a_very_long_alert_is_shortened_to_what_the_service_takes(service: Service, url: str, text: str) -> None:
    """C5: within the documented limit, with the event id; never cut by the service, never given up."""
    changes = tuple(Change(f"/field_{at}", "changed", text * 60, f"{at} {text * 60}") for at in range(80))
    shown = arrived(service, url, told((PRICE, *changes)))
    assert shown.title.startswith("espresso-machine: price 499 → 449 (-10%)")
    assert "price 499 → 449" in shown.text
    assert shown.text.rstrip().endswith(f"event {EVENT}")
    assert (shown.alive, service.refused) == ((), 0)
    assert plain(shown.whole)


def test_a_body_that_a_rule_wrote_is_shortened_too(service: Service, url: str) -> None:
    """However long a rule's own words are, the message is taken and keeps its event."""
    text = Text("{{ watch.name }} " * 30, "ö €" * 10_000)
    values = {"watch": {"name": "espresso-machine"}}
    shown = arrived(service, url, told(texts={"ops": Text(text.title, text.body, values)}))
    assert shown.title.startswith("espresso-machine")
    assert shown.text.rstrip().endswith(f"event {EVENT}")


def saying(hostile: str) -> dict[str, Delivery]:
    """Return alerts in which a page, or an agent that read it, has its say, by where it stands in them."""
    own = Text("{{ new }}: @{{ new }}", "see <{{ new }} ]({{ new }}", {"new": hostile})
    return {
        "a value": told((Change("/title", "changed", "before", hostile),)),
        "a name": told((Change(f"/{hostile}", "added", None, hostile),)),
        "a key, a list": told((Change(f"/rows/name={hostile}", "removed", [hostile, {hostile: hostile}], None),)),
        "an error": told((), kind=Kind.FAILURE, code="SITE", message=hostile, hint=hostile, since=START),
        "a rule's words": told(texts={"ops": own}),
    }


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_what_a_page_says_is_only_words(service: Service, url: str, hostile: str) -> None:
    """F5, rows 31-34, 124: scraped text calls nobody, is no markup, breaks no line of the title, hides nothing."""
    for where, row in saying(hostile).items():
        shown = arrived(service, url, row)
        assert shown.alive == (), where
        assert plain(shown.whole), where
        assert "\n" not in shown.title, where
        events = [line for line in shown.text.replace("\r", "").split("\n") if line.startswith("event ")]
        assert events == [f"event {EVENT}"], where


def test_the_mark_of_a_repeat_fits_too(service: Service, url: str) -> None:
    row = told(tuple(Change(f"/field_{at}", "changed", "a" * 150, "b" * 150) for at in range(80)))
    deliver.send(url, delivery(title=row.title, body=row.body, repeat=True))
    assert "possible repeat" in service.shown[0].text
    assert EVENT in service.shown[0].text


@pytest.mark.anyio
async def test_a_digest_fits_and_names_every_event(
    service: Service, url: str, tmp_path: Path, clock: SimulatedClock
) -> None:
    """Row 123: many messages go as few, each of a size that the service takes; no event is missing, none is dead."""
    with open_store(tmp_path) as store:
        told_of = [
            store_told(store, clock.now(), f"wächter-{at}", ["ops"], f"größer {at} 漢字 " * 30) for at in range(40)
        ]
        gather = Manners(group_wait=timedelta(seconds=10))
        targets = named({"ops": url})
        box = Outbox(store, call, lambda: targets, clock, sender="me", chance=random.Random(1), manners=lambda: gather)
        clock.advance(60)
        assert await box.drain(20) == 0
        assert {row.state for row in store.outbox()} == {"done"}
    said = "\n".join(shown.whole for shown in service.shown)
    assert [event for event in told_of if f"event {event}" not in said] == []
    assert len(service.shown) < len(told_of) / 2


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_service_that_fails_is_asked_again(service: Service, url: str, status: int) -> None:
    """Row 111."""
    service.refuse_all(status, "upstream error")
    error = refused(url)
    assert (error.permanent, error.retry_after) == (False, None)
    assert str(status) in error.message


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_service_that_refuses_us_is_asked_once_more(service: Service, url: str, status: int) -> None:
    """Row 114."""
    service.refuse_all(status, {"ok": False, "error": "no_service", "code": 10015})
    error = refused(url)
    assert (error.permanent, error.retry_after) == (True, deliver.AGAIN)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_message_that_no_form_of_is_taken_is_given_up(service: Service, url: str, status: int) -> None:
    """C5: Row 113: the long form, then the short one, then a dead letter; never the same thing for ever."""
    service.refuse_all(status, {"error": "invalid_payload"})
    row = told(tuple(Change(f"/field_{at}", "changed", "a" * 150, "b" * 150) for at in range(80)))
    error = refused(url, row)
    assert isinstance(error, deliver.ContentError)
    assert error.permanent
    assert 2 <= service.refused <= 3


def test_a_redirect_is_refused(service: Service, url: str) -> None:
    """Row 119: nothing goes to another host than the one that the target names."""
    with WebhookSink() as elsewhere:
        service.refuse_all(307, headers={"Location": f"{elsewhere.url}/stolen"})
        error = refused(url)
        assert elsewhere.received == []
    assert "redirect" in error.message


def test_what_answers_200_without_taking_it_is_no_success(service: Service, url: str) -> None:
    """C6: Slack says `ok` when it took a message; a proxy's friendly page is not that."""
    if not isinstance(service, Slack):
        return  # the others say it by the status alone
    service.refuse_all(200, "<html>please log in</html>")
    assert not refused(url).permanent


def test_a_service_that_asks_for_time_gets_it(service: Service, url: str) -> None:
    """Row 112, where the service says it in the header that HTTP has for it."""
    service.refuse_pace()
    error = refused(url)
    assert not error.permanent
    assert service.refused == 1, "it is not asked again at once"
    if "Retry-After" in service.slow_down[1]:
        assert error.retry_after == 30


def test_discords_own_clock_stops_no_send(monkeypatch: pytest.MonkeyPatch) -> None:
    """apprise sleeps until `X-RateLimit-Reset` says; a target must not hold a thread for a day (row 116)."""
    services.open_service("json://127.0.0.1")
    with Discord() as discord:
        body, headers = discord.slow_down
        tomorrow = str(int(time.time()) + 86_400)
        discord.refuse_all(429, body, headers | {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": tomorrow})
        assert refused(discord.apprise(monkeypatch)).retry_after == 30


def test_telegram_asks_for_time_in_the_body_and_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    services.open_service("json://127.0.0.1")
    with Telegram() as telegram:
        telegram.refuse_pace()
        assert refused(telegram.apprise(monkeypatch)).retry_after == 30


@pytest.mark.parametrize("hostile", ["||499||", "~~499~~", "```", "**499**"])
def test_no_page_formats_a_message_on_discord(monkeypatch: pytest.MonkeyPatch, hostile: str) -> None:
    services.open_service("json://127.0.0.1")
    with Discord() as discord:
        shown = arrived(discord, discord.apprise(monkeypatch), told((Change("/price", "changed", "1", hostile),)))
        assert hostile not in shown.text


# --- Mail --------------------------------------------------------------------------------------------------------


class Post(SmtpSink):
    """A mail server that also keeps who a mail was for."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[list[str]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.readers.append(list(envelope.rcpt_tos))
        return await super().handle_DATA(server, session, envelope)


def test_a_subject_beyond_ascii_arrives_as_it_was() -> None:
    with Post() as post:
        deliver.send(post.apprise_url(), told((Change("/größe", "changed", "größer 漢字 👩‍👩‍👧", "kleiner €"),)))
        (mail,) = post.mails
    assert mail["Subject"] == told((Change("/größe", "changed", "größer 漢字 👩‍👩‍👧", "kleiner €"),)).title
    assert f"event {EVENT}" in mail.get_content()


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_no_header_of_a_mail_is_written_by_a_page(hostile: str) -> None:
    """Row 124, also when a title was not made plain before."""
    with Post() as post:
        for where, row in saying(hostile).items():
            post.mails.clear()
            deliver.send(post.apprise_url(), row)
            (mail,) = post.mails
            assert {"Bcc", "X-Injected"}.isdisjoint(mail.keys()), where
            assert "\n" not in mail["Subject"], where
            assert mail.get_content_type() == "text/plain", where
            assert plain(mail.get_content()), where
    assert {tuple(readers) for readers in post.readers} == {("reader@example.org",)}


def test_a_raw_line_break_in_a_title_adds_no_header() -> None:
    """Row 124 at the last door: a row that an older version stored."""
    with Post() as post:
        try:
            deliver.send(post.apprise_url(), delivery(title="a\r\nBcc: everybody@evil.example\r\n\r\nb"))
        except DeliveryError:
            assert post.mails == []
            return
        (mail,) = post.mails
    assert "Bcc" not in mail
    assert post.readers == [["reader@example.org"]]


def test_every_reader_of_a_target_gets_the_mail() -> None:
    with Post() as post:
        deliver.send(post.apprise_url(to="one@example.org,two@example.org,three@example.org"), told())
        post.wait_for(1)
    assert sorted(reader for mail in post.readers for reader in mail) == [
        "one@example.org",
        "three@example.org",
        "two@example.org",
    ]


def test_a_mail_refused_for_good_is_permanent() -> None:
    with SmtpSink(refusal="550 no such user") as post:
        assert refused(post.apprise_url()).permanent


@pytest.mark.parametrize("refusal", ["450 try later", "451 greylisted", "550 no such user", "552 too large"])
def test_a_mail_that_is_refused_is_no_success(refusal: str) -> None:
    with SmtpSink(refusal=refusal) as post:
        error = refused(post.apprise_url(to=f"{TOKEN}@example.org"))
    assert error.message.startswith("mailto: ")
