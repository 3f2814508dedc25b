"""The present definition over stored raw outcomes: each record then and now, alerts then and now (`monitor backtest`).

Judged in order, from an empty state, by the very `decide` that judges live runs; no run is made, nothing is stored.
What time alone tells (a reminder between two runs) is not seen here. Must not know where outcomes are stored.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from monitor.agent.outcome import Outcome
from monitor.clock import stamp
from monitor.judge.conditions import rules
from monitor.judge.conditions.history import History, resolved
from monitor.judge.decide import decide
from monitor.judge.decision import Decision, Notification, Verdict, WatchState
from monitor.judge.schemas import validation
from monitor.judge.tuning import retelling
from monitor.watch.model import Watch
from monitor.watch.run import Run

MOST_PATHS = 50  # named of one record


@dataclass(frozen=True, slots=True, order=True)
class Alert:
    """Something that was or would be told: the kind of notification, and the rule's target."""

    kind: str
    target: str

    def as_json(self) -> dict[str, str]:
        """Return the object of `backtest --json`."""
        return {"kind": self.kind, "target": self.target}


@dataclass(frozen=True, slots=True)
class Said:
    """What a definition made of one record: `paths` are those of its changes."""

    verdict: str
    reason: str
    paths: tuple[str, ...] = ()
    alerts: tuple[Alert, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the object of `backtest --json`, the changes' paths capped."""
        return {
            "verdict": self.verdict,
            "reason": self.reason,
            "changes": list(self.paths[:MOST_PATHS]),
            "alerts": [alert.as_json() for alert in self.alerts],
        }


@dataclass(frozen=True, slots=True)
class Past:
    """One stored run: how it ended, when it was judged, and what was made of it then."""

    run: Run
    outcome: Outcome
    at: datetime
    then: Said


@dataclass(frozen=True, slots=True)
class Row:
    """One record, then and now."""

    run: str
    due_at: datetime
    then: Said
    now: Said

    @property
    def differs(self) -> bool:
        """Whether the verdict or what is told is another one now."""
        return self.then.verdict != self.now.verdict or sorted(self.then.alerts) != sorted(self.now.alerts)

    def as_json(self) -> dict[str, Any]:
        """Return the object of `backtest --json`."""
        return {
            "run": self.run,
            "due_at": stamp(self.due_at),
            "differs": self.differs,
            "then": self.then.as_json(),
            "now": self.now.as_json(),
        }


@dataclass(slots=True)
class BacktestReport:
    """What `monitor backtest` shows: the records in order, how often each verdict and alert, and the fields behind it.

    `fields` counts, by path with `*` for rows, the records in which a field is a change then or now but not both.
    """

    watch: str
    rows: list[Row] = field(default_factory=list)
    fields: Counter[str] = field(default_factory=Counter)

    @property
    def differing(self) -> list[Row]:
        """The records that the present definition judges or tells otherwise."""
        return [row for row in self.rows if row.differs]

    def verdicts(self, side: str) -> Counter[str]:
        """Return how often each verdict was given, `then` or `now`."""
        return Counter(_side(row, side).verdict for row in self.rows)

    def alerts(self, side: str) -> Counter[Alert]:
        """Return how often each target was told of each kind, `then` or `now`."""
        return Counter(alert for row in self.rows for alert in _side(row, side).alerts)

    def as_json(self) -> dict[str, Any]:
        """Return the document of `backtest --json`."""
        return {
            "watch": self.watch,
            "records": len(self.rows),
            "differing": len(self.differing),
            "verdicts": {side: dict(sorted(self.verdicts(side).items())) for side in ("then", "now")},
            "alerts": {side: _counted(self.alerts(side)) for side in ("then", "now")},
            "fields": dict(self.fields.most_common()),
            "rows": [row.as_json() for row in self.rows],
        }


def backtest(
    watch: Watch, records: Iterable[Past], since: datetime | None = None, *, named: Callable[[str], str] = str
) -> BacktestReport:
    """Return what the present definition makes of stored runs, in the order in which they are given.

    Runs judged before `since` are judged too, so that the first one shown has a baseline, and are not in the report.
    Dry runs are left out: they moved and told nothing. Only what the report holds is kept of a record. `named` gives
    what a rule's target is called in what was told then (an URL may hold a secret).
    """
    report, state, behind = BacktestReport(watch.name), WatchState(), _Behind(watch)
    scope = validation.compiled(watch.output_schema).scope
    for past, last in _with_last_attempts(one for one in records if not one.run.dry):
        decision = _decided(watch, past, state, behind, last=last)
        state = decision.state
        behind.add(past.at, decision)
        if since is not None and past.at < since:
            continue
        now = Said(str(decision.verdict), decision.reason, _paths(decision), _alerts(decision.notifications, named))
        report.rows.append(Row(past.run.id, past.run.due_at, past.then, now))
        report.fields.update({retelling.place(path, scope) for path in set(past.then.paths) ^ set(now.paths)})
    return report


class _Behind:
    """What the conditions of a watch look back on: the confirmed good results so far, at the places they name."""

    def __init__(self, watch: Watch) -> None:
        self._series: dict[str, list[tuple[datetime, tuple[Any, ...]]]] = {
            place: [] for rule in watch.notify for place in sorted(rules.reads_history(rule))
        }

    def add(self, at: datetime, decision: Decision) -> None:
        """Take one more decision into account; what is bad or not confirmed is no history."""
        if decision.verdict.good and decision.verdict is not Verdict.UNCONFIRMED:
            for place, rows in self._series.items():
                rows.append((at, resolved(decision.result, place)))

    def at(self, now: datetime) -> History | None:
        """Return the history before now; None when no condition looks back."""
        return History(now, {place: tuple(rows) for place, rows in self._series.items()}) if self._series else None


def _decided(watch: Watch, past: Past, state: WatchState, behind: _Behind, *, last: bool) -> Decision:
    """Return the present decision on one run: the one place that calls `decide`.

    The last attempt that was made is the last one to judge, whatever `limits.retries` says now.
    """
    numbers = itertools.count(1)
    run = replace(past.run, attempt=max(past.run.attempt, watch.limits.retries + 1)) if last else past.run
    history = behind.at(past.at)
    return decide(watch, run, past.outcome, state, past.at, lambda: f"{past.run.id}-{next(numbers)}", history=history)


def _with_last_attempts(records: Iterable[Past]) -> Iterator[tuple[Past, bool]]:
    """Yield every record, and whether no other attempt of its occurrence follows it."""
    before: Past | None = None
    for record in records:
        if before is not None:
            yield before, record.run.due_at != before.run.due_at or record.run.attempt <= before.run.attempt
        before = record
    if before is not None:
        yield before, True


def _paths(decision: Decision) -> tuple[str, ...]:
    return tuple(change.path for change in decision.changes)


def _alerts(notifications: Sequence[Notification], named: Callable[[str], str]) -> tuple[Alert, ...]:
    return tuple(Alert(str(note.kind), named(target)) for note in notifications for target in note.targets)


def _counted(alerts: Mapping[Alert, int]) -> dict[str, Any]:
    kinds, targets = Counter[str](), Counter[str]()
    for alert, count in alerts.items():
        kinds[alert.kind] += count
        targets[alert.target] += count
    return {"all": sum(alerts.values()), "kinds": dict(sorted(kinds.items())), "targets": dict(sorted(targets.items()))}


def _side(row: Row, side: str) -> Said:
    return row.then if side == "then" else row.now
