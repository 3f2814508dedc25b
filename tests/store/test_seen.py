"""Since when each watch is scheduled: kept once, forgotten when it is gone, and moved with a new name."""

from __future__ import annotations

from datetime import timedelta

from monitor.judge.decision import Verdict
from monitor.store.store import Store
from monitor.watch.run import Trigger
from tests.store.scenes import NOW

LATER = NOW + timedelta(hours=1)


def test_a_watch_is_first_seen_once(store: Store) -> None:
    assert store.first_seen() == {}
    assert store.see(["a", "b"], [], NOW) == {"a": NOW, "b": NOW}
    assert store.see(["a", "b", "c:d;e"], ["z"], LATER) == {"a": NOW, "b": NOW, "c:d;e": LATER}
    assert store.see(["b"], ["a", "c:d;e"], LATER) == {"b": NOW} == store.first_seen()


def test_other_marks_are_none_of_a_watch(store: Store) -> None:
    store.probe_write(NOW)
    store.pause_until(LATER, NOW)
    assert store.first_seen() == {}


def test_many_watches_are_seen_at_once(store: Store) -> None:
    names = [f"watch-{number}" for number in range(10_000)]
    assert len(store.see(names, [], NOW)) == 10_000
    assert store.see([], names, NOW) == {}


def test_a_renamed_watch_was_seen_when_it_was(store: Store) -> None:
    store.see(["old"], [], NOW)
    store.record_skip("old", NOW, Trigger.CRON, Verdict.MISSED, "DOWN", "nothing was running", NOW)
    store.see(["new"], [], LATER)  # a daemon was started before the records were moved
    store.rename("old", "new", LATER)
    assert store.first_seen() == {"new": NOW}
