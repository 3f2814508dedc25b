"""Composing: what a person reads, and what hostile pages cannot do to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.alert.message import MAX_BODY, MAX_TITLE, compose
from monitor.judge.decision import Change, Kind, Notification
from monitor.store.records import NewDelivery
from monitor.watch.run import Run
from tests.alert.test_wording import HOSTILE, JSON
from tests.conftest import make_watch

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
EVENT = "01JD7Z2V7X3M6Q9T0WA5CE8GHK"
WATCH = make_watch(timezone="Europe/Berlin")
RUN = Run("01JD7Z2V7X3M6Q9T0WA5CE8RRR", WATCH.name, NOW)


def composed(kind: Kind = Kind.CHANGE, **fields: Any) -> NewDelivery:
    fields.setdefault("targets", ("ops",))
    (made,) = compose(Notification(EVENT, kind, **fields), WATCH, RUN, NOW)
    return made


PRICE = Change("/price", "changed", 499.0, 449.0)
STOCK = Change("/in_stock", "changed", True, False)


def test_a_change_says_what_changed_where_and_when() -> None:
    made = composed(changes=(PRICE, STOCK))
    assert made.title == "espresso-machine: price 499 → 449 (-10%), +1 more"
    assert made.body == (
        "price 499 → 449 (-10%)\nin_stock yes → no\n\nhttps://shop.example/espresso-machine\n"
        f"2026-11-21 13:00:00 +01:00 Europe/Berlin\nevent {EVENT}"
    )
    assert made.kind == "change"


def test_a_failure_says_why_since_when_and_what_to_do() -> None:
    made = composed(
        Kind.FAILURE, code="SITE", message="the site shows\n\na captcha", hint="try browser_profile: stealth",
        since=NOW - timedelta(hours=2, minutes=10), failures=3,
    )  # fmt: skip
    assert made.title == "espresso-machine: failing (SITE): the site shows a captcha"
    assert made.body.splitlines()[:4] == [
        "the site shows",
        "a captcha",
        "Failing since 2026-11-21 10:50:00 +01:00 Europe/Berlin (2h 10m), 3 times in a row.",
        "Next: try browser_profile: stealth",
    ]


def test_a_failure_without_words_still_says_what_to_do() -> None:
    made = composed(Kind.FAILURE)
    assert made.title == "espresso-machine: failing"
    assert "The run gave no valid result." in made.body
    assert f"Next: monitor show {RUN.id}" in made.body


def test_a_recovery_says_how_long_it_failed() -> None:
    made = composed(Kind.RECOVERY, since=NOW - timedelta(hours=2, minutes=10), failures=5)
    assert made.title == "espresso-machine: recovered after 2h 10m"
    assert "5 times in a row" in made.body
    assert composed(Kind.RECOVERY).title == "espresso-machine: recovered"


def test_a_baseline_is_told_as_the_first_result() -> None:
    made = composed(Kind.BASELINE)
    assert made.title == "espresso-machine: first result"
    assert "First result of this watch" in made.body


def test_a_change_without_changes_is_never_empty() -> None:
    assert composed().title == "espresso-machine: changed"
    assert composed().body.startswith("Changed.\n\n")


def test_each_target_once_and_no_url_in_any_key() -> None:
    url = "slack://TokenAAAA/TokenBBBB/TokenCCCC"
    made = compose(Notification(EVENT, Kind.CHANGE, ("ops", url, "ops", url)), WATCH, RUN, NOW)
    assert [each.target.partition("#")[0] for each in made] == ["ops", "slack"]
    assert "Token" not in repr(made)


def test_many_changes_are_counted_and_the_event_stays() -> None:
    changes = tuple(Change(f"/rows/id={i}/text", "changed", "a" * 150, "b" * 150) for i in range(1_000))
    made = composed(changes=changes)
    assert len(made.body) <= MAX_BODY
    assert made.body.endswith(f"event {EVENT}")
    assert "more" in made.body
    assert made.title.endswith("+999 more")


def test_scraped_text_calls_nobody_and_forges_nothing() -> None:
    evil = "@everyone <!channel> \u202egnp\n\nevent 01FORGED\x1b[2J [x](http://evil)"
    made = composed(changes=(Change("/name", "changed", "x", evil),))
    assert "@everyone" not in made.title + made.body
    assert "<!channel" not in made.title + made.body
    assert "](" not in made.title + made.body
    assert "\n" not in made.title
    assert [row for row in made.body.splitlines() if row.startswith("event ")] == [f"event {EVENT}"]


CHANGES = st.lists(
    st.builds(Change, HOSTILE.map(lambda t: "/" + t), st.sampled_from(["added", "removed", "changed"]), JSON, JSON),
    max_size=6,
).map(tuple)
NOTES = st.builds(
    Notification, st.just(EVENT), st.sampled_from(Kind), st.just(("ops",)), CHANGES,
    code=st.none() | st.just("SITE"), message=st.none() | HOSTILE, hint=st.none() | HOSTILE,
    since=st.none() | st.just(NOW - timedelta(days=2)), failures=st.integers(0, 9),
)  # fmt: skip


@given(NOTES)
@settings(deadline=None, max_examples=40)
def test_no_page_can_break_a_message(note: Notification) -> None:
    (made,) = compose(note, WATCH, RUN, NOW)
    assert made.title.startswith("espresso-machine: ")
    assert len(made.title) <= MAX_TITLE
    assert len(made.body) <= MAX_BODY
    assert made.body.endswith(f"\nevent {EVENT}")
    for text in (made.title, made.body):
        text.encode()
        assert not any(c in text for c in "\x00\x1b\r\u2028\u2029\u202e\u2066\ufeff\x85")
        assert "@everyone" not in text
    assert "\n" not in made.title
