"""What concerns every watch at once is one message for each target."""

from __future__ import annotations

from datetime import UTC, datetime

from ulid import ULID

from monitor.alert.announce import announce, event_of
from monitor.alert.message import MAX_BODY, MAX_TITLE
from monitor.judge.decision import Kind
from monitor.watch.run import new_id
from tests.conftest import make_watch

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def test_each_target_that_a_scheduled_watch_tells_of_it_is_told_once() -> None:
    watches = [
        make_watch(name="a", notify=["ops", "mailto://u:p@host.example"]),
        make_watch(name="b", notify=[{"to": ["ops", "deals"], "on": ["failure"]}]),
        make_watch(name="c", notify=[{"to": "changes", "on": ["change"]}]),
        make_watch(name="d", notify=["silent"], enabled=False),
    ]
    told = announce("E", Kind.FAILURE, "all runs are stopped", ["no key", ""], watches, NOW)
    assert [each.target.partition("#")[0] for each in told] == ["ops", "mailto", "deals"]
    assert {(each.event, each.kind, each.title) for each in told} == {
        ("E", "failure", "goal-monitor: all runs are stopped")
    }
    assert told[0].body == "no key\n\n2026-11-21 12:00:00 UTC\nevent E"
    assert announce("E", Kind.RECOVERY, "x", [], watches[1:2], NOW) == ()


def test_what_an_api_said_is_plain_and_short() -> None:
    (told,) = announce("E", Kind.FAILURE, "x\n\x1b[31m" + "y" * 900, ["@everyone\n" + "z" * 9_000], [_ops()], NOW)
    assert "\n" not in told.title
    assert len(told.title) <= MAX_TITLE
    assert len(told.body) <= MAX_BODY
    assert told.body.endswith("event E")
    assert "@everyone" not in told.body


def _ops():  # type: ignore[no-untyped-def]
    return make_watch(notify=["ops"])


def test_an_event_is_a_ulid_of_its_own_and_always_the_same() -> None:
    run = new_id(NOW)
    ids = [event_of(what, run) for what in ("stop auth", "stop auth over", "stop billing")]
    assert len({*ids, run}) == 4
    assert ids[0] == event_of("stop auth", run)
    assert {str(ULID.from_str(each)) for each in ids} == set(ids)
