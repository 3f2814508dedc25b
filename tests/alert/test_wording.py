"""Values and changes as a person reads them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.alert import plain, wording
from monitor.judge.decision import Change


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (449.0, "449"),
        (449.9, "449.9"),
        (0.1 + 0.2, "0.3"),
        (-0.0, "0"),
        (1e-7, "1e-07"),
        (0.00001, "0.00001"),
        (1e300, "1e+300"),
        (float("inf"), "inf"),
        (2026, "2026"),
        (10**4000, "a number of about 4001 digits"),
        (True, "yes"),
        (False, "no"),
        (None, "nothing"),
        ("", '""'),
        ("yes", '"yes"'),
        ("449", '"449"'),
        ("No stock", "No stock"),
        ("a\nb", "a b"),
        ([], "empty"),
        ({}, "empty"),
        (["red", "blue"], "red, blue"),
        ({"seller": "ACME", "price": 440.0}, "seller: ACME, price: 440"),
        ({"a": {"b": {"c": {"d": 1}}}}, "a: [b: [c: 1 entry]]"),
        (list(range(20)), "0, 1, 2, 3, 4, 5, … (20 in all)"),
    ],
)
def test_values_are_written_as_people_write_them(value: Any, text: str) -> None:
    assert wording.value(value) == text


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/price", "price"),
        ("", "result"),
        ("/offers/seller=ACME/price", "offers › ACME › price"),
        ("/offers/seller=ACME,size=L/price", "offers › ACME, L › price"),
        ("/a~1b/c~2d~3e~0f", "a/b › c=d,e~f"),
        ("/a/b/c/d/e/f/g/h", "a › b › … › f › g › h"),
        ("/", '""'),
    ],
)
def test_paths_are_words(path: str, text: str) -> None:
    assert wording.label(path) == text


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (Change("/price", "changed", 499.0, 449.0), "price 499 → 449 (-10%)"),
        (Change("/price", "changed", 100, 100.5), "price 100 → 100.5 (+0.5%)"),
        (Change("/price", "changed", 1000, 1000.5), "price 1000 → 1000.5 (+0.05%)"),
        (Change("/price", "changed", 0, 5), "price 0 → 5"),
        (Change("/price", "changed", -10, -5), "price -10 → -5 (+50%)"),
        (Change("/price", "changed", None, 449), "price nothing → 449"),
        (Change("/price", "changed", "449", 449), 'price "449" → 449'),
        (Change("/n", "changed", 1, 10**400), "n 1 → a number of about 401 digits"),
        (Change("/in_stock", "changed", False, True), "in_stock no → yes"),
        (Change("/offers/seller=ACME", "added", None, {"price": 440}), "offers › ACME added: price: 440"),
        (Change("/offers/seller=ACME", "removed", {"price": 440}, None), "offers › ACME removed (was price: 440)"),
        (Change("/note", "added", None, None), "note added"),
        (Change("/tags", "removed", [], None), "tags removed"),
        (Change("/name", "changed", "a\u200bb", "ab"), f"name ab {wording.UNSEEN}"),
        (Change("/x", "changed", 0.1 + 0.2, 0.3), "x 0.30000000000000004 → 0.3"),
    ],
)
def test_changes_are_one_line(change: Change, text: str) -> None:
    assert wording.change(change) == text


def test_long_texts_are_cut_to_what_differs() -> None:
    before = "Lorem ipsum dolor sit amet " * 20 + "ships in two days" + " consectetur adipiscing" * 20
    after = before.replace("two days", "three weeks")
    text = wording.change(Change("/text", "changed", before, after))
    assert "two days" in text
    assert "three weeks" in text
    assert len(text) < 340
    assert text.count("…") == 4


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (59, "59s"),
        (60, "1m"),
        (7_800, "2h 10m"),
        (7_201, "2h"),
        (90_061, "1d 1h"),
        (-5, "0s"),
        (86_400, "1d"),
    ],
)
def test_durations_have_two_units(seconds: int, text: str) -> None:
    assert wording.duration(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("text", "defused"),
    [
        ("@everyone look", "@\u200beveryone look"),
        ("<!channel> <@U123> <http://evil|x>", "<\u200b!channel> <\u200b@\u200bU123> <\u200bhttp://evil|x>"),
        ("mail me@example.org", "mail me@example.org"),
        ("[free](http://evil) ![p](http://evil)", "[free]\u200b(http://evil) ![p]\u200b(http://evil)"),
        ("a < b", "a < b"),
    ],
)
def test_mentions_and_links_are_broken(text: str, defused: str) -> None:
    assert plain.defused(text) == defused


HIDDEN = st.sampled_from(
    ["\x00", "\x1b[31m", "\u202e", "\u2066", "\u200b", "\ufeff", "\u2028", "\ud800", "\r\n", "\x85", "\u0301"]
)
HOSTILE = st.lists(st.one_of(st.text(max_size=30), HIDDEN, st.just("a" + "\u0301" * 50)), max_size=8).map("".join)


@given(HOSTILE)
@settings(deadline=None, max_examples=200)
def test_a_line_is_one_line_of_visible_text(text: str) -> None:
    made = plain.line(text)
    assert made.isprintable() or all(c.isprintable() or not c.isspace() for c in made)
    assert not any(c in made for c in "\x00\x1b\n\r\u2028\u2029\u202e\u200b\ufeff")
    made.encode()  # no half of a surrogate pair
    assert "\u0301" * 4 not in made
    assert plain.line(made) == made


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | HOSTILE,
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(HOSTILE, inner, max_size=8),
    max_leaves=20,
)


@given(JSON, st.integers(20, 200))
@settings(deadline=None, max_examples=100)
def test_any_value_becomes_one_short_line(value: Any, limit: int) -> None:
    text = wording.value(value, limit)
    assert text
    assert "\n" not in text
    assert len(text) <= 2 * limit + 40  # zero-width spaces, quotes and the count come on top
    text.encode()


def test_a_note_stands_behind_its_change() -> None:
    given = Change("/tags/0", "changed", {"index": 3, "item": "x"}, {"index": 0, "item": "x"}, "moved from 3 to 0")
    assert wording.change(given) == "tags › 0 index: 3, item: x → index: 0, item: x [moved from 3 to 0]"
    assert (
        wording.change(Change("/rows/#1", "removed", before=1, note="no\nkey")) == "rows › #1 removed (was 1) [no key]"
    )
