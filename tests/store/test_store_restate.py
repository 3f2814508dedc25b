"""A run whose request was refused is sent another goal: the row says which, and the key is remembered with it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from monitor.errors import StoreConflict
from monitor.store.records import Begun
from monitor.store.store import Store
from tests.store.scenes import NOW, OWNER, Opener, begin, make_run

LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def store(opener: Opener) -> Store:
    return opener()


def goal_of(store: Store) -> str:
    (left,) = store.unfinished()
    return left.goal


def test_the_goal_and_the_key_are_written_together_and_again(store: Store) -> None:
    run = begin(store, make_run(0))
    assert store.schema_refused_at("k1") is None
    for _ in range(2):  # the answer to a commit may be lost
        store.restate(run.id, "another goal", "k1", LATER)
    assert goal_of(store) == "another goal"
    assert store.schema_refused_at("k1") == LATER
    assert store.schema_refused_at("k2") is None


def test_another_key_takes_the_place_of_the_one_before(store: Store) -> None:
    run = begin(store, make_run(0))
    store.pause_until(LATER, NOW)
    store.restate(run.id, "g", "k1", NOW)
    store.restate(run.id, "g", "k2", LATER)
    assert store.schema_refused_at("k1") is None
    assert store.schema_refused_at("k2") == LATER
    assert store.paused_until(NOW) == LATER


def test_a_run_that_the_api_has_keeps_its_goal_and_nothing_is_remembered(store: Store) -> None:
    run = begin(store, make_run(0))
    before = goal_of(store)
    store.accepted(run.id, "run_1", None, NOW)
    with pytest.raises(StoreConflict, match="accepted already"):
        store.restate(run.id, "another goal", "k1", NOW)
    assert goal_of(store) == before
    assert store.schema_refused_at("k1") is None


def test_a_run_that_another_process_took_over_keeps_its_goal(store: Store) -> None:
    run = begin(store, make_run(0))
    assert store.take_over(run.id, OWNER, "other")
    store._held[run.id] = OWNER  # what the process that lost it believes
    with pytest.raises(StoreConflict, match="taken over"):
        store.restate(run.id, "another goal", "k1", NOW)


def test_a_row_that_is_begun_again_has_the_goal_that_is_sent(store: Store) -> None:
    """Row 105: the first commit arrived unheard; meanwhile another run learnt that the schema goes into the goal."""
    run = make_run(0)
    for goal in ("first", "second"):
        found = store.begin_run(run, goal=goal, generation="g1", owner=OWNER, now=NOW)
        assert isinstance(found, Begun)
    assert goal_of(store) == "second"
