"""The pages as they are sent: whole and in parts, what does not exist, what is hostile or too much, who may order."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from monitor.engine import evidence
from monitor.files.addresses import Listen
from monitor.judge.decision import Verdict
from monitor.store.views.incidents import Open
from monitor.web.pages import problem, spending, wording
from monitor.web.pages.login import own
from monitor.web.pages.outbox import why_waiting
from monitor.web.pages.rendering import seen
from monitor.web.pages.tuning import Trial, meant, tried
from monitor.web.pages.watch import definition, untold
from monitor.web.server import Door
from tests.conftest import make_watch
from tests.engine.conftest import until
from tests.store.scenes import NOW, at, begin, completed, good, make_run
from tests.web.conftest import READ_TOKEN, TOKENS, Site, bearer, console_at

pytestmark = pytest.mark.anyio

NAME = "espresso-machine"
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\u202e\u200b{{ 7*7 }}"
HTMX = "HX-Request: true"


def stored(site: Site, result: Any = None, minutes: float = 0, **changes: Any) -> str:
    """A finished run in the store, as a daemon would have left it."""
    store = site.desk.store
    run = begin(store, make_run(minutes, NAME), now=at(minutes))
    decision = good(run, Verdict.BASELINE, result or {"price": 499.0, "in_stock": True}, **changes)
    store.commit(run, completed(decision.result), decision, (), now=at(minutes))
    return run.id


async def test_every_page_is_sent(site: Site) -> None:
    run = stored(site)
    about = (f"/watches/{NAME}", f"/watches/{NAME}/noise", f"/watches/{NAME}/backtest", f"/watches/{NAME}?show=all")
    for path in (*about, f"/runs/{run}", "/", "/outbox", "/incidents", "/spending", "/settings", "/login"):
        answer = await site.get(path)
        assert answer.status == 200, path
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.text.rstrip().endswith("</html>")


async def test_htmx_gets_the_part_it_asks_for(site: Site) -> None:
    stored(site)
    board = await site.get("/?sort=noise&q=espresso", HTMX, "HX-Target: board")
    assert board.text.lstrip().startswith('<div id="board"')
    assert "<html" not in board.text
    assert (await site.get("/", HTMX, "HX-Target: latest")).text.lstrip().startswith('<ol class="latest"')
    standing = await site.get(f"/watches/{NAME}", HTMX, "HX-Target: standing")
    assert standing.text.lstrip().startswith('<section id="standing"')
    records = await site.get(f"/watches/{NAME}?show=all", HTMX, "HX-Target: records")
    assert records.text.lstrip().startswith('<div id="records"')
    lately = await site.get(f"/watches/{NAME}", HTMX, "HX-Target: lately")
    assert lately.text.lstrip().startswith('<div id="lately"')
    assert "Coming" in lately.text
    back = await site.get("/", HTMX, "HX-History-Restore-Request: true")
    assert "<html" in back.text


MISSING = (
    "/nothing", "/watches/nobody", "/runs/01NOBODY", "/runs/01NOBODY/bundle.zip", "/runs/x/screenshot",
    "/static/../app.py", "/static/x",
)  # fmt: skip


@pytest.mark.parametrize("path", MISSING)
async def test_what_does_not_exist_is_a_small_page_that_echoes_nothing(site: Site, path: str) -> None:
    answer = await site.get(path)
    assert answer.status == 404
    assert len(answer.body) < 6_000
    assert "nobody" not in answer.text.lower().replace("nobody knows", "")


async def test_hostile_text_is_shown_as_text_on_every_page(state: Path) -> None:
    watch = make_watch(goal=f"Find {HOSTILE}", tags=["a<b>c"], url="https://shop.example/?q=<script>")
    async with console_at(state, watch) as site:
        run = stored(site, {"price": 1.0, "title": HOSTILE, HOSTILE: HOSTILE}, reason=f"because {HOSTILE}")
        for path in (
            "/",
            f"/watches/{NAME}?show=all",
            f"/runs/{run}",
            f"/?q={'%3Cscript%3E'}",
            "/outbox?watch=%3Cscript%3E",
        ):
            text = (await site.get(path)).text
            assert "<script>" not in text, path
            assert "<img" not in text, path
            assert "\u202e" not in text, path
            assert "49 " not in re.findall(r"because [^<]*", text), path
        raw = await site.get(f"/runs/{run}/raw.json")
        assert raw.headers["content-type"] == "text/plain; charset=utf-8"
        assert raw.headers["content-disposition"].startswith("attachment")
        assert raw.body.isascii()


async def test_the_evidence_of_a_run_is_one_file_that_proves_itself(site: Site) -> None:
    """The bundle of `monitor show --bundle`: each part stands in the manifest with its hash; named after the run."""
    run = stored(site)
    assert f'href="/runs/{run}/bundle.zip"' in (await site.get(f"/runs/{run}")).text
    answer = await site.get(f"/runs/{run[:20]}/bundle.zip")
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == f'attachment; filename="{run}.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.body)) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    manifest = json.loads(parts.pop("manifest.json"))
    assert manifest["run"] == run
    assert {each["name"]: each["sha256"] for each in manifest["files"]} == {
        name: hashlib.sha256(content).hexdigest() for name, content in parts.items()
    }
    assert json.loads(parts["after.json"])["price"] == 499.0


async def test_evidence_that_is_too_large_is_refused_in_a_line(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "MOST", 100)
    answer = await site.get(f"/runs/{stored(site)}/bundle.zip")
    assert answer.status == 422
    assert "is larger than" in answer.text


async def test_the_days_of_the_month_that_are_over_are_counted_ahead(site: Site) -> None:
    """What a first look at the spending would wait for is there; today and the days that may still change are not."""
    await spending.warm(site.console)
    today = site.console.clock.now().date()
    settled = {today.replace(day=day) for day in range(1, max(1, today.day - 2))}
    assert settled <= site.console.ledger.days.keys()
    assert today not in site.console.ledger.days


async def test_a_result_of_two_megabytes_does_not_make_a_large_page(site: Site) -> None:
    run = stored(site, {"price": 1.0, "text": "word " * 400_000})
    for path in ("/", f"/watches/{NAME}?show=all", f"/runs/{run}", f"/watches/{NAME}/series.json"):
        answer = await site.get(path)
        assert answer.status == 200
        assert len(answer.body) < 400_000, path


async def test_lists_go_on_behind_their_cursor(site: Site) -> None:
    for minute in range(25):
        stored(site, minutes=minute)
    first = await site.get(f"/watches/{NAME}?show=all")
    older = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert older is not None
    second = await site.get(older[1].replace("&amp;", "&"))
    assert second.text.count("baseline") >= 5
    assert 'rel="next"' not in second.text


async def test_numbers_of_a_watch_for_its_charts(site: Site) -> None:
    now = site.console.clock.now()
    minutes = (now - NOW) / timedelta(minutes=1)
    stored(site, {"price": 5, "in_stock": True}, minutes - 5)
    found = (await site.get(f"/watches/{NAME}/series.json?span=24h")).json
    assert found["values"] == {"/price": [5.0]}
    assert found["verdicts"] == ["BASELINE"]


async def csrf(site: Site, path: str, *headers: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', (await site.get(path, *headers)).text)
    assert found is not None
    return found[1]


FORM = "Content-Type: application/x-www-form-urlencoded"


async def order(site: Site, path: str, fields: str = "", *headers: str) -> Any:
    word = await csrf(site, f"/watches/{NAME}")
    origin = f"Origin: {site.base}"
    return await site.post(path, FORM, origin, *headers, body=f"csrf={word}&back=/&{fields}")


async def test_an_order_of_a_form_leads_back_and_is_said_once(site: Site) -> None:
    answer = await order(site, f"/watches/{NAME}/pause", "for=1d")
    assert (answer.status, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].partition(";")[0]
    page = await site.get("/", f"Cookie: {cookie}")
    assert "paused until" in page.text
    assert "Max-Age=0" in page.headers["set-cookie"]
    assert "paused" in (await site.get(f"/watches/{NAME}")).text
    resumed = await order(site, f"/watches/{NAME}/resume", "", HTMX)
    assert resumed.status == 200
    assert "resumed" in resumed.text
    assert resumed.headers["hx-trigger"] == "ordered"


async def test_a_run_is_ordered_from_its_page(site: Site) -> None:
    answer = await order(site, f"/watches/{NAME}/run", "", HTMX)
    assert "was started" in answer.text
    await until(lambda: len(site.desk.store.history(NAME)) == 1)
    run = site.desk.store.history(NAME)[0].id
    again = await order(site, f"/runs/{run}/cancel", "", HTMX)
    assert again.status in {404, 409}
    assert again.headers["hx-retarget"] == "#told"


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        (f"/watches/{NAME}/pause", "for=tomorrow", 409),
        (f"/watches/{NAME}/pause", "for=99999999d", 409),
        ("/watches/nobody/run", "", 404),
        ("/outbox/77/retry", "", 404),
        ("/outbox/77/drop", "", 404),
        ("/targets/nobody/test", "", 404),
        ("/outbox/x/retry", "", 404),
    ],
)
async def test_an_order_that_cannot_be_is_one_line(site: Site, path: str, fields: str, status: int) -> None:
    answer = await order(site, path, fields, HTMX)
    assert answer.status == status
    assert "Traceback" not in answer.text
    assert len(answer.body) < 2_000


async def test_whoever_may_only_read_sees_no_button(state: Path) -> None:
    async with console_at(state, door=Door(Listen("127.0.0.1", 0), TOKENS)) as site:
        for path in ("/", f"/watches/{NAME}", "/outbox"):
            answer = await site.get(path, bearer(READ_TOKEN))
            assert answer.status == 200
            assert 'class="order"' not in answer.text
            assert "/pause" not in answer.text
        assert "That token" in (await site.get("/login?wrong=1")).text


async def test_a_condition_that_cannot_be_is_said_beside_the_form(site: Site) -> None:
    stored(site)
    for when in ("price+%3C+100", "new.price+%3C", "new.nothing+%3E+1"):
        answer = await site.get(f"/watches/{NAME}/backtest?when={when}")
        assert answer.status == 200
        assert 'class="banner bad"' in answer.text
    good_ = await site.get(f"/watches/{NAME}/backtest?when=new.price+%3E+1&once=on&span=90d", HTMX)
    assert good_.text.lstrip().startswith('<section id="report"')


def test_a_trial_changes_the_rules_and_the_comparison_and_nothing_else() -> None:
    watch = make_watch(notify=["ops", {"to": "deals", "on": ["failure"]}], compare={"ignore": ["/in_stock"]})
    same = Trial.of({}, watch)
    assert (same.when, same.compare, same.span) == ("", 'ignore: ["/in_stock"]', "30d")
    changed = tried(watch, Trial("new.price < 5", False, "tolerance: {/price: 1%}", "7d"))
    assert [rule.when for rule in changed.notify] == ["new.price < 5"]
    assert changed.compare.tolerance == {"/price": "1%"}
    assert changed.fingerprint != watch.fingerprint
    assert tried(make_watch(), Trial("", False, "", "7d")).notify[0].to == ("backtest",)


@pytest.mark.parametrize(
    ("trial", "said"),
    [
        (Trial("x" * 5_000, False, "", "7d"), "too long"),
        (Trial("", False, "tolerance: [", "7d"), "compare"),
        (Trial("", False, "toleranse: {}", "7d"), "compare"),
        (Trial("", False, "- a", "7d"), "compare"),
        (Trial("new.prize < 5", False, "", "7d"), "when"),
    ],
)
def test_a_trial_that_cannot_be_is_one_line(trial: Trial, said: str) -> None:
    from monitor.errors import UsageError

    with pytest.raises(UsageError, match=said) as raised:
        tried(make_watch(), trial)
    assert "\n" not in str(raised.value)


def test_a_definition_is_shown_without_what_may_be_secret() -> None:
    secret = "json://user:canary4711@host/"
    proxy = {"enabled": True, "type": "custom", "url": "http://canary4711", "password": "canary4711"}
    watch = make_watch(notify=[secret], run={"proxy_config": proxy, "webhook_url": "https://canary4711.example"})
    shown = str(definition(watch))
    assert "canary4711" not in shown
    assert "json#" in shown


@pytest.mark.parametrize("address", ["//evil.example", "/\\evil", "https://evil.example", "", "evil", "/a\\b", "/a\nb"])
def test_a_login_leads_nowhere_else(address: str) -> None:
    assert own(address) == "/"
    assert own("/watches/a?x=1") == "/watches/a?x=1"


async def test_a_waiting_message_says_why(site: Site) -> None:
    store = site.desk.store
    stored(site)
    from tests.store.scenes import letter

    run = begin(store, make_run(9, NAME), now=at(9))
    store.commit(run, completed(), good(run), (letter("01JEVENT1"),), now=at(9))
    (message,) = store.outbox()
    assert why_waiting(message, {}, None, NOW) == {
        "why": "waits for others that go along",
        "until": at(9),
        "held": False,
    }
    paused = why_waiting(message, {NAME: None}, None, NOW)
    assert paused is not None
    assert paused["held"]


@pytest.mark.parametrize(
    ("given", "offered"),
    [
        ("price < 100", "new.price < 100"),
        ("price < old.price && in_stock", "new.price < old.price && new.in_stock"),
        ("price <", None),
        ("prize < 100", None),
        ("in_stock == 'price'", None),
    ],
)
def test_a_bare_field_is_offered_as_that_of_the_new_result(given: str, offered: str | None) -> None:
    assert meant(make_watch(), Trial(given, once=False, compare="", span="30d")) == offered


async def test_what_was_meant_is_one_click_away(site: Site) -> None:
    stored(site)
    said = (await site.get(f"/watches/{NAME}/backtest?when=price+%3C+100&once=on")).text
    assert "when=new.price+%3C+100" in said or "when=new.price%20%3C%20100" in said
    assert "&amp;once=on" in said
    for number in range(1, 30):
        stored(site, {"price": 400.0 + number, "in_stock": True}, minutes=number)
    found = (await site.get(f"/watches/{NAME}/backtest?when=new.price+%3C+1000&span=90d")).text
    assert "would have been told" in found


async def test_a_run_says_why_its_result_is_valid_and_a_spending_what_it_counts(site: Site) -> None:
    run = stored(site)
    assert "valid: it has all that" in (await site.get(f"/runs/{run}")).text
    assert re.search(r"</?small>runs?</small>|\d steps?", (await site.get("/spending")).text)
    assert (wording.counted(1, "step"), wording.counted(1_200, "step")) == ("1 step", "1,200 steps")
    assert (wording.stage_word("intent"), wording.stage_word("accepted")) == ("starting", "accepted")


def test_why_nobody_was_told_of_an_incident_yet() -> None:
    def said(failures: int, *, told: bool = False, **watch: Any) -> str:
        return untold(
            make_watch(limits={"failing_after": 3}, **watch), Open(NAME, NOW, "X", failures, told, None, None)
        )

    rules: dict[str, Any] = {"notify": [{"to": "inbox", "on": ["failure"]}]}
    assert said(2, notify=[]) == said(9, notify=[{"to": "inbox", "on": ["change"]}])
    assert said(2, notify=[]).startswith("nobody is told")
    assert said(2, **rules) == "told after 1 more"
    assert said(3, **rules) == "not told yet"
    assert said(3, told=True, **rules) == untold(make_watch(), None) == ""


def test_text_that_cannot_be_seen_is_not_shown() -> None:
    assert seen("a\u202eb\x00c\ud800d\u200be\n\tf") == "abcde\n\tf"
    assert seen(None) == ""
    assert seen(5) == 5


def test_the_page_of_an_error_needs_nothing() -> None:
    request = Request({"type": "http", "path": "/", "headers": [], "query_string": b"", "method": "GET"})
    assert "<h1>Not Found</h1>" in bytes(problem(request, 404, "there is none").body).decode()
    assert problem(request, 599, "odd").status_code == 599


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (wording.span(7_265), "2 h 1 min"),
        (wording.span(3_605), "1 h"),
        (wording.span(0.2), "0 s"),
        (wording.span(timedelta(days=2, hours=3)), "2 d 3 h"),
        (wording.about(timedelta(minutes=90)), "1 h"),
        (wording.ago(NOW - timedelta(minutes=3), NOW), "3 min ago"),
        (wording.ago(NOW + timedelta(hours=3), NOW), "in 3 h"),
        (wording.ago(NOW, NOW), "now"),
        (wording.number(None), "–"),
        (wording.number(1234567.0), "1,234,567"),
        (wording.number(0.00123456), "0.001235"),
        (wording.number(1e300), "1e+300"),
        (wording.money(0.016), "$0.016"),
        (wording.money(1234.5), "$1,234.50"),
        (wording.local(NOW, "Europe/Berlin", NOW), "13:00"),
        (wording.local(NOW, "Asia/Tokyo", NOW + timedelta(days=1)), "21 Nov 21:00"),
        (wording.local(NOW, "UTC", NOW + timedelta(days=400)), "21 Nov 2026 12:00"),
        (wording.utc(NOW), "2026-11-21 12:00:00 UTC"),
        (wording.step_time("2026-11-21T12:00:05Z", "Europe/Berlin"), "13:00:05"),
        (wording.step_time("soon", "UTC"), ""),
        (wording.pretty("a" * 100_005), "a" * 100_000 + "\n… 5 more characters"),
        (wording.up_or_down({"before": 1, "after": 2}), "up"),
        (wording.up_or_down({"before": True, "after": 2}), ""),
    ],
)
def test_things_are_written_as_people_write_them(text: str, expected: str) -> None:
    assert text == expected


def test_a_link_is_only_made_to_the_web() -> None:
    assert wording.is_web("https://tf.example/live")
    assert not wording.is_web("javascript:alert(1)")
    assert not wording.is_web("https://x\njavascript:1")
    assert not wording.is_web(None)
