"""Feeds, calendars, badges and metrics, asked for as their readers do: what they say, to whom, and in which bounds."""

from __future__ import annotations

import base64
import json
import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from icalendar import Calendar
from prometheus_client.parser import text_string_to_metric_families

from monitor.engine.schedule import next_due
from monitor.files import documents
from monitor.judge.decision import Change, Verdict
from monitor.store.definitions import Reload
from monitor.store.views import figures, news
from monitor.store.views.figures import Tally
from monitor.store.views.standings import Standing
from monitor.web.feeds import badge, metrics
from tests.conftest import make_watch
from tests.store.scenes import bad, begin, failed, finish, good, letter, make_run, whole
from tests.web.conftest import READ_TOKEN, TOKEN, Answer, Site, console_at

pytestmark = pytest.mark.anyio

ATOM = "{http://www.w3.org/2005/Atom}"
NAME = "espresso-machine"
HOSTILE = "</title><script>alert(1)</script>]]>&amp;\u202e\x00\x1b[31m\ufffe\ud800 \"'"
PATHS = ("/feeds/all.atom", f"/feeds/watches/{NAME}.atom", "/calendar.ics", f"/calendar/{NAME}.ics",
         f"/badges/{NAME}.svg", "/metrics")  # fmt: skip
ROOT = Path(__file__).parent.parent.parent


def changed(site: Site, minutes: float, watch: str = NAME, **change: Any) -> str:
    run = make_run(minutes, watch)
    moved = Change(**({"path": "/price", "kind": "changed", "before": 499, "after": 449} | change))
    whole(site.desk.store, run, good(run, Verdict.CHANGED, changes=(moved,), reason="price moved"))
    return run.id


def failure(site: Site, minutes: float, watch: str = NAME) -> str:
    run = begin(site.desk.store, make_run(minutes, watch))
    finish(site.desk.store, run, bad(run, site.desk.store.state_of(watch)), outcome=failed())
    return run.id


async def entries(site: Site, path: str) -> list[dict[str, str]]:
    answer = await site.get(path)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/atom+xml")
    root = ET.fromstring(answer.text)
    found = []
    for entry in root.findall(f"{ATOM}entry"):
        link = entry.find(f"{ATOM}link")
        assert link is not None
        texts = {name: entry.findtext(f"{ATOM}{name}") or "" for name in ("id", "title", "updated", "content")}
        found.append(texts | {"link": link.attrib["href"]})
    return found


async def samples(site: Site) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = await site.get("/metrics")
    assert answer.status == 200
    families = list(text_string_to_metric_families(answer.text))
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


async def test_changes_and_failures_are_entries_newest_first_with_ids_that_stay(site: Site) -> None:
    run = changed(site, 0)
    failure(site, 5)
    first = await entries(site, f"/feeds/watches/{NAME}.atom")
    assert [entry["title"] for entry in first] == [
        f"{NAME}: FAILED - the site failed",
        f"{NAME}: CHANGED - price moved",
    ]
    assert "/price: 499 → 449" in first[1]["content"]
    assert "https://shop.example/espresso-machine" in first[1]["content"]
    assert first[1]["link"] == f"/runs/{run}"
    changed(site, 10)
    again = await entries(site, "/feeds/all.atom")
    assert [entry["id"] for entry in again[1:]] == [entry["id"] for entry in first]
    assert all(entry["id"].startswith("urn:uuid:") for entry in again)


async def test_hostile_text_is_text_in_a_feed(site: Site) -> None:
    changed(site, 0, path=f"/{HOSTILE}", after=HOSTILE)
    answer = await site.get("/feeds/all.atom")
    assert "<script" not in answer.text
    (entry,) = await entries(site, "/feeds/all.atom")
    assert "</title><script>alert(1)</script>" in entry["content"]
    for char in "\u202e\x00\x1b\ufffe":
        assert char not in entry["content"]


