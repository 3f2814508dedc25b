"""Runs, outcomes and decisions for the tests of the store, as short as can be said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.agent.outcome import Code, Completed, Failed, Fault, Outcome
from monitor.judge.decision import Baseline, Change, Decision, Incident, Retry, Verdict, Violation, WatchState
from monitor.store.records import Begun, NewDelivery, Record
from monitor.store.store import Store
from monitor.watch.run import Run, Trigger, new_id

NOW = datetime(2026, 11, 21, 12, 0, 0, 123457, tzinfo=UTC)
OWNER = "01JOWNER"


# For what is said of a file: its pragmas, its locks, its place on the disk. Everything else holds on both databases.
of_a_file = pytest.mark.parametrize("opener", ["sqlite"], indirect=True)


class Opener:
    """Opens one database, again and again."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self._opened: list[Store] = []

    def __call__(self, **options: Any) -> Store:
        store = Store.open(self.url, folder=self.folder, **options)
        self._opened.append(store)
        return store

    @property
    def path(self) -> Path:
        """The file of a store on SQLite."""
        return Path(self.url)

    def close(self) -> None:
        for store in self._opened:
            store.close()


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def make_run(minutes: float = 0, watch: str = "espresso", **changes: Any) -> Run:
    return Run(**({"id": new_id(at(minutes)), "watch": watch, "due_at": at(minutes)} | changes))


def begin(store: Store, run: Run, owner: str = OWNER, now: datetime = NOW) -> Run:
    begun = store.begin_run(run, goal=f"find the price [ref {run.id}]", generation="g1", owner=owner, now=now)
    assert isinstance(begun, Begun), begun
    return run


def completed(result: Any = None, **changes: Any) -> Completed:
    found = {"price": 499.0} if result is None else result
    raw = {"run_id": "run_1", "status": "COMPLETED", "result": found}
    return Completed(**({"run_id": "run_1", "raw": raw, "steps": 4, "result": found} | changes))


def failed(code: Code = Code.SITE, **changes: Any) -> Failed:
    fault = Fault(
        code, "the page did not open", hint="try again", api_code="SITE_BLOCKED", retryable=True, retry_after=2.5
    )
    return Failed(**({"run_id": "run_2", "raw": "<html>", "fault": fault} | changes))


def good(run: Run, verdict: Verdict = Verdict.BASELINE, result: Any = None, **changes: Any) -> Decision:
    """A decision whose state makes this run's result the baseline."""
    found = {"price": 499.0} if result is None else result
    state = WatchState("g1", Baseline(run.id, run.due_at, found), 0, None, NOW)
    moved = (Change("/price", "changed", 1, found),) if verdict is Verdict.CHANGED else ()
    return Decision(
        **({"verdict": verdict, "reason": "as told", "state": state, "result": found, "changes": moved} | changes)
    )


def bad(run: Run, before: WatchState, **changes: Any) -> Decision:
    """A decision on a failed run: the baseline stays, the failures rise, an incident is open."""
    incident = before.incident or Incident("01JINCIDENT", NOW, "SITE", announced=True)
    state = WatchState(before.generation, before.baseline, before.failures + 1, incident, before.last_good_at)
    violations = (Violation("/price", "type", "'x' is not a number"),)
    fields = {
        "verdict": Verdict.FAILED,
        "reason": "the site failed",
        "state": state,
        "code": "SITE",
        "violations": violations,
    }
    return Decision(**(fields | changes))


def letter(event: str, target: str = "ops", body: str = "it moved") -> NewDelivery:
    return NewDelivery(event, target, "change", f"{event} to {target}", body)


def retry_of(run: Run, minutes: float) -> tuple[Retry, Run]:
    again = Run(new_id(at(minutes)), run.watch, run.due_at, run.attempt + 1, Trigger.RETRY)
    return Retry(at(minutes), "SYSTEM_FAILURE is retryable"), again


def finish(
    store: Store,
    run: Run,
    decision: Decision,
    *letters: NewDelivery,
    outcome: Outcome | None = None,
    now: datetime = NOW,
    **others: Any,
) -> Record:
    """Settle and commit a run that was begun."""
    end = outcome or completed(decision.result)
    store.settle(run.id, end, now)
    return store.commit(run, end, decision, letters, now=now, **others)


def whole(store: Store, run: Run, decision: Decision, *letters: NewDelivery) -> Record:
    """Begin, settle and commit a run."""
    return finish(store, begin(store, run), decision, *letters)
