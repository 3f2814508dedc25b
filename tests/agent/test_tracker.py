"""The state machine: each arrow of the drawing, and its invariants under seeded random faults."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monitor.agent import events, pace
from monitor.agent import happenings as h
from monitor.agent.events import (
    CancelAnswer,
    Complete,
    Garbled,
    Heartbeat,
    Progress,
    RunSnapshot,
    Started,
    StreamingUrl,
)
from monitor.agent.outcome import Cancelled, Code, Completed, Failed, Fault, NotStarted, Outcome, Proof, TimedOut
from monitor.agent.pace import Terms
from monitor.agent.tracker import TABLE, State, Tracker

GOAL = "Find the price.\n[ref 01J]"
TERMS = Terms(GOAL, "sse", 600.0)
BROKEN = Fault(Code.NETWORK, "broken")
ODD = Fault(Code.PROTOCOL, "odd")


def run(status: str | None = "RUNNING", result: Any = None, **more: Any) -> RunSnapshot:
    fields = {"run_id": "r1", "status": status, "goal": GOAL, "result": result} | more
    return events.snapshot({key: value for key, value in fields.items() if value is not None})


def done(result: Any = "price", **more: Any) -> RunSnapshot:
    return run("COMPLETED", result, **({"num_of_steps": 3} | more))


def complete(status: str | None = "COMPLETED", result: Any = "price", run_id: str | None = "r1") -> Complete:
    return Complete(run_id, status, result, None, None, {"status": status, "result": result})


def started() -> Tracker:
    tracker = Tracker(TERMS)
    assert tracker.start() == h.Start(60.0)
    assert tracker.on(h.Opened(), 0.5) == h.Read(90.5)
    assert tracker.on(Started("r1"), 1.0) == h.Read(91.0)
    assert tracker.state is State.STREAMING
    return tracker


def polling() -> Tracker:
    tracker = started()
    assert tracker.on(h.Lost(BROKEN), 2.0) == h.Poll(2.0, "r1")
    return tracker


def cancelling() -> Tracker:
    tracker = polling()
    assert tracker.on(h.Polled(run()), 600.0) == h.Cancel(600.0, "r1")
    return tracker


def locating() -> Tracker:
    tracker = Tracker(TERMS)
    tracker.start()
    assert tracker.on(h.Lost(BROKEN), 10.0) == h.Locate(15.0)
    return tracker


def ended(command: h.Command) -> Outcome:
    assert isinstance(command, h.End), command
    return command.outcome


def test_every_entry_of_the_table_is_a_step() -> None:
    for steps in TABLE.values():
        for step in steps.values():
            assert callable(getattr(Tracker, step.method))


# --- the POST


def test_a_refused_run_failed_and_one_that_was_not_sent_was_not_started() -> None:
    tracker = Tracker(TERMS)
    tracker.start()
    assert ended(tracker.on(h.Refused(ODD), 1.0)) == Failed(fault=ODD)
    tracker = Tracker(TERMS)
    tracker.start()
    assert ended(tracker.on(h.NotSent(BROKEN), 1.0)) == NotStarted(fault=BROKEN, proof=Proof.NOT_SENT)
    tracker = Tracker(TERMS)
    tracker.start()
    limited = replace(ODD, code=Code.RATE)
    assert ended(tracker.on(h.Refused(limited), 1.0)) == Failed(fault=limited, proof=Proof.LIMITED)


def test_the_end_stays_whatever_comes_after_it() -> None:
    tracker = Tracker(TERMS)
    tracker.start()
    first = tracker.on(h.Refused(ODD), 1.0)
    for what in (h.Polled(done()), Started("r2"), h.Lost(BROKEN), h.CancelAnswered(CancelAnswer("r1", None, None))):
        assert tracker.on(what, 2.0) is first


def test_what_does_not_belong_to_the_state_changes_nothing() -> None:
    tracker = polling()
    assert tracker.on(Started("r9"), 3.0) == h.Poll(2.0, "r1")
    assert tracker.run_id == "r1"


def test_an_accepted_run_is_polled_and_one_that_has_ended_is_the_end() -> None:
    tracker = Tracker(replace(TERMS, transport="async"))
    tracker.start()
    assert tracker.on(h.Answered(events.snapshot({"run_id": "r1", "error": None})), 1.0) == h.Poll(3.0, "r1")
    tracker = Tracker(replace(TERMS, transport="sync"))
    assert tracker.start() == h.Start(600.0)
    assert ended(tracker.on(h.Answered(done()), 30.0)) == Completed("r1", done().raw, 3, result="price")


@pytest.mark.parametrize("shown", [done(num_of_steps=None), done(None), run("FAILED")])
def test_a_blocking_answer_that_lacks_something_is_polled_once(shown: RunSnapshot) -> None:
    tracker = Tracker(replace(TERMS, transport="sync"))
    tracker.start()
    assert tracker.on(h.Answered(shown), 30.0) == h.Poll(30.0, "r1")
    assert isinstance(ended(tracker.on(h.Polled(replace(shown, steps=4)), 31.0)), (Completed, Failed))


def test_an_answer_without_an_id_is_an_error_an_end_or_a_loss() -> None:
    def answer(**fields: Any) -> h.Command:
        tracker = Tracker(TERMS)
        tracker.start()
        return tracker.on(h.Answered(events.snapshot(fields)), 1.0)

    failed = ended(answer(run_id=None, error={"code": "INSUFFICIENT_CREDITS", "message": "no"}))
    assert isinstance(failed, Failed)
    assert failed.fault is not None
    assert failed.fault.code is Code.BILLING
    assert ended(answer(status="COMPLETED", result=1)).raw == {"status": "COMPLETED", "result": 1}
    assert answer(hello=1) == h.Locate(6.0)


# --- the stream


def test_a_run_that_goes_as_it_should_costs_one_post_and_one_get() -> None:
    tracker = started()
    assert tracker.on(Progress("r1", "look"), 20.0) == h.Read(110.0)
    assert tracker.on(h.Heard(), 30.0) == h.Read(120.0)
    assert tracker.on(StreamingUrl("r1", "https://s"), 31.0) == h.Read(121.0)
    assert tracker.streaming_url == "https://s"
    assert tracker.on(complete(), 40.0) == h.Poll(40.0, "r1")
    assert ended(tracker.on(h.Polled(done()), 41.0)) == Completed("r1", done().raw, 3, result="price")


def the_stream_ends(tracker: Tracker) -> h.Command:
    return tracker.on(h.Lost(BROKEN), 5.0)


def silence(tracker: Tracker) -> h.Command:
    return tracker.on(h.Expired(), 5.0)


def a_garbled_complete(tracker: Tracker) -> h.Command:
    return tracker.on(Garbled("bad", final=True), 5.0)


def a_complete_without_status(tracker: Tracker) -> h.Command:
    return tracker.on(complete(None), 5.0)


def a_complete_without_result(tracker: Tracker) -> h.Command:
    return tracker.on(complete(result=None), 5.0)


ANOMALIES = [
    the_stream_ends,
    silence,
    a_garbled_complete,
    a_complete_without_status,
    a_complete_without_result,
]


@pytest.mark.parametrize("anomaly", ANOMALIES)
def test_after_the_id_is_known_every_anomaly_is_polled(anomaly: Any) -> None:
    tracker = started()
    assert anomaly(tracker) == h.Poll(5.0, "r1")
    assert ended(tracker.on(h.Polled(done()), 6.0)) == Completed("r1", done().raw, 3, result="price")


@pytest.mark.parametrize("anomaly", [the_stream_ends, silence, a_garbled_complete])
def test_before_the_id_is_known_every_anomaly_is_looked_for(anomaly: Any) -> None:
    tracker = Tracker(TERMS)
    tracker.start()
    tracker.on(h.Opened(), 1.0)
    assert anomaly(tracker) == h.Locate(10.0)


def test_garbled_progress_is_skipped() -> None:
    assert started().on(Garbled("bad", final=False), 5.0) == h.Read(95.0)


def test_any_event_makes_the_run_known_and_the_first_id_counts() -> None:
    tracker = Tracker(TERMS)
    tracker.start()
    assert tracker.on(Progress("r1", "x"), 1.0) == h.Read(91.0)
    assert tracker.on(Started("r1"), 2.0) == h.Read(92.0)
    assert tracker.run_id == "r1"


@pytest.mark.parametrize("second", [Started("r2"), Progress("r2", "x"), complete(run_id="r2")])
def test_of_two_runs_in_one_stream_the_first_is_kept_and_the_list_tells_of_the_second(second: Any) -> None:
    def strange() -> Tracker:
        tracker = started()
        assert tracker.on(second, 2.0) == h.Locate(2.0)
        return tracker

    tracker = strange()
    assert tracker.on(found(run(run_id="r2"), run()), 3.0) == h.Dismiss(("r2",))
    assert tracker.on(h.Dismissed(), 4.0) == h.Poll(4.0, "r1")
    assert ended(tracker.on(h.Polled(done()), 5.0)).run_id == "r1"
    assert strange().on(found(run(run_id="r2", goal="Somebody else's.")), 3.0) == h.Poll(3.0, "r1")
    assert strange().on(h.LocateFailed(BROKEN), 3.0) == h.Poll(3.0, "r1")


FOREIGN = "Somebody else's."


def test_where_a_foreign_run_is_named_first_ours_is_adopted_and_nothing_is_cancelled() -> None:
    """F1: the list tells which of the two carries our whole goal; the other is not touched."""
    tracker = started()  # r1 is somebody else's
    tracker.on(StreamingUrl("r1", "https://theirs"), 1.5)
    assert tracker.on(Started("r2"), 2.0) == h.Locate(2.0)
    assert tracker.on(found(run(goal=FOREIGN), run(run_id="r2")), 3.0) == h.Poll(3.0, "r2")
    assert (tracker.run_id, tracker.streaming_url) == ("r2", None)
    assert ended(tracker.on(h.Polled(done(run_id="r2")), 4.0)).run_id == "r2"


def test_of_two_named_runs_that_carry_our_goal_the_oldest_is_adopted() -> None:
    tracker = started()
    tracker.on(Started("r2"), 2.0)
    rows = [run(created_at="2026-11-21T12:00:02Z"), run(run_id="r2", created_at="2026-11-21T12:00:01Z")]
    assert tracker.on(found(*rows), 3.0) == h.Dismiss(("r1",))
    assert tracker.on(h.Dismissed(), 4.0) == h.Poll(4.0, "r2")


def foreign_for_a_minute(tracker: Tracker) -> h.Command:
    for at in (3.0, 40.0):
        assert isinstance(tracker.on(h.Polled(run(goal=FOREIGN)), at), h.Poll)
    return tracker.on(h.Polled(run(goal=FOREIGN)), 63.0)


def test_a_run_that_get_shows_with_another_goal_is_left_and_ours_is_looked_for() -> None:
    assert foreign_for_a_minute(tracker := polling()) == h.Locate(63.0)
    assert tracker.on(found(), 64.0) == h.Locate(93.0)
    assert tracker.on(found(run(goal=FOREIGN), run(run_id="r2")), 94.0) == h.Poll(94.0, "r2")
    foreign_for_a_minute(tracker := polling())
    for at in (63.5, 93.5):
        assert isinstance(tracker.on(found(run(goal=FOREIGN)), at), h.Locate)
    assert ended(tracker.on(found(), 183.5)).kind == "failed"


@pytest.mark.parametrize("last", [h.Polled(run(goal=FOREIGN)), h.PollFailed(BROKEN)])
def test_a_foreign_run_is_not_cancelled_at_our_deadline(last: h.Happening) -> None:
    tracker = polling()
    assert isinstance(tracker.on(h.Polled(run(goal=FOREIGN)), 590.0), h.Poll)
    assert tracker.on(last, 600.0) == h.Locate(600.0)
    assert tracker.on(found(run(run_id="r2")), 601.0) == h.Poll(601.0, "r2")
    assert tracker.on(h.Polled(run(run_id="r2")), 602.0) == h.Cancel(602.0, "r2")


def test_heartbeats_without_an_id_end_after_two_minutes_and_with_one_at_the_deadline() -> None:
    tracker = Tracker(TERMS)
    tracker.start()
    assert tracker.on(Heartbeat(), 100.0) == h.Read(120.0)
    assert tracker.on(Heartbeat(), 120.0) == h.Locate(125.0)
    tracker = started()
    assert tracker.on(Heartbeat(), 590.0) == h.Read(600.0)
    assert tracker.on(Heartbeat(), 600.0) == h.Poll(600.0, "r1")
    assert tracker.on(h.Polled(run()), 600.5) == h.Cancel(600.5, "r1")


def test_a_complete_event_of_a_run_without_any_id_is_kept_if_the_run_is_not_listed() -> None:
    tracker = Tracker(TERMS)
    tracker.start()
    assert tracker.on(complete(run_id=None), 1.0) == h.Locate(6.0)
    tracker.on(h.Located(()), 6.0)
    tracker.on(h.Located(()), 31.0)
    outcome = ended(tracker.on(h.Located(()), 121.0))
    assert isinstance(outcome, Completed)
    assert outcome.result == "price"


def test_get_wins_over_complete_and_keeps_a_result_that_only_complete_had() -> None:
    def after(shown: RunSnapshot, event: Complete | None = None) -> Outcome:
        tracker = started()
        tracker.on(event or complete(), 5.0)
        return ended(tracker.on(h.Polled(shown), 6.0))

    assert after(done("other")) == Completed("r1", done("other").raw, 3, result="other")
    assert isinstance(after(run("FAILED")), Failed)
    kept = after(done(None))
    assert (kept.steps, kept.raw) == (3, complete().raw)
    assert isinstance(kept, Completed)
    assert kept.result == "price"


@pytest.mark.parametrize("what", [h.Polled(run()), h.PollFailed(BROKEN), h.PollFailed(BROKEN, missing=True)])
def test_the_steps_are_asked_for_once(what: Any) -> None:
    tracker = started()
    tracker.on(complete(), 5.0)
    assert ended(tracker.on(what, 6.0)) == Completed("r1", complete().raw, None, result="price")


def test_a_completed_run_without_result_is_asked_for_once_more() -> None:
    tracker = polling()
    assert tracker.on(h.Polled(done(None)), 3.0) == h.Poll(5.0, "r1")
    assert ended(tracker.on(h.Polled(done()), 6.0)) == Completed("r1", done().raw, 3, result="price")
    tracker = polling()
    tracker.on(h.Polled(done(None)), 3.0)
    assert ended(tracker.on(h.Polled(done(None)), 6.0)) == Completed("r1", done(None).raw, 3, result=None)


def test_a_terminal_record_sticks_though_the_run_is_shown_as_running_again() -> None:
    tracker = polling()
    tracker.on(h.Polled(done(None)), 3.0)
    assert tracker.on(h.Polled(run()), 6.0) == h.Poll(8.0, "r1")
    assert ended(tracker.on(h.Polled(run()), 600.0)) == Completed("r1", done(None).raw, 3, result=None)


# --- looking for it


def found(*rows: RunSnapshot) -> h.Located:
    return h.Located(rows)


def test_one_match_is_adopted_and_only_the_whole_goal_matches() -> None:
    tracker = locating()
    assert tracker.on(found(run(goal=GOAL + " "), run(goal=None), run(run_id=None)), 15.1) == h.Locate(40.0)
    assert tracker.on(found(run(run_id="r7")), 40.1) == h.Poll(40.1, "r7")


def test_of_several_the_oldest_is_adopted_and_the_others_are_cancelled() -> None:
    rows = [run(run_id=name, created_at=f"2026-11-21T12:00:0{at}Z") for name, at in (("b", 2), ("a", 1), ("b", 2))]
    tracker = locating()
    assert tracker.on(found(run(run_id="z"), *rows), 15.1) == h.Dismiss(("b", "z"))
    assert tracker.on(h.Dismissed(), 16.0) == h.Poll(16.0, "a")


def test_three_searches_without_a_match_prove_that_no_run_exists() -> None:
    tracker = locating()
    assert tracker.on(found(), 15.2) == h.Locate(40.0)
    assert tracker.on(found(), 129.0) == h.Locate(130.0)  # asked at 40 s, answered late: it is not the last search
    outcome = ended(tracker.on(found(), 131.0))
    assert isinstance(outcome, NotStarted)
    assert outcome.fault == Fault(Code.NETWORK, "no run was created: broken")


def test_a_list_that_cannot_be_read_proves_nothing() -> None:
    tracker = locating()
    at, command = 15.0, tracker.on(h.LocateFailed(BROKEN), 15.0)
    searches = 0
    while isinstance(command, h.Locate):
        assert command.at - at <= 600
        at, searches = command.at, searches + 1
        command = tracker.on(h.LocateFailed(BROKEN), at)
    outcome = ended(command)
    assert isinstance(outcome, Failed)
    assert outcome.fault is not None
    assert outcome.fault.code is Code.UNKNOWN_OUTCOME
    assert pace.BUDGET <= at <= pace.BUDGET + pace.GRACE
    assert searches < 300


def test_the_wish_of_the_api_to_wait_is_honoured_when_looking_and_polling() -> None:
    asked = replace(BROKEN, retry_after=45.0)
    assert locating().on(h.LocateFailed(asked), 15.0) == h.Locate(60.0)
    assert polling().on(h.PollFailed(asked), 3.0) == h.Poll(48.0, "r1")


# --- polling


@pytest.mark.parametrize(("at", "after"), [(2.0, 2.0), (62.0, 5.0), (305.0, 30.0), (590.0, 10.0)])
def test_a_run_is_polled_less_often_as_it_ages_and_at_the_deadline(at: float, after: float) -> None:
    assert polling().on(h.Polled(run()), at) == h.Poll(at + after, "r1")


def test_failed_polls_back_off_to_thirty_seconds_and_a_good_one_resets() -> None:
    tracker, at, pauses = polling(), 2.0, []
    for _ in range(6):
        command = tracker.on(h.PollFailed(BROKEN), at)
        assert isinstance(command, h.Poll)
        pauses.append(command.at - at)
        at = command.at
    assert pauses == [2, 4, 8, 16, 30, 30]
    tracker.on(h.Polled(run()), at)
    assert tracker.on(h.PollFailed(BROKEN), at) == h.Poll(at + 2, "r1")


@pytest.mark.parametrize("status", [None, "PENDING", "RUNNING", "completed", "DONE"])
def test_an_unknown_status_is_a_run_that_goes_on(status: str | None) -> None:
    assert polling().on(h.Polled(run(status)), 3.0) == h.Poll(5.0, "r1")


@pytest.mark.parametrize("other", [done(run_id="r2"), done(goal="Another goal.")])
def test_a_record_of_another_run_is_refused(other: RunSnapshot) -> None:
    assert polling().on(h.Polled(other), 3.0) == h.Poll(5.0, "r1")


def test_a_goal_that_is_echoed_cut_or_not_at_all_is_ours() -> None:
    for goal in (None, "Find the price.", "Find  the price. [ref 01J]"):
        assert isinstance(ended(polling().on(h.Polled(done(goal=goal)), 3.0)), Completed)


@pytest.mark.parametrize(
    ("shown", "kind", "code"),
    [
        (run("FAILED", error={"code": "SITE_BLOCKED", "message": "no"}), Failed, Code.SITE),
        (run("FAILED", error="text"), Failed, Code.AGENT),
        (run("CANCELLED"), Cancelled, Code.CANCELLED),
    ],
)
def test_other_ends_say_why(shown: RunSnapshot, kind: type, code: Code) -> None:
    outcome = ended(polling().on(h.Polled(shown), 3.0))
    assert type(outcome) is kind
    assert outcome.fault is not None
    assert outcome.fault.code is code


def test_a_run_that_get_does_not_know_for_a_minute_is_looked_for_once() -> None:
    missing = h.PollFailed(ODD, missing=True)
    tracker = polling()
    assert tracker.on(missing, 3.0) == h.Poll(5.0, "r1")
    assert tracker.on(missing, 63.0) == h.Locate(63.0)
    assert ended(tracker.on(found(run(run_id="r9")), 64.0)).fault == Fault(Code.PROTOCOL, "the run is lost: odd")
    tracker = polling()
    tracker.on(missing, 3.0)
    tracker.on(missing, 63.0)
    assert tracker.on(found(run()), 64.0) == h.Poll(64.0, "r1")
    tracker.on(missing, 65.0)
    assert isinstance(ended(tracker.on(missing, 130.0)), Failed)


def test_json_that_stays_damaged_is_an_end_with_its_beginning_kept() -> None:
    tracker = polling()
    damaged = h.PollFailed(ODD, damaged='{"a": NaN')
    tracker.on(damaged, 3.0)
    tracker.on(damaged, 5.0)
    assert ended(tracker.on(damaged, 9.0)) == Failed("r1", '{"a": NaN', fault=ODD)


# --- the deadline


def said(status: str | None) -> h.CancelAnswered:
    return h.CancelAnswered(CancelAnswer("r1", status, None))


def test_what_the_cancel_answers_is_honoured() -> None:
    tracker = cancelling()
    assert tracker.on(said("COMPLETED"), 601.0) == h.Poll(601.0, "r1")
    assert ended(tracker.on(h.Polled(done()), 602.0)) == Completed("r1", done().raw, 3, result="price")
    tracker = cancelling()
    tracker.on(said("FAILED"), 601.0)
    assert isinstance(ended(tracker.on(h.Polled(run("FAILED")), 602.0)), Failed)


@pytest.mark.parametrize("what", [h.Polled(run("CANCELLED")), h.Polled(run()), h.PollFailed(BROKEN)])
def test_a_cancelled_run_timed_out(what: Any) -> None:
    tracker = cancelling()
    tracker.on(said("CANCELLED"), 601.0)
    outcome = ended(tracker.on(what, 602.0))
    assert isinstance(outcome, TimedOut)
    assert outcome.run_id == "r1"
    assert outcome.fault is not None
    assert "600 s" in outcome.fault.message


def test_a_cancel_that_is_not_confirmed_is_repeated_for_a_minute() -> None:
    tracker = cancelling()
    tracker.on(said(None), 601.0)
    assert tracker.on(h.Polled(run()), 602.0) == h.Cancel(607.0, "r1")
    tracker.on(said(None), 660.0)
    assert isinstance(ended(tracker.on(h.Polled(run()), 661.0)), TimedOut)


def test_a_cancel_that_fails_is_repeated_while_the_api_is_away() -> None:
    tracker = cancelling()
    assert tracker.on(h.CancelFailed(BROKEN), 600.0) == h.Poll(602.0, "r1")
    assert tracker.on(h.PollFailed(BROKEN), 602.0) == h.Cancel(606.0, "r1")
    tracker.on(said("COMPLETED"), 5_000.0)
    assert isinstance(tracker.on(h.PollFailed(BROKEN), 5_001.0), h.Poll)
    assert isinstance(ended(tracker.on(h.Polled(done()), 9_000.0)), Completed)


def test_a_synchronous_run_is_not_cancelled() -> None:
    tracker = Tracker(replace(TERMS, transport="sync"))
    tracker.start()
    tracker.on(h.Expired(), 600.0)
    tracker.on(found(run()), 605.0)
    outcome = ended(tracker.on(h.Polled(run()), 606.0))
    assert isinstance(outcome, TimedOut)


def test_an_api_that_stays_away_leaves_an_unknown_outcome() -> None:
    tracker = cancelling()
    command: h.Command = h.Cancel(600.0, "r1")
    asked = 0
    while not isinstance(command, h.End):
        assert isinstance(command, (h.Cancel, h.Poll))
        what = h.CancelFailed(BROKEN) if isinstance(command, h.Cancel) else h.PollFailed(BROKEN)
        command, asked, at = tracker.on(what, command.at), asked + 1, command.at
    outcome = ended(command)
    assert outcome.fault is not None
    assert outcome.fault.code is Code.UNKNOWN_OUTCOME
    assert outcome.run_id == "r1"
    assert asked < 400
    assert at <= pace.BUDGET + pace.GRACE


def test_an_api_that_contradicts_itself_for_long_is_left() -> None:
    tracker = cancelling()
    tracker.on(said("COMPLETED"), 601.0)
    assert tracker.on(h.Polled(run()), 602.0) == h.Poll(607.0, "r1")
    assert isinstance(ended(tracker.on(h.Polled(run()), 661.0)), TimedOut)


def test_a_record_without_result_is_kept_over_a_time_out() -> None:
    for last in (h.Polled(run()), h.PollFailed(BROKEN)):
        tracker = polling()
        tracker.on(h.Polled(done(None)), 3.0)
        assert isinstance(tracker.on(h.PollFailed(BROKEN), 600.0), h.Cancel)
        tracker.on(said(None), 601.0)
        assert isinstance(ended(tracker.on(last, 700.0)), Completed)


def test_a_run_that_shows_its_result_and_no_end_is_taken_as_completed() -> None:
    stuck = run(result="price", finished_at="2026-11-21T12:00:05Z", num_of_steps=2)
    tracker = polling()
    assert tracker.on(h.Polled(stuck), 3.0) == h.Poll(5.0, "r1")
    assert ended(tracker.on(h.Polled(stuck), 6.0)).kind == "completed"
    tracker = polling()  # without its end, only once the cancel was given its time
    going = run(result="price")
    tracker.on(h.Polled(going), 3.0)
    assert tracker.on(h.Polled(going), 600.0) == h.Cancel(600.0, "r1")
    tracker.on(said(None), 601.0)
    assert tracker.on(h.Polled(going), 602.0) == h.Cancel(607.0, "r1")
    tracker.on(said(None), 660.0)
    assert ended(tracker.on(h.Polled(going), 661.0)) == Completed("r1", going.raw, None, result="price")


def test_a_run_that_never_left_the_queue_says_so() -> None:
    tracker = polling()
    tracker.on(h.Polled(run("PENDING")), 600.0)
    tracker.on(said("CANCELLED"), 601.0)
    fault = ended(tracker.on(h.PollFailed(BROKEN), 602.0)).fault
    assert fault is not None
    assert fault.message.endswith("never left PENDING")


# --- somebody wants it cancelled


def test_a_known_run_is_cancelled_at_once_and_what_the_cancel_brings_is_its_end() -> None:
    tracker = Tracker(TERMS)
    assert tracker.resume("r1", 100.0, cancel="by hand") == h.Cancel(100.0, "r1")
    tracker.on(said("COMPLETED"), 101.0)
    assert isinstance(ended(tracker.on(h.Polled(done()), 102.0)), Completed)
    for shown in (run("CANCELLED"), run()):
        tracker = Tracker(TERMS)
        tracker.resume("r1", 100.0, cancel="by hand")
        tracker.on(said("CANCELLED"), 101.0)
        outcome = ended(tracker.on(h.Polled(shown), 102.0))
        assert isinstance(outcome, Cancelled)
        assert outcome.fault == Fault(Code.CANCELLED, "by hand; it was cancelled")


def test_an_unknown_run_is_looked_for_and_then_cancelled() -> None:
    tracker = Tracker(TERMS)
    assert tracker.resume(None, 100.0, cancel="by hand") == h.Locate(100.0)
    assert tracker.on(found(run()), 101.0) == h.Poll(101.0, "r1")
    assert tracker.on(h.Polled(run()), 102.0) == h.Cancel(102.0, "r1")
    tracker = Tracker(replace(TERMS, transport="sync"))
    assert isinstance(ended(tracker.resume("r1", 100.0, cancel="by hand")), Cancelled)


# --- going on after a crash


def test_a_known_run_is_polled_at_once_even_past_its_deadline() -> None:
    tracker = Tracker(TERMS)
    assert tracker.resume("r1", 10_000.0) == h.Poll(10_000.0, "r1")
    assert isinstance(ended(tracker.on(h.Polled(done()), 10_001.0)), Completed)
    tracker = Tracker(TERMS)
    tracker.resume("r1", 200_000.0)
    assert tracker.on(h.Polled(run()), 200_001.0) == h.Cancel(200_001.0, "r1")


OPENED = datetime(2026, 11, 21, 12, tzinfo=UTC)


def resumed(at: float, finished: float | None, *, run_id: str | None = "r1", **terms: Any) -> Outcome:
    """Return the outcome of a run that the next process finds cancelled, `finished` seconds after it was opened."""
    tracker = Tracker(replace(TERMS, **({"opened_at": OPENED} | terms)))
    tracker.resume(run_id, at)
    if run_id is None:
        tracker.on(found(run()), at)
    ended_at = None if finished is None else (OPENED + timedelta(seconds=finished)).isoformat()
    return ended(tracker.on(h.Polled(run("CANCELLED", finished_at=ended_at)), at + 1))


@pytest.mark.parametrize("finished", [600.0, 601.0, None])
def test_what_the_next_process_finds_cancelled_after_the_deadline_timed_out(finished: float | None) -> None:
    """F2: killed between the cancel and its end: only we cancel a run at its deadline."""
    outcome = resumed(700.0, finished)
    assert isinstance(outcome, TimedOut)
    assert outcome.fault is not None
    assert outcome.fault.code is Code.TIMEOUT
    assert "limits.timeout (600 s); it was cancelled" in outcome.fault.message
    assert isinstance(resumed(600.0, 601.0, opened_at=None), TimedOut)


@pytest.mark.parametrize(
    "outcome",
    [
        resumed(700.0, 599.0),  # cancelled before its deadline: not by us
        resumed(500.0, None),  # found before its deadline
        resumed(700.0, 601.0, run_id=None),  # the process before did not know the id: it cannot have cancelled it
        resumed(700.0, 601.0, transport="sync"),  # never cancelled by us
    ],
)
def test_what_somebody_else_cancelled_is_cancelled(outcome: Outcome) -> None:
    assert isinstance(outcome, Cancelled)
    assert outcome.fault is not None
    assert outcome.fault.code is Code.CANCELLED


def test_an_unknown_run_is_looked_for_from_now_on() -> None:
    tracker = Tracker(TERMS)
    assert tracker.resume(None, 300.0) == h.Locate(300.0)
    assert tracker.on(found(), 300.5) == h.Locate(330.0)
    assert tracker.on(found(), 330.5) == h.Locate(420.0)
    assert isinstance(ended(tracker.on(found(), 420.5)), NotStarted)


# --- invariants under random faults


@dataclass
class World:
    """A remote API with one run and its faults; drives a tracker through virtual time."""

    seed: int
    away_from: float = float("inf")
    chance: random.Random = field(init=False)
    created: bool = False
    cancelled: bool = False
    starts: int = 0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.faults = self.chance.choice([0.0, 0.2, 0.5])
        self.listed_after = self.chance.uniform(0, 100)
        self.takes = self.chance.choice([5.0, 50.0, 580.0, 700.0, 1e9])
        self.end = self.chance.choice(["COMPLETED", "COMPLETED", "FAILED", "CANCELLED"])
        self.result = self.chance.choice(["price", "price", None])
        self.transport = self.chance.choice(["sse", "sse", "async", "sync"])

    def status(self, now: float) -> str:
        return "CANCELLED" if self.cancelled else self.end if now >= self.takes else "RUNNING"

    def show(self, now: float) -> RunSnapshot:
        status = self.status(now)
        return run(status, self.result if status == "COMPLETED" else None, num_of_steps=3)

    def bad(self, now: float) -> bool:
        return now >= self.away_from or self.chance.random() < self.faults

    def carry_out(self, command: h.Command, now: float) -> tuple[h.Happening, float]:
        match command:
            case h.Start(until):
                return self.start(until, now)
            case h.Read(until):
                return self.read(until, now)
            case h.Locate(at):
                now = max(now, at)
                if self.bad(now):
                    return h.LocateFailed(BROKEN), now + 1
                seen = self.created and now >= self.listed_after
                return h.Located((self.show(now),) if seen else ()), now + 1
            case h.Poll(at, _):
                now = max(now, at)
                return (h.PollFailed(BROKEN) if self.bad(now) else h.Polled(self.show(now))), now + 1
            case h.Cancel(at, _):
                now = max(now, at)
                if self.bad(now):
                    return h.CancelFailed(BROKEN), now + 1
                self.cancelled = self.cancelled or now < self.takes
                return h.CancelAnswered(CancelAnswer("r1", self.status(now), None)), now + 1
        raise AssertionError(command)

    def start(self, until: float, now: float) -> tuple[h.Happening, float]:
        self.starts += 1
        refused = self.chance.random()
        if refused < 0.1:
            return h.Refused(ODD), now + 1
        if refused < 0.2:
            return h.NotSent(BROKEN), now + 1
        self.created = self.chance.random() < 0.9
        if not self.created or self.bad(now):
            return self.chance.choice([(h.Lost(BROKEN), now + 1), (h.Expired(), until)])
        if self.transport == "sse":
            return h.Opened(), now + 1
        if self.transport == "async":
            return h.Answered(events.snapshot({"run_id": "r1"})), now + 1
        return (h.Answered(self.show(self.takes)), self.takes) if self.takes < until else (h.Expired(), until)

    def read(self, until: float, now: float) -> tuple[h.Happening, float]:
        if self.chance.random() < self.faults:
            return self.chance.choice(
                [(h.Lost(BROKEN), now), (h.Expired(), until), (Garbled("x", final=True), now), (complete(None), now)]
            )
        if now >= self.takes:
            return Complete("r1", self.end, self.show(now).result, None, None, self.show(now).raw), now
        later = min(now + 20, until)
        return self.chance.choice([Heartbeat(), Progress("r1", "x"), Started("r1"), h.Heard()]), later


def live(world: World, *, crash: bool = False) -> tuple[Outcome, float]:
    tracker = Tracker(replace(TERMS, transport=world.transport))
    command, now = tracker.start(), 0.0
    for _ in range(3_000):
        if isinstance(command, h.End):
            return command.outcome, now
        what, now = world.carry_out(command, now)
        before = tracker.state
        command = tracker.on(what, now)
        assert tracker.state in TABLE[before][type(what)].leads, (before, what, tracker.state)
        if crash and world.chance.random() < 0.05 and not isinstance(command, h.End):
            known = tracker.run_id
            tracker, now = Tracker(replace(TERMS, transport=world.transport)), now + world.chance.choice([1, 100])
            command = tracker.resume(known, now)
    raise AssertionError("no end")


@pytest.mark.parametrize("crash", [False, True])
def test_random_faults_never_start_twice_and_always_end_in_time(crash: bool) -> None:
    for seed in range(1_500):
        world = World(seed)
        outcome, at = live(world, crash=crash)
        assert world.starts == 1, seed
        limit = TERMS.timeout + pace.GRACE + (2_000 if world.faults or crash else 0)
        assert at <= limit, (seed, at, outcome)
        assert isinstance(outcome, Completed) or outcome.fault is not None
        if isinstance(outcome, NotStarted):
            assert not world.created, seed
        if isinstance(outcome, Completed):
            assert (world.end, outcome.result) == ("COMPLETED", world.result), seed


def test_an_api_that_goes_away_for_ever_still_comes_to_an_end() -> None:
    for seed in range(200):
        world = World(seed, away_from=random.Random(seed).uniform(0, 700))
        outcome, at = live(world)
        assert world.starts == 1
        assert at <= pace.BUDGET + pace.GRACE
        assert outcome is not None


def test_wherever_the_stream_is_cut_the_outcome_is_the_same() -> None:
    script: list[h.Happening] = [h.Opened(), Started("r1"), Heartbeat(), Progress("r1", "x"), h.Heard(), complete()]
    outcomes = set()
    for cut in range(len(script) + 1):
        tracker = Tracker(TERMS)
        command, now = tracker.start(), 0.0
        for what in [*script[:cut], h.Lost(BROKEN)]:
            if isinstance(command, (h.Start, h.Read)):
                now += 1
                command = tracker.on(what, now)
        while not isinstance(command, h.End):
            answer = h.Located((done(),)) if isinstance(command, h.Locate) else h.Polled(done())
            command = tracker.on(answer, now := now + 1)
        outcomes.add(repr(command.outcome))
    assert len(outcomes) == 1


def _anything(chance: random.Random) -> h.Happening:
    ids = ["r1", "r1", "r1", "r2", None]
    name = chance.choice(ids)
    shown = run(chance.choice(["RUNNING", "COMPLETED", "FAILED", "CANCELLED", None]), chance.choice([None, "x"]))
    return chance.choice(
        [
            *(h.Opened(), h.Heard(), Heartbeat(), h.Expired(), h.Lost(BROKEN), h.Dismissed()),
            *(h.Refused(ODD), h.NotSent(BROKEN)) * chance.choice([0, 0, 0, 1]),
            *(Garbled("x", final=chance.random() < 0.5), Progress(name, "x"), StreamingUrl(name, "u")),
            *(Started(name or "r1"), events.Unknown("LOG", name), complete(chance.choice(["FAILED", None]), "x", name)),
            *(h.Answered(replace(shown, run_id=name)), h.Polled(replace(shown, run_id=name or "r1"))),
            *(h.Located(()), h.Located((shown,)), h.LocateFailed(BROKEN), h.PollFailed(BROKEN)),
            h.PollFailed(ODD, missing=True),
            h.Polled(replace(shown, run_id="r1", goal="Another goal.")),
            *(said(chance.choice(["CANCELLED", "COMPLETED", None])), h.CancelFailed(BROKEN)),
        ]
    )


def test_every_arrow_of_the_table_is_taken_and_no_other() -> None:
    """What may happen in a state, in any order and however late: the table says where it leads, and lies in nothing."""
    declared = {(a, kind, b) for a, steps in TABLE.items() for kind, step in steps.items() for b in step.leads}
    taken = set()
    for seed in range(8_000):
        chance = random.Random(seed)
        tracker, now = Tracker(replace(TERMS, transport=chance.choice(["sse", "sync"]))), 0.0
        first = chance.choice([None, None, None, "r1", ""])
        command = tracker.start() if first is None else tracker.resume(first or None, now)
        for _ in range(30):
            if isinstance(command, h.End):
                break
            if chance.random() < 0.6 or tracker.state is State.LOCATING:
                now = max(now, getattr(command, "at", now))
            now += chance.choice([0.1, 1.0, 10.0, 70.0, 130.0, 700.0] + [90_000.0] * (chance.random() < 0.05))
            what, before = _anything(chance), tracker.state
            command = tracker.on(what, now)
            if type(what) in TABLE[before]:
                taken.add((before, type(what), tracker.state))
    assert taken - declared == set()
    assert declared - taken == set()


def test_created_at_orders_across_time_zones() -> None:
    early = datetime(2026, 11, 21, 12, tzinfo=UTC)
    late = run(run_id="late", created_at=(early + timedelta(hours=1)).isoformat())
    rows = (late, run(run_id="early", created_at="2026-11-21T12:30:00+01:00"))
    assert locating().on(h.Located(rows), 15.0) == h.Dismiss(("late",))
