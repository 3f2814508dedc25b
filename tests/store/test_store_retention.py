"""Retention: what must stay stays, what is old goes, and nobody is held up for long."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import UsageError
from monitor.judge.decision import Verdict, WatchState
from monitor.store import retention
from monitor.store.records import Begun, Record
from monitor.store.store import Store
from monitor.watch.run import Run, Trigger, new_id
from tests.store.scenes import NOW, OWNER, Opener, bad, completed, failed, good, letter, of_a_file, retry_of

DAY = timedelta(days=1)


def ago(days: float) -> datetime:
    return NOW - days * DAY


def made(store: Store, days: float, verdict: Verdict = Verdict.UNCHANGED, *letters: Any, **changes: Any) -> Run:
    """A run that was begun and judged so many days ago."""
    now = ago(days)
    run = Run(**({"id": new_id(now), "watch": "espresso", "due_at": now} | changes))
    begun = store.begin_run(run, goal="g", generation="g1", owner=OWNER, now=now)
    assert isinstance(begun, Begun)
    state = store.state_of(run.watch)
    if verdict.bad:
        decision = bad(run, state, verdict=verdict)
        if decision.state.incident is not None and state.incident is None:
            incident = replace(decision.state.incident, id=run.id, opened_at=now)
            decision = replace(decision, state=replace(decision.state, incident=incident))
    elif verdict is Verdict.UNCHANGED:
        decision = good(run, verdict, state=replace(state, failures=0, incident=None))
    else:
        decision = good(run, verdict)
    outcome = failed() if verdict.bad else completed(run_id=None)
    store.settle(run.id, outcome, now)
    store.commit(run, outcome, decision, letters, now=now)
    return run


def skipped(store: Store, days: float, watch: str = "espresso") -> Record:
    now = ago(days)
    record = store.record_skip(watch, now, Trigger.CRON, Verdict.MISSED, "DOWN", "nothing ran", now)
    assert record is not None
    return record


def prune(store: Store, keep: timedelta = 30 * DAY, at_least: int = 0, size: int = 500) -> int:
    return store.prune(NOW, keep, at_least, slice=size, sleep=lambda _: None)


def left(store: Store, watch: str = "espresso") -> list[str]:
    return [record.id for record in reversed(store.history(watch, limit=10_000))]


def test_old_records_go_and_the_newest_stay(store: Store) -> None:
    ids = [made(store, days).id for days in range(100, 0, -1)]
    assert prune(store, at_least=5) == 70
    assert left(store) == ids[70:]
    assert prune(store, at_least=5) == 0
    assert prune(store, keep=3 * DAY, at_least=20) == 10
    assert left(store) == ids[80:]
    assert store.integrity() == []


def test_a_watch_keeps_its_newest_records_whatever_their_age(store: Store) -> None:
    ids = [made(store, days, watch="rare").id for days in range(900, 885, -1)]
    others = [skipped(store, days).id for days in range(900, 885, -1)]
    assert prune(store, at_least=5) == 20
    assert left(store, "rare") == ids[10:]
    assert left(store) == others[10:]
    assert store.occurrence_counts("rare", ago(999))["UNCHANGED"] == 5


@pytest.mark.parametrize("keep", [timedelta(0), timedelta(hours=1), 2 * DAY])
def test_what_ceilings_and_the_schedule_count_stays(store: Store, keep: timedelta) -> None:
    """reliability.md A4, A5: an occurrence whose row is gone could be run again."""
    old, fresh = made(store, 2.5).id, [made(store, days).id for days in (1.9, 0.5, 0)]
    assert prune(store, keep=keep) == 1
    assert left(store) == fresh
    assert store.record(old) is None


def test_the_baseline_stays(store: Store) -> None:
    """B10: the baseline stays."""
    first = made(store, 200, Verdict.BASELINE)
    between = [made(store, days).id for days in range(100, 90, -1)]
    made(store, 1)
    assert prune(store) == len(between)
    assert store.state_of("espresso").baseline is not None
    assert left(store)[0] == first.id


def test_the_last_run_and_the_newest_occurrence_stay(store: Store) -> None:
    cron = skipped(store, 300)
    by_hand = [made(store, days, trigger=Trigger.MANUAL) for days in (200, 100)]
    assert prune(store) == 1
    assert left(store) == [cron.id, by_hand[1].id]
    assert store.last_occurrence("espresso") == cron.due_at


def test_an_open_incident_keeps_its_runs_until_it_is_over(store: Store) -> None:
    """B10: an open incident keeps its runs until it is over."""
    before = made(store, 200)
    opened = made(store, 190, Verdict.FAILED)
    failing = [made(store, days, Verdict.FAILED).id for days in range(180, 170, -1)]
    assert prune(store) == 1
    assert left(store) == [opened.id, *failing]
    made(store, 1)
    assert prune(store) == 11
    assert store.record(before.id) is None


@pytest.mark.parametrize(
    ("act", "stays"),
    [
        (lambda store, row: None, True),
        (lambda store, row: store.claim(NOW, 1, "s"), True),
        (lambda store, row: store.bury(row, "given up", NOW), True),  # a dead letter was not delivered
        (lambda store, row: store.delivered(row, NOW), False),
    ],
    ids=["pending", "sending", "dead", "done"],
)
def test_a_message_that_was_not_delivered_stays_with_its_run(store: Store, act: Any, stays: bool) -> None:
    """B10: a message that was not delivered stays with its run."""
    run = made(store, 200, Verdict.UNCHANGED, letter("e1"))
    made(store, 1)
    act(store, store.outbox()[0].id)
    assert prune(store) == (0 if stays else 1)
    assert (store.record(run.id) is not None) is stays
    assert len(store.outbox()) == int(stays)


def test_the_run_of_an_open_stop_stays(store: Store) -> None:
    run = made(store, 200)
    made(store, 1)
    store.open_stop("billing", code="BILLING", message="m", run=run.id, key_digest=None, now=NOW)
    assert prune(store) == 0
    assert store.close_stop("billing", now=NOW, deliveries=[letter("e1")])
    assert prune(store) == 0
    store.delivered(store.outbox()[0].id, NOW)
    assert prune(store) == 1


def test_unfinished_runs_and_waiting_retries_stay(store: Store) -> None:
    """B10: unfinished runs and waiting retries stay."""
    run = Run(new_id(ago(200)), "espresso", ago(200))
    store.begin_run(run, goal="g", generation="g1", owner=OWNER, now=ago(200))
    store.settle(run.id, failed(), ago(200))
    assert prune(store) == 0
    retry, again = retry_of(run, 0)
    store.commit(run, failed(), bad(run, WatchState(), retry=retry), [], now=ago(200), later=again)
    made(store, 1)
    assert prune(store) == 0
    assert store.waiting_retry("espresso") is not None
    store.drop_retry(again)
    assert prune(store) == 1


@pytest.mark.parametrize("size", [1, 2, 500])
def test_the_attempts_of_an_occurrence_go_together(store: Store, size: int) -> None:
    due = ago(200)
    attempts = [made(store, 200 - n / 10, due_at=due, attempt=n) for n in (1, 2, 3)]
    newer = made(store, 100, due_at=ago(100))
    fresh = made(store, 1, due_at=ago(100), attempt=2, trigger=Trigger.RETRY)
    made(store, 0.5)
    assert prune(store, size=size) == 3
    assert left(store)[:2] == [newer.id, fresh.id]
    assert attempts[0].id not in left(store)
    assert store.integrity() == []


def test_earlier_judgements_go_with_their_record(store: Store) -> None:
    run = made(store, 200)
    made(store, 1)
    found = store.rejudging(run.id)
    assert found is not None
    store.rejudged(found, good(run, Verdict.CHANGED), generation="g2", now=ago(150))
    assert prune(store) == 1
    assert store.earlier_judgements(run.id) == []
    assert store.integrity() == []


def test_what_was_told_once_is_forgotten_after_a_month(store: Store) -> None:
    run = made(store, 1)
    for days in (33, 31):
        store.tell_once(f"key{days}", [], run.id, ago(days))
    prune(store)
    assert store.tell_once("key33", [], run.id, NOW)
    assert not store.tell_once("key31", [], run.id, NOW)


def test_less_than_nothing_cannot_be_kept(store: Store) -> None:
    for keep, at_least in ((-DAY, 0), (DAY, -1)):
        with pytest.raises(UsageError, match="less than nothing"):
            prune(store, keep, at_least)


@pytest.mark.parametrize("keep", [timedelta.max, timedelta(days=30_000)])
def test_everything_can_be_kept(store: Store, keep: timedelta) -> None:
    made(store, 9_000)
    made(store, 1)
    assert prune(store, keep) == 0


def test_each_slice_is_a_transaction_of_its_own_and_others_write_between(opener: Opener) -> None:
    store, other = opener(), opener(busy_timeout=0.05)
    for days in range(100, 0, -1):
        made(store, days)
    seen = []
    for removed in store.pruning(NOW, 30 * DAY, 5, slice=20):
        seen.append(removed)
        other.probe_write(NOW)
    assert [each for each in seen if each] == [20, 20, 20, 10]


@of_a_file
def test_a_file_shrinks_when_much_of_it_is_free(opener: Opener) -> None:
    store = opener()
    text = "".join(str(number) for number in range(20_000))
    for days in range(100, 0, -1):
        run = made(store, days)
        found = store.rejudging(run.id)
        assert found is not None
        store.rejudged(found, good(run, result={"text": text}), generation="g1", now=ago(days))
    before = opener.path.stat().st_size
    prune(store, size=100)
    with store._database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA freelist_count").scalar_one() <= retention.SPARE
    assert opener.path.stat().st_size < before * 0.65
    assert store.integrity() == []


def test_a_pruning_command_lets_a_daemon_write(opener: Opener) -> None:
    """Between two slices the lock is free long enough for who waits for it."""
    store, other = opener(), opener(busy_timeout=5)
    for days in range(90, 0, -1):
        made(store, days)
    done = threading.Event()
    wrong: list[BaseException] = []

    def write() -> None:
        try:
            while not done.is_set():
                other.probe_write(NOW)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test shows it
            wrong.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        assert store.prune(NOW, 30 * DAY, 5, slice=10) == 60
    finally:
        done.set()
        thread.join()
    assert wrong == []


# Random histories against an independent account of what must stay


@dataclass(slots=True)
class Story:
    """What happened to one record, as the test remembers it."""

    id: str
    watch: str
    days: float
    due_at: datetime
    attempt: int
    trigger: Trigger
    good: bool | None  # None: did not run, or dry
    baseline: bool
    undelivered: bool
    stop: bool = False
    rows: list[str] = field(default_factory=list)


def must_stay(stories: list[Story], keep: float, at_least: int) -> set[str]:
    """Say slowly what may not go."""
    stay: set[str] = set()
    for watch in {story.watch for story in stories}:
        own = sorted((story for story in stories if story.watch == watch), key=lambda story: story.id)
        stay |= {story.id for story in own[max(0, len(own) - at_least) :]} if at_least else set()
        stay |= {story.id for story in own if story.days <= max(keep, 2)}
        stay |= {story.id for story in own if story.undelivered or story.stop}
        runs = [story for story in own if story.good is not None]
        stay |= {runs[-1].id} if runs else set()
        stay |= {story.id for story in [story for story in runs if story.baseline][-1:]}
        cron = [story for story in own if story.trigger is Trigger.CRON]
        stay |= {max(cron, key=lambda story: story.due_at).id} if cron else set()
        last_good = max((index for index, story in enumerate(runs) if story.good), default=-1)
        if runs[last_good + 1 :]:
            since = runs[last_good + 1].days
            stay |= {story.id for story in own if story.days <= since}
    for story in sorted(stories, key=lambda story: -story.attempt):
        followers = [
            other.id
            for other in stories
            if (other.watch, other.due_at, other.attempt) == (story.watch, story.due_at, story.attempt + 1)
        ]
        if stay & set(followers):
            stay.add(story.id)
    return stay


EVENTS = st.tuples(
    st.sampled_from(["a", "b"]),
    st.sampled_from(["baseline", "same", "failed", "dry", "skip", "manual", "retry"]),
    st.sampled_from(["", "pending", "sending", "dead", "done"]),
    st.booleans(),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("random")


numbers = iter(range(10**9))


@settings(deadline=None, max_examples=25)
@given(
    events=st.lists(EVENTS, max_size=25),
    step=st.sampled_from([0.3, 1.0, 7.0]),
    keep=st.sampled_from([0, 3, 10, 60]),
    at_least=st.sampled_from([0, 1, 3, 50]),
    size=st.sampled_from([1, 3, 500]),
)
def test_whatever_happened_what_must_stay_stays_and_the_rest_goes(
    folder: Path, fresh: Path, events: list[Any], step: float, keep: int, at_least: int, size: int
) -> None:
    """reliability.md B10."""
    path = folder / f"{next(numbers)}.db"
    path.write_bytes(fresh.read_bytes())
    with Store.open(str(path)) as store:
        stories = [tell(store, event, (len(events) - at) * step, at) for at, event in enumerate(events)]
        expected = must_stay(stories, keep, at_least)
        states = {watch: store.state_of(watch) for watch in "ab"}
        messages = {row.id for row in store.outbox(limit=999) if row.state != "done"}
        removed = prune(store, keep * DAY, at_least, size)
        stayed = set(left(store, "a")) | set(left(store, "b"))
        assert stayed == expected
        assert removed == len(stories) - len(expected)
        assert {watch: store.state_of(watch) for watch in "ab"} == states
        assert messages <= {row.id for row in store.outbox(limit=999)}
        assert store.integrity() == []
    path.unlink()


def tell(store: Store, event: tuple[str, str, str, bool], days: float, number: int) -> Story:
    watch, what, message, stop = event
    if what == "skip":
        record = skipped(store, days, watch)
        return Story(record.id, watch, days, record.due_at, 1, Trigger.CRON, None, False, False)
    changes: dict[str, Any] = {"watch": watch, "dry": what == "dry"}
    if what == "manual":
        changes["trigger"] = Trigger.MANUAL
    newest = store.history(watch, limit=1)
    if what == "retry" and newest and newest[0].outcome["kind"] != "not_started":
        changes |= {"trigger": Trigger.RETRY, "due_at": newest[0].due_at, "attempt": newest[0].attempt + 1}
    verdict = {"baseline": Verdict.CHANGED, "failed": Verdict.FAILED}.get(what, Verdict.UNCHANGED)
    letters = [letter(f"e{number}", f"target{number}")] if message and what != "dry" else []
    run = made(store, days, verdict, *letters, **changes)
    if letters:
        row = store.outbox(limit=1)[0].id
        if message == "sending":
            store.claim(NOW, 99, "s", skip_targets=[each.target for each in store.outbox(limit=99) if each.id != row])
        elif message != "pending":
            store.delivered(row, NOW) if message == "done" else store.bury(row, "x", NOW)
    opened = stop and store.open_stop("auth", code="AUTH", message="m", run=run.id, key_digest=None, now=NOW)
    return Story(
        run.id,
        watch,
        days,
        run.due_at,
        run.attempt,
        run.trigger,
        None if run.dry else not verdict.bad,
        what == "baseline",
        bool(letters) and message != "done",
        stop=opened,
    )