async def test_a_tag_has_the_feed_of_its_watches(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tag = "kitchen/häuser & <co>"
    watches = [make_watch(name=name, tags=[tag] if name != "other" else []) for name in ("a", "b", "other")]
    async with console_at(state, *watches, yaml="agent: embedded\npublic_url: https://monitor.example\n") as site:
        for number, name in enumerate(("a", "other", "b")):
            changed(site, number, name)
        path = f"/feeds/tags/{quote(tag, safe='')}.atom"
        found = await entries(site, path)
        assert [entry["title"].split(":")[0] for entry in found] == ["b", "a"]
        assert found[0]["link"].startswith("https://monitor.example/runs/")
        assert (await site.get("/feeds/tags/none.atom")).status == 404
        monkeypatch.setattr(news, "WATCHES", 1)
        assert await entries(site, path) == found


async def test_what_was_not_changed_since_is_not_sent_again(site: Site) -> None:
    for path in PATHS[:-1]:
        first = await site.get(path)
        again = await site.get(path, f"If-None-Match: {first.headers['etag']}")
        assert (first.status, again.status, again.body) == (200, 304, b"")
    before = (await site.get("/feeds/all.atom")).headers["etag"]
    changed(site, 0)
    assert (await site.get("/feeds/all.atom", f"If-None-Match: {before}")).status == 200


async def test_a_feed_reader_shows_its_token_as_a_password(guarded: Site) -> None:
    """Rows 42, 48: no path without a token, none in the address; the read-only one is enough."""

    async def asked(path: str, password: str) -> Answer:
        code = base64.b64encode(f"anybody:{password}".encode()).decode()
        return await guarded.get(path, f"Authorization: Basic {code}")

    for path in PATHS:
        refused = await guarded.get(path)
        assert refused.status == 401
        assert refused.headers["www-authenticate"].startswith("Basic")
        assert (await guarded.get(f"{path}?token={TOKEN}")).status == 401
        assert (await asked(path, "wrong")).status == 401
        assert (await asked(path, READ_TOKEN)).status == 200


async def test_a_calendar_has_the_next_runs(site: Site) -> None:
    one = await site.get(f"/calendar/{NAME}.ics")
    events = list(Calendar.from_ical(one.text).walk("VEVENT"))
    expected = next_due(site.watches[NAME], datetime.now(UTC), 50)
    begun = [each["dtstart"].dt for each in events]
    assert begun == sorted(begun)
    assert set(begun[1:]) <= set(expected) | {expected[0] - timedelta(minutes=30)}
    assert len({each["uid"] for each in events}) == len(events) == 50
    again = Calendar.from_ical((await site.get("/calendar.ics")).text).walk("VEVENT")
    assert {each["uid"] for each in again} <= {each["uid"] for each in events} | {again[-1]["uid"]}
    assert (await site.get("/calendar/nobody.ics")).status == 404


async def test_a_calendar_of_many_watches_is_bounded(state: Path) -> None:
    watches = [make_watch(name=f"w{number}") for number in range(150)]
    async with console_at(state, *watches) as site:
        found = Calendar.from_ical((await site.get("/calendar.ics")).text).walk("VEVENT")
    assert len(found) == 300


@pytest.mark.parametrize(
    ("watch", "standing", "words"),
    [
        ({}, {}, "not run yet"),
        ({}, {"last_verdict": "UNCHANGED"}, "unchanged"),
        ({}, {"last_verdict": "CHANGED"}, "changed"),
        ({}, {"last_verdict": "FAILED", "failing_since": datetime(2026, 11, 19, tzinfo=UTC)}, "failing for 2 d"),
        ({}, {"last_verdict": "FAILED", "failing_since": datetime(2026, 11, 21, 9, tzinfo=UTC)}, "failing for 3 h"),
        ({}, {"last_verdict": "FAILED", "failing_since": datetime(2026, 11, 21, 12, tzinfo=UTC)}, "failing for 1 min"),
        ({}, {"last_verdict": "UNCHANGED", "paused": True}, "paused"),
        ({"enabled": False}, {"last_verdict": "UNCHANGED"}, "disabled"),
    ],
)
async def test_a_badge_says_in_words_how_a_watch_stands(
    watch: dict[str, Any], standing: dict[str, Any], words: str
) -> None:
    now = datetime(2026, 11, 21, 12, 0, 30, tzinfo=UTC)
    state, colour = badge.said(make_watch(**watch), Standing(NAME, **standing), now)
    assert state == words
    picture = ET.fromstring(badge.drawn("a" * 99 + HOSTILE, state, colour))
    assert picture.attrib["aria-label"].endswith(f"…: {words}")
    assert "script" not in badge.drawn(HOSTILE, state, colour).replace("&lt;script", "").replace("/script", "")


async def test_metrics_are_what_the_store_holds(site: Site) -> None:
    store = site.desk.store
    changed(site, 0)
    failure(site, 5)
    run = make_run(6)
    whole(store, run, good(run, Verdict.CHANGED), letter("e1"))
    now = site.console.clock.now()
    store.redefine({}, (), Reload(now, problems=({"file": "x"},)), now)
    found = await samples(site)

    def value(name: str, **labels: str) -> float:
        return found[f"goal_monitor_{name}", frozenset(labels.items())]

    assert value("records_total", verdict="CHANGED") == 2
    assert value("records_total", verdict="FAILED") == 1
    assert value("records_total", verdict="MISSED") == 0
    assert value("outbox_messages", state="pending") == 1
    assert value("outbox_oldest_seconds") > 0
    assert value("runs_in_flight") == 0
    assert value("spend_runs_ceiling") == 2_000
    assert value("breaker_open", kind="auth") == 0
    assert value("watches", state="enabled") == 1
    assert value("healthy", part="store") == 1
    assert value("reload_problems") == 1
    assert value("watch_failing", watch=NAME) in {0, 1}
    assert any(name.startswith("process_") for name, _ in found)
    assert (await samples(site))["goal_monitor_records_total", frozenset({("verdict", "CHANGED")})] == 2


async def test_series_of_watches_are_bounded(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "LABELLED", 2)
    watches = [make_watch(name=name) for name in ("a", "b", "c")]
    async with console_at(state, *watches) as site:
        for number, name in enumerate(("a", "b", "c")):
            changed(site, number, name)
        found = await samples(site)
    assert {dict(labels)["watch"] for name, labels in found if name == "goal_monitor_watch_failing"} == {"a", "b"}


async def test_counters_never_go_back_and_what_is_over_is_counted_once(site: Site) -> None:
    for minutes in (0, 1, 2):
        changed(site, minutes)
    tally, store = Tally(), site.desk.store
    now = make_run(0).due_at + timedelta(minutes=30)

    def counted(at: datetime) -> int:
        return store.view(figures.scrape, tally, at, timedelta(hours=1)).verdicts["CHANGED"]

    assert counted(now) == 3
    assert tally.over["CHANGED"] == 0
    assert counted(now + timedelta(days=2)) == 3
    assert tally.over["CHANGED"] == 3
    assert counted(now + timedelta(days=2, minutes=1)) == 3
    assert counted(now) == 3


async def test_lateness_and_duration_are_of_the_last_hour(site: Site) -> None:
    changed(site, 0)
    store, begun = site.desk.store, make_run(0).due_at
    inside = store.view(figures.scrape, Tally(), begun + timedelta(minutes=10), timedelta(hours=1))
    outside = store.view(figures.scrape, Tally(), begun + timedelta(hours=3), timedelta(hours=1))
    assert (len(inside.times.took), len(inside.times.late)) == (1, 1)
    assert outside.times == figures.Times((), ())


def test_the_dashboard_and_the_alert_rules_name_metrics_that_exist() -> None:
    """docs/grafana-dashboard.json and docs/alert-rules.yml go by what /metrics says."""
    source = (ROOT / "monitor" / "web" / "feeds" / "metrics.py").read_text(encoding="utf-8")
    names = {f"goal_monitor_{name}" for name in re.findall(r'_(?:gauge|quantiles)\(\s*"([a-z_]+)"', source)}
    names |= {"goal_monitor_records_total"}
    board = (ROOT / "docs" / "grafana-dashboard.json").read_text(encoding="utf-8")
    rules = (ROOT / "docs" / "alert-rules.yml").read_text(encoding="utf-8")
    assert json.loads(board)["panels"]
    assert documents.parse(rules, "alert-rules.yml")
    used = set(re.findall(r"goal_monitor_[a-z_]+", board + rules))
    assert used - names == set()
    page = (ROOT / "docs" / "console.md").read_text(encoding="utf-8")
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []
