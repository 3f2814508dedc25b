"""Digests: every event id in every one, whatever room there is, and one message alone unchanged."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.alert import digest
from monitor.store.records import Delivery
from monitor.watch.run import new_id
from tests.alert.rows import START, delivery


def rows(count: int, **changes: object) -> list[Delivery]:
    found = []
    for number in range(count):
        event, watch = new_id(START), f"watch-{number % 3}"
        title, body = f"{watch}: price {number}", f"price {number}\n\nhttps://x.example\nevent {event}"
        fields = {"id": number, "event": event, "watch": watch, "title": title, "body": body} | changes
        found.append(delivery(**fields))
    return found


def test_one_message_stays_as_it_is() -> None:
    (row,) = rows(1)
    assert digest.merged([row], 100) is row


def test_a_digest_says_how_many_and_what_each_says() -> None:
    found = rows(5)
    merged = digest.merged(found, digest.ROOM)
    assert merged.title == "5 changes in 3 watches"
    assert merged.body.split("\n\n")[0] == f"watch-0: price 0\nhttps://x.example\nevent {found[0].event}"
    assert merged.kind == "change"


def test_kinds_and_watches_are_counted() -> None:
    assert digest.headline(rows(2, watch="a")) == "2 changes of a"
    mixed = [*rows(3), *rows(1, kind="failure"), *rows(2, kind="recovery", watch="")]
    assert digest.headline(mixed) == "6 messages: 3 changes, 2 recoveries, 1 failure in 3 watches"
    assert digest.merged(mixed, 9_000).kind == "change"
    assert digest.merged(rows(2, kind="failure"), 9_000).kind == "failure"


def test_a_possible_repeat_in_it_marks_the_whole() -> None:
    found = [*rows(2), *rows(1, repeat=True)]
    assert digest.merged(found, 9_000).repeat
    assert not digest.merged(found[:2], 9_000).repeat


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 150), st.integers(0, 40_000), st.integers(0, 500), st.integers(0, 5_000))
def test_every_event_is_named_and_every_part_fits(count: int, room: int, title: int, body: int) -> None:
    found = rows(count)
    found = [digest.replace(row, title="t" * title, body="b" * body + f"\n\nevent {row.event}") for row in found]
    parts = digest.parts(found, room)
    assert [row for part in parts for row in part] == found
    for part in parts:
        if len(part) > 1:
            merged = digest.merged(part, room)
            assert len(merged.body) + len("\n" + digest._REPEAT) <= min(room, digest.ROOM)
            assert all(f"event {row.event}" in merged.body for row in part)
            assert merged.title


def test_halves_keep_the_order_and_lose_nothing() -> None:
    found = rows(5)
    first, second = digest.halves(found)
    assert (len(first), first + second) == (3, found)


def test_a_target_for_short_texts_gets_single_messages() -> None:
    assert [len(part) for part in digest.parts(rows(3), 160)] == [1, 1, 1]


def test_watches_that_fail_of_one_cause_are_told_as_that() -> None:
    failing = [delivery(id=n, watch=f"w{n}", kind="failure", cause="SITE shop.example") for n in range(3)]
    assert digest.headline(failing) == "3 watches fail: SITE shop.example"
    assert digest.headline(failing[:2]) == "2 failures in 2 watches"
    assert digest.headline([*failing, delivery(kind="failure")]) == "4 failures in 4 watches"
    recovered = [delivery(id=n, watch=f"w{n}", kind="recovery", cause="NETWORK api") for n in range(4)]
    assert digest.headline(recovered) == "4 watches recovered: NETWORK of the API"
    assert digest.headline([delivery(id=n, watch="w", kind="failure", cause="SITE s") for n in range(3)]) == (
        "3 failures of w"
    )


def test_a_mention_that_was_broken_stays_broken_in_a_digest() -> None:
    made = [delivery(id=n, watch=f"w{n}", title="@\u200beveryone") for n in range(2)]
    assert "@everyone" not in digest.merged(made, 4_000).body
