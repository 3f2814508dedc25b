"""Messages: at least once, in order for each watch and target, and never two of a pair at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.judge.decision import Verdict
from monitor.store import deliveries
from monitor.store.records import Delivery, Gathering
from monitor.store.store import Store
from tests.store.scenes import NOW, Opener, at, begin, finish, good, letter, make_run, of_a_file
from tests.store.test_store_history import plans

numbers = iter(range(10**9))


def tell(store: Store, *letters: str, watch: str = "espresso") -> None:
    """Commit a run that tells; a letter is written `event:target`."""
    run = begin(store, make_run(next(numbers), watch=watch))
    told = [letter(*each.split(":")) for each in letters]
    finish(store, run, good(run, Verdict.CHANGED), *told)


def claimed(store: Store, *arguments: Any, **options: Any) -> list[Delivery]:
    """Claim messages that go alone."""
    groups = store.claim(*arguments, **options)
    assert all(len(group) == 1 for group in groups)
    return sorted((row for group in groups for row in group), key=lambda row: row.id)


def events(rows: list[Delivery]) -> list[str]:
    return [f"{row.event}:{row.target}" for row in rows]


def test_a_claim_is_committed_before_it_is_given_out(opener: Opener) -> None:
    """C2."""
    tell(opener(), "e1:ops")
    (row,) = claimed(opener(), NOW, 10, "01JSENDER")
    assert (row.state, row.attempts, row.repeat) == ("sending", 1, False)
    assert opener().outbox() == [row]
    assert claimed(opener(), NOW, 10, "01JOTHER") == []


def test_only_the_oldest_of_a_pair_is_claimed(store: Store) -> None:
    """C7."""
    tell(store, "e1:ops", "e1:deals")
    tell(store, "e2:ops", "e3:deals")
    tell(store, "e4:ops", watch="another")
    first = claimed(store, NOW, 10, "s")
    assert events(first) == ["e1:ops", "e1:deals", "e4:ops"]
    assert claimed(store, NOW, 10, "s") == []
    store.delivered(first[0].id, NOW)
    assert events(claimed(store, NOW, 10, "s")) == ["e2:ops"]
    store.bury(first[1].id, "gone", NOW)
    assert events(claimed(store, NOW, 10, "s")) == ["e3:deals"]


def test_a_claim_is_bounded_and_may_pass_targets_over(store: Store) -> None:
    tell(store, "e1:a", "e1:b", "e1:c")
    assert events(claimed(store, NOW, 0, "s")) == []
    assert events(claimed(store, NOW, 1, "s", skip_targets=["a"])) == ["e1:b"]
    assert events(claimed(store, NOW, 5, "s", skip_targets={"a", "c"})) == []
    assert store.next_delivery_at(NOW, skip_targets=["a", "c"]) is None
    assert events(claimed(store, NOW, 5, "s")) == ["e1:a", "e1:c"]


def test_a_message_that_was_put_back_waits_and_holds_up_those_behind_it(store: Store) -> None:
    """C7."""
    tell(store, "e1:ops")
    tell(store, "e2:ops")
    assert store.next_delivery_at(NOW) == NOW
    (row,) = claimed(store, NOW, 10, "s")
    assert store.next_delivery_at(NOW) is None  # what is behind a message that is being sent is not due
    assert store.put_back(row.id, at(5), "HTTP 503", NOW)
    assert claimed(store, at(4), 10, "s") == []
    assert store.next_delivery_at(NOW) == at(5)
    (again,) = claimed(store, at(5), 10, "s")
    assert (again.id, again.attempts, again.error, again.repeat) == (row.id, 2, "HTTP 503", False)
    store.put_back(again.id, at(1), "time-out", at(6), repeat=True)
    assert store.next_delivery_at(NOW) == at(6)
    (last,) = claimed(store, at(6), 10, "s")
    assert last.repeat


def test_a_message_is_closed_once(store: Store) -> None:
    tell(store, "e1:ops", "e1:deals")
    ops, deals = claimed(store, NOW, 10, "s")
    assert store.delivered(ops.id, at(1))
    assert not store.delivered(ops.id, at(2))
    assert not store.put_back(ops.id, at(2), "late", NOW)
    assert not store.bury(ops.id, "late", NOW)
    assert store.bury(deals.id, "bad address", at(1))
    assert not store.put_back(deals.id, at(2), "late", NOW)
    done, dead = {row.state: row for row in store.outbox()}["done"], store.outbox("dead")[0]
    assert (done.done_at, done.error) == (at(1), None)
    assert (dead.done_at, dead.error, dead.attempts) == (at(1), "bad address", 1)
    assert not store.delivered(999, NOW)


def test_what_a_dead_sender_held_is_given_back_marked(store: Store) -> None:
    tell(store, "e1:a", "e1:b", "e1:c")
    claimed(store, NOW, 1, "01JDEAD")
    claimed(store, NOW, 1, "01JALIVE")
    asked: list[str] = []

    def not_alive(sender: str) -> bool:
        asked.append(sender)
        return sender == "01JDEAD"

    assert store.release(not_alive) == 1
    assert sorted(asked) == ["01JALIVE", "01JDEAD"]
    assert store.release(lambda sender: sender == "01JDEAD") == 0
    again = {row.target: row for row in claimed(store, NOW, 10, "s")}
    assert (again["a"].repeat, again["a"].attempts, again["c"].repeat) == (True, 2, False)
    assert "b" not in again


def test_a_late_answer_still_closes_a_message_that_was_given_back(store: Store) -> None:
    tell(store, "e1:ops")
    (row,) = claimed(store, NOW, 1, "01JDEAD")
    store.release(lambda _: True)
    assert store.delivered(row.id, NOW)
    assert claimed(store, NOW, 1, "s") == []


def test_the_outbox_is_listed_newest_first_and_counted(store: Store) -> None:
    tell(store, "e1:a", "e1:b", "e1:c", "e1:d")
    rows = claimed(store, NOW, 3, "s")
    store.delivered(rows[0].id, NOW)
    store.bury(rows[1].id, "x", NOW)
    assert store.outbox_counts() == {"pending": 1, "sending": 1, "dead": 1}
    assert events(store.outbox()) == ["e1:d", "e1:c", "e1:b", "e1:a"]
    assert events(store.outbox(limit=1)) == ["e1:d"]
    assert events(store.outbox("sending")) == ["e1:c"]
    assert store.outbox("nothing") == []


@of_a_file
def test_claiming_looks_only_at_what_is_undelivered(store: Store) -> None:
    plan = plans(store, lambda connection: deliveries.claim(connection, NOW, 10, "s", (), Gathering()))
    assert "SEARCH outbox USING INDEX outbox_states (state=? AND next_at<?)" in plan
    assert "INDEX outbox_open (watch=? AND target=? AND id<?)" in plan
    assert "SCAN outbox\n" not in plan


@pytest.fixture(scope="module")
def long_lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    path: Path = tmp_path_factory.mktemp("store") / "monitor.db"
    with Store.open(str(path)) as store:
        yield store


acts = st.lists(
    st.one_of(
        st.tuples(st.just("tell"), st.sampled_from(["a", "b"]), st.sets(st.sampled_from(["x", "y"]), min_size=1)),
        st.tuples(st.just("claim"), st.integers(1, 3), st.sampled_from(["s1", "s2"])),
        st.tuples(st.sampled_from(["delivered", "put_back", "bury"]), st.integers(0, 9)),
        st.tuples(st.just("die"), st.sampled_from(["s1", "s2"])),
    ),
    max_size=25,
)


@settings(deadline=None, max_examples=25)
@given(acts)
def test_no_message_overtakes_or_is_lost(long_lived: Store, script: list[Any]) -> None:
    """reliability.md C1, C7: whatever order sends, failures, deaths and new messages come in."""
    store, minute, batch = long_lived, 0, f"{next(numbers)}"
    told: dict[tuple[str, str], list[str]] = {}
    closed: dict[tuple[str, str], list[str]] = {}
    held: list[tuple[str, Delivery]] = []

    def close(row: Delivery) -> None:
        closed.setdefault((row.watch, row.target), []).append(row.event)

    for act, *what in script:
        minute += 1
        if act == "tell":
            watch, targets = f"{what[0]}-{batch}", sorted(what[1])
            event = f"{batch}-{minute}"
            tell(store, *(f"{event}:{target}" for target in targets), watch=watch)
            for target in targets:
                told.setdefault((watch, target), []).append(event)
        elif act == "claim":
            held += [(what[1], row) for row in claimed(store, at(minute), what[0], what[1])]
            pairs = [(row.watch, row.target) for _, row in held]
            assert len(pairs) == len(set(pairs))
        elif act == "die":
            store.release(lambda sender, dead=what[0]: sender == dead)  # type: ignore[misc]
            held = [(sender, row) for sender, row in held if sender != what[0]]
        elif held:
            _, row = held.pop(what[0] % len(held))
            if act == "put_back":
                assert store.put_back(row.id, at(minute + 3), "no", at(minute))
            else:
                assert store.bury(row.id, "no", NOW) if act == "bury" else store.delivered(row.id, NOW)
                close(row)
    for _, row in held:
        store.delivered(row.id, NOW)
        close(row)
    while rows := claimed(store, at(minute + 99), 3, "s3"):
        for row in rows:
            store.delivered(row.id, NOW)
            close(row)
    assert closed == told
    assert store.outbox_counts()["pending"] == store.outbox_counts()["sending"] == 0
