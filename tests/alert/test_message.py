"""Composing: what a person reads, and what hostile pages cannot do to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.alert import causes
from monitor.alert.message import MAX_BODY, MAX_TITLE, compose, fitted
from monitor.judge.decision import Change, Kind, Notification, Text
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
    assert made.title == "espresso-machine: price 499 → 449 (-10%), in_stock yes → no"
    assert made.body == (
        "price 499 → 449 (-10%)\nin_stock yes → no\n\nhttps://shop.example/espresso-machine\n"
        f"2026-11-21 13:00:00 +01:00 Europe/Berlin\nevent {EVENT}"
    )
    assert made.kind == "change"


def test_the_most_important_change_stands_first_in_the_title() -> None:
    changes = (
        Change("/description", "changed", "x" * 90, "y" * 90),
        Change("/offers/seller=ACME", "added", None, {"price": 440}),
        Change("/offers/seller=BEAN/price", "changed", 500.0, 510.0),
        STOCK,
        PRICE,
    )
    made = composed(changes=changes)
    assert (
        made.title
        == "espresso-machine: price 499 → 449 (-10%), in_stock yes → no, offers › BEAN › price 500 → 510 (+2%), +2 more"
    )
    assert made.body.splitlines()[0].startswith("description "), "the body keeps the order of the result"


def test_what_else_is_known_of_a_change_stands_beside_it() -> None:
    made = composed(changes=(Change("/rows/id=1", "changed", 1, 1, note="moved from 3rd to 1st @everyone"),))
    assert "[moved from 3rd to 1st @\u200beveryone]" in made.body


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


def test_a_reminder_says_that_it_still_fails_and_for_how_long() -> None:
    made = composed(
        Kind.REMINDER, code="SITE", message="a captcha", hint="try stealth", since=NOW - timedelta(hours=26), failures=7
    )
    assert made.title == "espresso-machine: still failing for 1d 2h (SITE): a captcha"
    assert made.body.splitlines()[:3] == [
        "a captcha",
        "Failing since 2026-11-20 11:00:00 +01:00 Europe/Berlin (1d 2h), 7 times in a row.",
        "Next: try stealth",
    ]
    silent = composed(Kind.REMINDER, code="SITE", since=NOW - timedelta(hours=26), failures=7)
    assert silent.title == "espresso-machine: still failing for 1d 2h (SITE)"
    assert "Next: monitor history espresso-machine" in silent.body
    assert "no valid result" not in silent.body


def test_a_flapping_watch_is_told_as_that() -> None:
    since = NOW - timedelta(hours=5)
    made = composed(Kind.FAILURE, code="SITE", message="a captcha", since=since, failures=2, incidents=3)
    assert made.title == "espresso-machine: flapping, 3 incidents in 5h (SITE): a captcha"
    assert "Failing and recovering since 2026-11-21 08:00:00 +01:00 Europe/Berlin (5h), 3 incidents." in made.body
    assert "not told one by one until its state has not changed for 6h" in made.body
    again = composed(Kind.REMINDER, code="SITE", since=since, incidents=9)
    assert again.title == "espresso-machine: still flapping, 9 incidents in 5h (SITE)"
    over = composed(Kind.RECOVERY, since=since, incidents=9)
    assert over.title == "espresso-machine: steady again after flapping for 5h"
    assert "It failed and recovered 9 times since 2026-11-21 08:00:00 +01:00 Europe/Berlin." in over.body


def test_missed_runs_are_told_together() -> None:
    since = NOW - timedelta(hours=5)
    made = composed(Kind.MISSED, code="DOWN", message="nothing was running at the due time", since=since, failures=5)
    assert made.title == "espresso-machine: 5 runs were missed"
    assert made.body.splitlines()[:3] == [
        "5 runs were due since 2026-11-21 08:00:00 +01:00 Europe/Berlin and not made.",
        "Why: nothing was running at the due time",
        "Next: monitor history espresso-machine --verdict MISSED",
    ]
    assert composed(Kind.MISSED, since=since, failures=1).title == "espresso-machine: a run was missed"


def test_silence_says_since_when_and_whether_there_ever_was_a_result() -> None:
    made = composed(Kind.STALE, since=NOW - timedelta(days=3), failures=4)
    assert made.title == "espresso-machine: no valid result for 3d"
    last = "The last valid result is of 2026-11-18 13:00:00 +01:00 Europe/Berlin, failed 4 times in a row."
    assert made.body.splitlines()[0] == last
    never = composed(Kind.STALE, since=NOW - timedelta(days=3), message="This watch has not given a valid result yet.")
    assert never.body.splitlines()[:2] == [
        "This watch has not given a valid result yet.",
        "It first failed at 2026-11-18 13:00:00 +01:00 Europe/Berlin.",
    ]


def test_drift_names_the_field_in_the_title_and_all_of_them_below() -> None:
    made = composed(Kind.DRIFT, message="/price: null in 3 of 5, was 0 of 40\n/name: gone")
    assert made.title == "espresso-machine: drift: /price: null in 3 of 5, was 0 of 40"
    assert "/name: gone" in made.body


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


VALUES = {
    "new": {"price": 449.0, "currency": "EUR", "name": "@everyone"},
    "old": {"price": 499.0},
    "changes": [PRICE.as_json(), STOCK.as_json()],
    "watch": {"name": "espresso-machine", "url": "https://shop.example/espresso-machine"},
    "now": NOW,
}


def told_with(title: str | None, body: str | None, **fields: Any) -> NewDelivery:
    return composed(changes=(PRICE,), texts={"ops": Text(title, body, VALUES)}, **fields)


def test_a_rule_has_its_own_words() -> None:
    made = told_with("{{ watch.name }}: {{ new.price }} {{ new.currency }}", "Was {{ old.price }}. {{ watch.url }}")
    assert made.title == "espresso-machine: 449 EUR"
    assert made.body == f"Was 499. https://shop.example/espresso-machine\n\nevent {EVENT}"


def test_a_rule_with_a_title_alone_keeps_the_built_in_body() -> None:
    made = told_with("Buy\nnow: {{ new.price }}", None)
    assert (made.title, made.body) == ("Buy now: 449", composed(changes=(PRICE,)).body)
    assert told_with(None, "It moved.").title == composed(changes=(PRICE,)).title


def test_a_hole_that_fails_gives_way_to_the_built_in_words_and_says_so() -> None:
    """Row 125: fall back to the built-in format, deliver anyway, warn."""
    built_in = composed(changes=(PRICE,))
    made = told_with("{{ new.prize }}", "{{ new.price }}")
    assert made.title == built_in.title
    assert made.body.splitlines()[0] == "449"
    assert "The title of this rule could not be filled: {{ new.prize }}: there is no " in made.body
    made = told_with("{{ new.price }}", "{{ new.prize }} {{ nothing }}")
    assert made.title == "449"
    assert made.body.startswith(built_in.body.split("\n\n")[0])
    assert made.body.count("could not be filled") == 1
    assert made.body.splitlines()[-3:] == built_in.body.splitlines()[-3:]
    both = told_with("{{ a", "{{ b")
    assert both.title == built_in.title
    assert both.body.count("could not be filled") == 2


def test_words_that_come_out_empty_give_way_too() -> None:
    made = told_with("{{ ' ' }}", "{{ '' }}")
    assert (made.title, made.body) == (composed(changes=(PRICE,)).title, composed(changes=(PRICE,)).body)


def test_an_error_of_the_condition_is_told_beside_the_words_of_the_rule() -> None:
    made = told_with("t", "b", hint="new.x > 1: there is no x")
    assert made.body == f"b\n\nnew.x > 1: there is no x\nevent {EVENT}"


def test_only_the_targets_of_the_rule_get_its_words() -> None:
    note = Notification(EVENT, Kind.CHANGE, ("ops", "deals"), (PRICE,), texts={"deals": Text("Own", None, VALUES)})
    assert [each.title for each in compose(note, WATCH, RUN, NOW)] == [composed(changes=(PRICE,)).title, "Own"]


def test_what_a_page_says_is_defused_in_a_hole_and_what_the_rule_says_is_not() -> None:
    made = told_with(
        "@here {{ new.name }}", "<@U123> {{ new.name }} @{{ 'everyone' }} <{{ '!channel' }}> [x]{{ '(http://e)' }}"
    )
    assert made.title == "@here @\u200beveryone"
    assert made.body.splitlines()[0] == "<@U123> @\u200beveryone @\u200beveryone <\u200b!channel> [x]\u200b(http://e)"


def test_what_a_page_says_forges_no_event() -> None:
    made = told_with(None, "{{ 'a\\nevent 01FORGED' }}")
    assert [row for row in made.body.splitlines() if row.startswith("event ")] == [f"event {EVENT}"]


def test_long_words_of_a_rule_are_cut_and_the_event_stays() -> None:
    made = told_with("{{ 'x' }}" * 999, "{{ 'y' }}" * 5_000 + "z")
    assert len(made.title) <= MAX_TITLE
    made = told_with(None, "y" * 9_000)
    assert len(made.body) <= MAX_BODY
    assert made.body.endswith(f"\n\nevent {EVENT}")


@pytest.mark.parametrize(
    ("kind", "code", "cause"),
    [
        (Kind.FAILURE, "SITE", "SITE shop.example"),
        (Kind.RECOVERY, "TIMEOUT", "TIMEOUT shop.example"),
        (Kind.REMINDER, "NETWORK", "NETWORK api"),
        (Kind.FAILURE, "SCHEMA", "SCHEMA shop.example"),
        (Kind.FAILURE, "CONFIG", None),
        (Kind.FAILURE, "CANCELLED", None),
        (Kind.RECOVERY, None, None),
        (Kind.CHANGE, "SITE", None),
    ],
)
def test_what_other_watches_may_fail_of_too_is_named_for_the_digest(
    kind: Kind, code: str | None, cause: str | None
) -> None:
    assert composed(kind, code=code).cause == cause


@pytest.mark.parametrize(
    ("kind", "cause", "text"),
    [
        ("failure", "SITE shop.example", "12 watches fail: SITE shop.example"),
        ("reminder", "NETWORK api", "12 watches still fail: NETWORK of the API"),
        ("recovery", "SITE shop.example", "12 watches recovered: SITE shop.example"),
    ],
)
def test_a_group_says_what_its_watches_have_in_common(kind: str, cause: str, text: str) -> None:
    assert causes.headline(kind, cause, 12) == text


def test_a_message_that_fits_is_left_alone() -> None:
    made = composed(changes=(PRICE,))
    assert fitted(made.title, made.body, 250, 4_096) == (made.title, made.body)


def test_a_target_without_titles_gets_the_title_as_the_first_line() -> None:
    made = composed(changes=(PRICE,))
    assert fitted(made.title, made.body, 0, 4_096) == ("", f"{made.title}\n{made.body}")


def test_a_long_message_is_shortened_before_its_end() -> None:
    made = composed(changes=tuple(Change(f"/rows/id={i}/n", "changed", i, i + 1) for i in range(40)))
    title, body = fitted(made.title, made.body, 30, 300)
    assert (len(title) <= 30, len(body) <= 300) == (True, True)
    assert body.splitlines()[-3:] == made.body.splitlines()[-3:]
    assert "\n…\n\n" in body
    _, body = fitted(made.title, made.body, 30, 80)
    assert body.splitlines()[-1] == f"event {EVENT}"
    assert body.splitlines()[0].startswith("rows")
    assert fitted(made.title, made.body, 30, 35) == (title, f"event {EVENT}")
    marked = f"{made.body}\n(possible repeat: an earlier copy may have arrived)"
    assert fitted(made.title, marked, 30, 140)[1].splitlines()[-2:] == marked.splitlines()[-2:]


@given(HOSTILE, HOSTILE, st.integers(-1, 300), st.integers(1, 600))
@settings(deadline=None, max_examples=100)
def test_no_limit_is_exceeded_and_no_event_is_lost(title: str, head: str, title_max: int, body_max: int) -> None:
    """C5."""
    body = f"{head}\n\nhttps://shop.example/x\nnow\nevent {EVENT}"
    shorter = fitted(title, body, title_max, body_max)
    assert len(shorter[0]) <= max(0, title_max)
    assert len(shorter[1]) <= body_max
    assert body_max < len(f"event {EVENT}") or shorter[1].endswith(f"event {EVENT}")
    assert fitted("", "plain words " * 100, title_max, body_max)[1]
