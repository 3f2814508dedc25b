"""Backtest: the present definition over past outcomes gives what deciding live with it would have given."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.agent.outcome import Code, Completed, Failed, Fault, Outcome
from monitor.judge.decide import decide
from monitor.judge.decision import Decision, WatchState
from monitor.judge.tuning.backtest import MOST_PATHS, Alert, BacktestReport, Past, Said, backtest
from monitor.watch.model import Watch
from monitor.watch.run import Run
from tests.conftest import make_watch

START = datetime(2026, 11, 1, tzinfo=UTC)
NOTIFY = [{"to": ["ops"], "on": ["change", "failure", "recovery"]}]


def watch(**fields: Any) -> Watch:
    """Return a watch of price and stock that tells `ops`."""
    return make_watch(**({"notify": NOTIFY, "drift": False} | fields))


def done(result: Any) -> Outcome:
    """Return a completed run."""
    return Completed(run_id="r", result=result)


def priced(*prices: float) -> list[Outcome]:
    """Return completed runs by their prices."""
    return [done({"price": price, "in_stock": True}) for price in prices]


BROKEN = Failed(fault=Fault(Code.SITE, "the site said no"))
AGAIN = Failed(fault=Fault(Code.SITE, "busy", retryable=True))


def runs(outcomes: Sequence[Outcome], attempts: Sequence[int] = ()) -> list[Run]:
    """Return runs an hour apart; those with an attempt beyond the first share the occurrence before them."""
    found, hour = [], -1
    for number, attempt in itertools.zip_longest(range(len(outcomes)), attempts, fillvalue=1):
        hour += attempt == 1
        found.append(Run(f"R{number:03}", "w", START + timedelta(hours=hour), attempt))
    return found


def lived(definition: Watch, outcomes: Sequence[Outcome], attempts: Sequence[int] = ()) -> list[tuple[Run, Decision]]:
    """Return what deciding live would have given: a plain loop, the oracle."""
    state, found = WatchState(), []
    for run, outcome in zip(runs(outcomes, attempts), outcomes, strict=True):
        decision = decide(definition, run, outcome, state, run.due_at, lambda: "E")
        state = decision.state
        found.append((run, decision))
    return found


def recorded(definition: Watch, outcomes: Sequence[Outcome], attempts: Sequence[int] = ()) -> Iterator[Past]:
    """Yield the records that living with a definition left."""
    for (run, decision), outcome in zip(lived(definition, outcomes, attempts), outcomes, strict=True):
        alerts = tuple(Alert(str(note.kind), target) for note in decision.notifications for target in note.targets)
        paths = tuple(change.path for change in decision.changes)
        yield Past(run, outcome, run.due_at, Said(str(decision.verdict), decision.reason, paths, alerts))


def verdicts(report: BacktestReport) -> list[str]:
    """Return what the present definition says, in order."""
    return [row.now.verdict for row in report.rows]


def test_a_tolerance_shows_which_alerts_it_saves_and_by_which_field() -> None:
    """Three small moves were told, none would be; the fields that made the difference are named."""
    past = recorded(watch(), priced(100, 101, 100, 101, 150))
    report = backtest(watch(compare={"tolerance": {"/price": "2%"}}), past)
    assert verdicts(report) == ["BASELINE", "UNCHANGED", "UNCHANGED", "UNCHANGED", "CHANGED"]
    said = report.as_json()
    assert json.loads(json.dumps(said)) == said
    assert (said["records"], said["differing"]) == (5, 3)
    assert said["verdicts"] == {
        "then": {"BASELINE": 1, "CHANGED": 4},
        "now": {"BASELINE": 1, "CHANGED": 1, "UNCHANGED": 3},
    }
    assert said["alerts"]["then"] == {"all": 4, "kinds": {"change": 4}, "targets": {"ops": 4}}
    assert said["alerts"]["now"] == {"all": 1, "kinds": {"change": 1}, "targets": {"ops": 1}}
    assert said["fields"] == {"/price": 3}
    assert [row["differs"] for row in said["rows"]] == [False, True, True, True, False]
    assert said["rows"][1]["then"]["changes"] == ["/price"]
    assert said["rows"][1]["now"] == {
        "verdict": "UNCHANGED", "reason": "same as the baseline", "changes": [], "alerts": [],
    }  # fmt: skip


def test_another_target_alone_is_a_difference() -> None:
    """Who is told matters as much as what."""
    past = list(recorded(watch(), priced(100, 150)))
    report = backtest(watch(notify=[{"to": ["boss"], "on": ["change"]}]), past)
    assert [row.run for row in report.differing] == ["R001"]
    assert report.fields == {}
    secret = watch(notify=[{"to": ["json://user:secret@host/"], "on": ["change"]}])
    hidden = backtest(secret, past, named=lambda _: "json:1234")
    assert "secret" not in json.dumps(hidden.as_json())
    assert hidden.alerts("now") == {Alert("change", "json:1234"): 1}


def test_records_before_since_give_the_baseline_and_are_not_shown() -> None:
    """The first record of the report is no false BASELINE."""
    past = recorded(watch(), priced(100, 100, 100, 150))
    report = backtest(watch(), past, START + timedelta(hours=2))
    assert verdicts(report) == ["UNCHANGED", "CHANGED"]
    assert report.differing == []


def test_no_records_is_an_empty_report() -> None:
    """Also as JSON."""
    assert backtest(watch(), []).as_json()["rows"] == []


def test_dry_runs_are_left_out() -> None:
    """They moved and told nothing."""
    past = [*recorded(watch(), priced(100))]
    dry = Past(Run("R9", "w", START, dry=True), priced(1)[0], START, Said("CHANGED", "x"))
    assert verdicts(backtest(watch(), [*past, dry])) == ["BASELINE"]


def test_failures_count_as_they_came_whatever_retries_says_now() -> None:
    """A retry that was never made cannot be waited for: the failure after it is told as it was."""
    outcomes = [*priced(100), AGAIN, AGAIN, *priced(100)]
    past = list(recorded(watch(limits={"retries": 0}), outcomes))
    assert [alert.kind for one in past for alert in one.then.alerts] == ["failure", "recovery"]
    report = backtest(watch(limits={"retries": 3}), past)
    assert [len(row.now.alerts) for row in report.rows] == [0, 0, 1, 1]
    assert report.differing == []


def test_attempts_of_one_occurrence_are_one_failure() -> None:
    """The attempt that was tried again is no failure of its own."""
    outcomes, attempts = [*priced(100), AGAIN, AGAIN, AGAIN, AGAIN], [1, 1, 2, 1, 2]
    past = list(recorded(watch(), outcomes, attempts))
    report = backtest(watch(), past)
    assert [len(row.now.alerts) for row in report.rows] == [0, 0, 0, 0, 1]
    assert report.differing == []


def test_conditions_look_back_on_the_results_so_far() -> None:
    """A new low is told, by the results before it; without `confirm` every good one counts, a failed run does not."""
    outcomes = [*priced(100, 90), BROKEN, *priced(95, 92, 80)]
    lowest = watch(notify=[{"to": ["ops"], "on": ["change"], "when": 'new.price < low("/price")'}])
    report = backtest(lowest, recorded(watch(), outcomes))
    assert [len(row.now.alerts) for row in report.rows] == [0, 1, 0, 0, 0, 1]
    assert report.alerts("then")[Alert("change", "ops")] == 4


def test_a_looser_schema_makes_invalid_records_good() -> None:
    """The raw outcome is judged, not the stored result."""
    outcomes = [done({"price": None, "in_stock": True}), done({"price": 3, "in_stock": True})]
    past = list(recorded(watch(), outcomes))
    assert past[0].then.verdict == "INVALID"
    schema = {"type": "object", "properties": {"price": {"type": ["number", "null"]}, "in_stock": {"type": "boolean"}}}
    assert verdicts(backtest(watch(output_schema=schema), past)) == ["BASELINE", "CHANGED"]


def test_many_changed_paths_are_capped() -> None:
    """A record of 10,000 changes is a line."""
    paths = tuple(f"/{number}" for number in range(10_000))
    assert len(Said("CHANGED", "x", paths).as_json()["changes"]) == MOST_PATHS


OUTCOMES = st.lists(
    st.sampled_from([*priced(100, 101, 102, 150), BROKEN, AGAIN, done({"price": "x", "in_stock": 1}), done(None)]),
    max_size=12,
)
DEFINITIONS = st.sampled_from(
    [
        watch(),
        watch(compare={"tolerance": {"/price": "2%"}}),
        watch(compare={"ignore": ["/price"]}, limits={"retries": 0}),
        watch(confirm={"runs": 2}),
        watch(drift=True, limits={"retries": 0}),
    ]
)


@settings(deadline=None, max_examples=80)
@given(OUTCOMES, DEFINITIONS)
def test_the_same_definition_says_the_same_again(outcomes: list[Outcome], definition: Watch) -> None:
    """Nothing differs, whatever came, when nothing was edited and every retry that was due was made."""
    attempts: list[int] = []
    for number in range(len(outcomes)):
        before = lived(definition, outcomes[:number], attempts)
        attempts.append(before[-1][0].attempt + 1 if before and before[-1][1].retry else 1)
    if outcomes and lived(definition, outcomes, attempts)[-1][1].retry:
        return  # its retry is under way: the backtest takes it for the last attempt
    report = backtest(definition, recorded(definition, outcomes, attempts))
    assert [row.run for row in report.differing] == []
    assert report.fields == {}


@settings(deadline=None, max_examples=60)
@given(OUTCOMES, DEFINITIONS, DEFINITIONS)
def test_another_definition_says_what_living_with_it_would_have(
    outcomes: list[Outcome], then: Watch, now: Watch
) -> None:
    """The backtest is the live decision, whatever was said then."""
    if now.limits.retries:
        outcomes = [outcome for outcome in outcomes if outcome is not AGAIN]
        then = then.model_copy(update={"limits": now.limits})
    report = backtest(now, recorded(then, outcomes))
    assert verdicts(report) == [str(decision.verdict) for _, decision in lived(now, outcomes)]
    told = [len([t for note in decision.notifications for t in note.targets]) for _, decision in lived(now, outcomes)]
    assert [len(row.now.alerts) for row in report.rows] == told


@pytest.mark.parametrize("side", ["then", "now"])
def test_counts_are_by_side(side: str) -> None:
    """Verdicts and alerts of each side."""
    report = backtest(watch(), recorded(watch(), priced(1, 2)))
    assert report.verdicts(side) == {"BASELINE": 1, "CHANGED": 1}
    assert report.alerts(side) == {Alert("change", "ops"): 1}
