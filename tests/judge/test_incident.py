"""Incidents: what is told of a watch that fails, once; what is not; and a watch that flaps (reliability.md C8, C9)."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from monitor.agent.outcome import Code, Completed, Failed, Fault, Outcome
from monitor.engine.stops import quiet
from monitor.judge.decide import decide
from monitor.judge.decision import Decision, Incident, Kind, Notification, WatchState
from monitor.judge.incident import FLAPS, STEADY, WINDOW, recovered, reminder
from monitor.watch.model import Watch
from monitor.watch.run import Run
from tests.conftest import make_watch

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
GOOD = {"price": 499.0, "in_stock": True}
DEFAULTS = make_watch(drift=False, stale_after="365d", notify=["ops"])
Told = list[tuple[str, str | None]]


class Life:
    """A watch through time: every call is a run, and gives what it told."""

    def __init__(self, watch: Watch = DEFAULTS, every: timedelta = timedelta(minutes=10)) -> None:
        self.watch = watch
        self.every = every
        self.now = NOW
        self.state = WatchState()
        self.notes: list[Notification] = []
        self.numbers = itertools.count(1)

    def event(self) -> str:
        return f"E{next(self.numbers)}"

    def run(self, outcome: Outcome) -> Told:
        self.now += self.every
        run = Run(f"R{next(self.numbers):09}", self.watch.name, self.now)
        decision: Decision = decide(self.watch, run, outcome, self.state, self.now, self.event)
        self.state = decision.state
        return self.heard(decision.notifications)

    def heard(self, notes: tuple[Notification, ...]) -> Told:
        self.notes += notes
        return [(str(note.kind), note.code) for note in notes]

    def good(self) -> Told:
        return self.run(Completed(run_id="run_1", result=GOOD))

    def bad(self, code: Code = Code.SITE) -> Told:
        return self.run(Failed(fault=Fault(code, "the site said no")))

    def incident(self) -> Told:
        return self.bad() + self.bad() + self.good()

    def waits(self) -> Told:
        self.state, notes = reminder(self.watch, self.state, self.now, self.event)
        return self.heard(notes)


def watch(**fields: Any) -> Watch:
    return make_watch(**({"drift": False, "stale_after": "365d", "notify": ["ops"]} | fields))


@pytest.mark.parametrize("after", [1, 2, 5])
def test_a_failure_is_told_after_as_many_in_a_row_as_asked(after: int) -> None:
    """C8."""
    life = Life(watch(limits={"failing_after": after}))
    told = [life.bad() for _ in range(after + 3)]
    assert [index for index, each in enumerate(told) if each] == [after - 1]


def test_what_only_a_person_can_mend_is_told_at_once_whatever_the_limit() -> None:
    life = Life(watch(limits={"failing_after": 9}))
    assert life.bad(Code.CONFIG) == [("failure", "CONFIG")]


def test_a_good_run_between_two_bad_ones_begins_the_count_anew() -> None:
    """C8."""
    life = Life()
    assert [life.bad(), life.good(), life.bad(), life.good()] == [[], [], [], []]


def test_an_incident_ends_with_one_recovery_that_knows_its_length() -> None:
    """C8."""
    life = Life()
    assert life.incident() == [("failure", "SITE"), ("recovery", "SITE")]
    assert (life.notes[-1].since, life.now - NOW) == (NOW + timedelta(minutes=10), timedelta(minutes=30))
    assert life.notes[-1].failures == 2
    assert life.good() == []


def test_each_kind_of_error_is_told_once_in_an_incident() -> None:
    """C8."""
    life = Life()
    codes = [Code.SITE, Code.SITE, Code.TIMEOUT, Code.SITE, Code.TIMEOUT, Code.AGENT, Code.SITE, Code.AGENT]
    told = [life.bad(code) for code in codes]
    assert told == [[], [("failure", "SITE")], [("failure", "TIMEOUT")], [], [], [("failure", "AGENT")], [], []]


def test_in_the_next_incident_the_same_kind_of_error_is_told_again() -> None:
    life = Life()
    assert life.incident() == life.incident()


def test_a_reminder_comes_while_it_goes_on_failing_and_not_sooner() -> None:
    """C8."""
    life = Life(every=HOUR)
    told = [life.bad() for _ in range(52)]
    assert [index for index, each in enumerate(told) if each] == [1, 25, 49]
    assert told[25] == told[49] == [("reminder", "SITE")]


def test_another_kind_of_error_puts_the_reminder_off() -> None:
    life = Life(watch(limits={"remind_every": "5h"}), every=HOUR)
    told = [life.bad(Code.AGENT if index == 4 else Code.SITE) for index in range(10)]
    assert [index for index, each in enumerate(told) if each] == [1, 4, 9]


def test_where_no_run_is_made_time_reminds_and_once_only() -> None:
    life = Life()
    life.bad()
    life.now += timedelta(days=2)
    assert life.waits() == [], "nothing was told yet"
    life.bad()
    life.now += timedelta(hours=23, minutes=59)
    assert life.waits() == []
    life.now += timedelta(minutes=1)
    assert (life.waits(), life.waits()) == ([("reminder", "SITE")], [])
    assert life.bad() == []


def test_only_who_wants_reminders_gets_them() -> None:
    rules = [{"to": "ops", "on": ["failure", "recovery"]}, {"to": "boss", "on": ["reminder"]}]
    life = Life(watch(notify=rules), every=HOUR)
    for _ in range(30):
        life.bad()
    assert [(str(note.kind), note.targets) for note in life.notes] == [("failure", ("ops",)), ("reminder", ("boss",))]


def test_who_wants_reminders_only_is_told_when_it_lasts() -> None:
    life = Life(watch(notify=[{"to": "boss", "on": ["reminder", "recovery"]}]), every=HOUR)
    assert [life.bad() for _ in range(26)][-1] == [("reminder", "SITE")]
    assert life.good() == [("recovery", "SITE")]


def test_nobody_hears_of_a_recovery_from_what_was_not_told() -> None:
    """C8."""
    life = Life(watch(notify=[{"to": "ops", "on": ["recovery"]}]))
    for _ in range(5):
        assert life.incident() == []
    assert life.state.flapping is None or life.state.flapping.since is None


def test_an_incident_of_an_earlier_version_is_not_told_again() -> None:
    life = Life()
    life.state = WatchState(failures=7, incident=Incident("I0", NOW - HOUR, "SITE", announced=True))
    assert [life.bad(), life.bad()] == [[], []]
    life.now = NOW + timedelta(days=1)
    assert life.bad() == [("reminder", "SITE")]


def test_a_flapping_watch_is_told_as_that_once_and_then_is_silent() -> None:
    """C8."""
    life = Life()
    told = [life.incident() for _ in range(9)]
    ordinary = [("failure", "SITE"), ("recovery", "SITE")]
    assert told == [ordinary] * (FLAPS - 1) + [[("failure", "SITE")]] + [[]] * (9 - FLAPS)
    flapping = life.notes[-1]
    assert (flapping.incidents, flapping.since) == (FLAPS, NOW + timedelta(minutes=20))
    assert life.state.flapping is not None
    assert life.state.flapping.incidents == 9


def flapped() -> Life:
    life = Life()
    for _ in range(FLAPS + 2):
        life.incident()
    return life


def test_once_it_is_steady_one_recovery_tells_it() -> None:
    life = flapped()
    told = [life.good() for _ in range(STEADY // life.every + 3)]
    assert [each for each in told if each] == [[("recovery", None)]]
    assert told.index([("recovery", None)]) == STEADY // life.every - 2, "6 h after the last bad run"
    assert life.notes[-1].incidents == FLAPS + 2
    assert life.state.flapping is None
    assert life.incident() == [("failure", "SITE"), ("recovery", "SITE")]


def test_a_flapping_watch_that_then_fails_steadily_is_told_as_failing() -> None:
    life = flapped()
    told = [life.bad() for _ in range(STEADY // life.every + 3)]
    assert [each for each in told if each] == [[("failure", "SITE")]]
    assert life.notes[-1].incidents == 0
    assert life.good() == [("recovery", "SITE")]


def test_another_kind_of_error_is_told_also_of_a_flapping_watch() -> None:
    life = flapped()
    assert [life.bad(Code.AGENT), life.bad(Code.AGENT), life.bad(Code.AGENT)] == [[], [("failure", "AGENT")], []]
    assert [life.good(), life.bad(Code.AGENT), life.bad(Code.AGENT)] == [[], [], []]


def test_a_watch_that_flaps_for_days_is_reminded_of_daily() -> None:
    life = Life(every=timedelta(minutes=20))
    days = 5
    for _ in range(days * 24):
        life.incident()
    assert [str(note.kind) for note in life.notes].count("reminder") == days - 1
    assert len(life.notes) == 2 * (FLAPS - 1) + 1 + days - 1
    assert life.waits() == []


def test_a_few_incidents_in_a_long_time_are_no_flapping() -> None:
    life = Life(every=WINDOW / FLAPS)
    assert life.incident() * 6 == [told for _ in range(6) for told in life.incident()]


def test_a_stop_of_all_watches_is_not_told_of_each_and_leaves_the_incident_as_it_was() -> None:
    for before in (WatchState(), replace(WatchState(), failures=2, incident=Incident("I0", NOW, "SITE", True, NOW))):
        outcome = Failed(fault=Fault(Code.AUTH, "no such key"))
        run = Run("R1", DEFAULTS.name, NOW)
        found = quiet(decide(DEFAULTS, run, outcome, before, NOW, lambda: "E1"), before)
        assert found.notifications == ()
        assert found.state.incident is not None
        known = before.incident or Incident("", NOW, "")
        after = found.state.incident
        assert (after.announced, after.told_at, after.codes) == (known.announced, known.told_at, known.codes)


def test_silence_is_told_also_while_all_runs_are_stopped() -> None:
    state = WatchState(last_good_at=NOW - timedelta(days=4))
    decided = decide(
        make_watch(notify=["ops"]), Run("R1", "espresso-machine", NOW), Failed(fault=Fault(Code.AUTH, "no")), state,
        NOW, lambda: "E1",
    )  # fmt: skip
    assert [note.kind for note in quiet(decided, state).notifications] == [Kind.STALE]


class Incidents(RuleBasedStateMachine):
    """Any sequence of runs, pauses and restarts: what is told opens and closes in turn and stays bounded."""

    def __init__(self) -> None:
        super().__init__()
        self.life = Life()
        self.announced = 0
        self.closed = 0
        self.heard = 0
        self.times: list[tuple[datetime, Notification]] = []
        self.last_bad: Code | None = None

    @initialize(after=st.integers(1, 3), every=st.sampled_from([1, 10, 60, 600]))
    def begins(self, after: int, every: int) -> None:
        self.life = Life(watch(limits={"failing_after": after}), timedelta(minutes=every))

    def tally(self) -> None:
        """Count what was told since the last look, in its order."""
        for note in self.life.notes[self.heard :]:
            if note.kind is Kind.FAILURE:
                self.announced = max(self.announced, self.closed + 1)
            elif note.kind is Kind.REMINDER:
                assert self.announced == self.closed + 1, "a reminder of what was never told"
            elif note.kind is Kind.RECOVERY:
                self.closed += 1
        self.times += [(self.life.now, note) for note in self.life.notes[self.heard :]]
        self.heard = len(self.life.notes)

    @rule(times=st.integers(1, 40))
    def good(self, times: int) -> None:
        for _ in range(times):
            self.life.good()
            self.tally()
        self.last_bad = None

    @rule(code=st.sampled_from([Code.SITE, Code.TIMEOUT, Code.AGENT, Code.CONFIG]), times=st.integers(1, 40))
    def bad(self, code: Code, times: int) -> None:
        for _ in range(times):
            self.life.bad(code)
            self.tally()
        self.last_bad = code

    @rule(hours=st.integers(0, 100))
    def time_passes(self, hours: int) -> None:
        self.life.now += timedelta(hours=hours)
        self.life.waits()
        self.tally()

    @rule(days=st.integers(1, 90))
    def months_pass_without_a_run(self, days: int) -> None:
        """The daemon looks at least daily; each look may remind."""
        before = len(self.life.notes)
        for _ in range(days):
            self.life.now += timedelta(days=1)
            self.life.waits()
            self.tally()
        assert len(self.life.notes) - before <= days

    @rule()
    def a_recovery_closes_what_was_told(self) -> None:
        """Steady again for as long as it takes, nothing is left open: whatever was told has its end."""
        for _ in range(2):
            self.life.good()
            self.life.now += STEADY
            self.tally()
        self.life.good()
        self.tally()
        self.last_bad = None
        assert self.announced == self.closed

    @precondition(lambda self: self.last_bad is not None)
    @rule()
    def every_kind_of_error_in_an_announced_incident_was_told(self) -> None:
        incident = self.life.state.incident
        assert incident is not None
        if incident.announced:
            assert str(self.last_bad) in {note.code for note in self.life.notes if note.kind is Kind.FAILURE}

    @invariant()
    def opens_minus_closes_is_nothing_or_one(self) -> None:
        assert self.announced - self.closed in {0, 1}

    @invariant()
    def a_span_of_six_hours_brings_few_messages(self) -> None:
        """At most `FLAPS` incidents before the flapping and as many after it, each with its 4 kinds of error."""
        times = [at for at, note in self.times if note.kind is not Kind.REMINDER]
        for index, begin in enumerate(times):
            assert sum(at - begin < STEADY for at in times[index:]) <= 2 * FLAPS * 5


Incidents.TestCase.settings = settings(deadline=None, max_examples=100, stateful_step_count=20)
TestIncidents = Incidents.TestCase


def test_a_recovery_needs_an_incident() -> None:
    assert recovered(DEFAULTS, WatchState(), NOW, lambda: "E1") == (None, ())
