"""Part `judge`: sequences of runs through the judgement, against a small model (reliability.md B1-B9, C8, T7).

The model knows what each step is meant to be (a good result with a value, a bad one with a code) and keeps what the
pages promise of: the last good value, since when it holds, failures in a row, what was told of the incident, and
flapping. It never looks at how `decide` comes to a verdict. Every state that `decide` returns is the next one's input,
as in the store.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from campaign.part import Check, Tally, Violation, chance, smallest
from campaign.remote import watch
from monitor.agent.outcome import Cancelled, Code, Completed, Failed, Fault, NotStarted, Outcome, TimedOut
from monitor.judge.decide import decide
from monitor.judge.decision import Decision, Kind, WatchState
from monitor.watch.model import Watch
from monitor.watch.run import Run

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
AT_ONCE = {"AUTH", "BILLING", "FORBIDDEN", "CONFIG", "SECRET"}
RULES = (
    (),
    ("change", "failure", "recovery"),
    ("baseline", "change", "failure", "recovery"),
    ("failure",),
    ("change",),
)
GOODS: tuple[tuple[str, Any], ...] = (  # what it is as a value, and one way to write it
    ("1", {"price": 1}),
    ("1", {"price": 1.0}),
    ("1", {"price": "1"}),
    ("1", {"price": "€ 1.00"}),
    ("1", '{"price": 1}'),
    ("1", {"result": {"price": 1}}),
    ("1", {"price": 1, "in_stock": None}),
    ("1", {"in_stock": None, "price": 1, "seen_at": "today"}),
    ("1 yes", {"price": 1, "in_stock": True}),
    ("1 yes", {"in_stock": True, "price": 1.0}),
    ("1 no", {"price": 1, "in_stock": False}),
    ("2", {"price": 2}),
    ("10^18", {"price": 10**18}),
    ("10^18+1", {"price": 10**18 + 1}),
)
BADS: tuple[tuple[str, Any], ...] = (
    ("SCHEMA", None),
    ("SCHEMA", {"price": "1 or 2"}),
    ("SCHEMA", {"price": -1}),
    ("SCHEMA", {"price": True}),
    ("SCHEMA", {"in_stock": True}),
    ("SCHEMA", [1, 2]),
    ("SCHEMA", {"price": float("nan")}),
    ("GOAL", {}),
    ("GOAL", {"status": "failure", "reason": "captcha"}),
    ("GOAL", "I could not open the page."),
    ("GOAL", {"price": None}),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One run: `good` is the value it means, or None; `code` why it is bad. `edit` counts edits of the goal.

    `late`: due so many hours ago; `stale`: opened then, too. `ahead`: the clock was so many hours fast.
    """

    good: str | None
    code: str | None
    outcome: Outcome
    retryable: bool = False
    attempt: int = 1
    dry: bool = False
    late: int = 0
    stale: bool = False
    ahead: int = 0
    edit: int = 0

    def times(self, at: int) -> tuple[datetime, datetime, str]:
        """Return when the run was due, when it is judged, and its id, which begins with when it was opened."""
        hour = at + 1 + self.ahead
        opened = hour - (self.late if self.stale else 0)
        return (
            START + timedelta(hours=hour - self.late),
            START + timedelta(hours=hour, minutes=5),
            f"R{5_000 + opened}-{at}",
        )


@dataclass
class Model:
    """What is true of a watch: the independent side."""

    good: str | None = None
    generation: int = 0
    due: datetime | None = None
    run: str = ""
    failures: int = 0
    open: bool = False
    told: bool = False
    codes: frozenset[str] = frozenset()  # the kinds of error told in this incident, or while it flaps
    began: datetime = START
    incidents: tuple[datetime, ...] = ()  # when the last ones were told
    flaps: bool = False
    bad_at: datetime = START
    opened: int = 0
    closed: int = 0

    def expect(self, step: Step, on: tuple[str, ...], at: int) -> tuple[str, list[str], bool]:
        """Return verdict, kinds of notifications and whether a paid retry follows; and take the step."""
        due, now, run = step.times(at)
        known = self.good if self.generation == step.edit else None
        bad = "INVALID" if step.code in {"SCHEMA", "GOAL"} else "FAILED"
        verdict = bad if step.good is None else "BASELINE" if known is None else "UNCHANGED"
        verdict = "CHANGED" if verdict == "UNCHANGED" and known != step.good else verdict
        if step.dry or (self.due is not None and due < self.due <= now and run < self.run):
            return verdict, [], False
        if step.good is None:
            if step.retryable and step.attempt == 1:
                return verdict, [], True
            return verdict, self._worse(str(step.code), on, now), False
        told = self._better(on, now)
        told += [
            kind for name, kind in (("BASELINE", "baseline"), ("CHANGED", "change")) if name == verdict and kind in on
        ]
        self.closed += self.open
        self.open, self.told, self.failures, self.generation = False, False, 0, step.edit
        if verdict in {"BASELINE", "CHANGED"}:
            self.good, self.due, self.run = step.good, due, run
        return verdict, told, False

    def _better(self, on: tuple[str, ...], now: datetime) -> list[str]:
        if self.flaps and now - self.bad_at < timedelta(hours=6):
            return []
        over = self.flaps or (self.open and self.told)
        self.incidents = () if self.flaps else tuple(at for at in self.incidents if now - at < timedelta(hours=24))
        self.flaps = False
        return ["recovery"] if over and "recovery" in on else []

    def _worse(self, code: str, on: tuple[str, ...], now: datetime) -> list[str]:
        self.failures += 1
        if not self.open:
            self.opened, self.began, self.open = self.opened + 1, now, True
            self.codes = self.codes if self.flaps else frozenset()
        if self.flaps:
            self.bad_at = now
        if "failure" not in on or not (self.told or self.failures >= 2 or code in AT_ONCE):
            return []
        steady = self.flaps and now - self.began >= timedelta(hours=6)
        if self.flaps and not steady and (code in self.codes or not (self.failures >= 2 or code in AT_ONCE)):
            return []
        if not self.flaps and self.told and code in self.codes:
            return []
        if not self.flaps and not self.told:
            self.incidents = (*(at for at in self.incidents if now - at < timedelta(hours=24)), now)
            self.flaps = len(self.incidents) == 3
            self.incidents, self.bad_at = (() if self.flaps else self.incidents), now
        elif steady:
            self.flaps = False
        self.told, self.codes = True, self.codes | {code}
        return ["failure"]


def _history(draw: random.Random) -> tuple[Step, ...]:
    """Return two to sixteen steps."""
    edit, steps = 0, []
    for _ in range(draw.randrange(2, 17)):
        edit += draw.random() < 0.06
        late = draw.choice([1, 2, 5, 400]) if draw.random() < 0.12 else 0
        more: dict[str, Any] = {"dry": draw.random() < 0.08, "late": late, "stale": draw.random() < 0.7, "edit": edit}
        more["ahead"] = draw.choice([3, 100]) if draw.random() < 0.05 else 0
        more["attempt"] = 2 if draw.random() < 0.15 else 1
        steps.append(_step(draw, more))
    return tuple(steps)


def _step(draw: random.Random, more: dict[str, Any]) -> Step:
    kind = draw.random()
    if kind < 0.5:
        value, written = draw.choice(GOODS)
        return Step(value, None, Completed(run_id="r", result=written), **more)
    if kind < 0.7:
        code, written = draw.choice(BADS)
        return Step(None, code, Completed(run_id="r", result=written), **more)
    retryable, fault_code = draw.random() < 0.3, draw.choice(list(Code))
    fault = Fault(fault_code, "why", retryable=retryable, retry_after=draw.choice([None, 5.0, -1.0, 1e9, float("inf")]))
    ended = draw.choice([Failed, Failed, TimedOut, NotStarted, Cancelled])
    if ended is Cancelled:
        return Step(None, "CANCELLED", Cancelled(fault=fault), **more)
    return Step(None, fault_code.value, ended(fault=fault), retryable, **more)


class _Wrong(Exception):
    """What a decision did against the promises."""


@dataclass
class Judge:
    """Case n is a history drawn from (seed, n); `decide` is what is tested."""

    name: str = "judge"
    title: str = "model-based histories of a watch through the judgement: baselines, changes, incidents, retries"
    proves: str = "B1 B2 B4 B7 B8 B9 C8"
    size: int = 200_000
    least: int = 300
    chunk: int = 500
    subject: tuple[str, ...] = ("monitor/judge", "monitor/watch/model.py", "campaign/judge.py")
    decide: Callable[..., Decision] = decide

    @contextmanager
    def opened(self, seed: int) -> Iterator[Check]:
        """Nothing is to be opened."""

        def check(numbers: Sequence[int], tally: Tally) -> None:
            for number in numbers:
                draw = chance(seed, self.name, number)
                on, history = draw.choice(RULES), _history(draw)
                wrong = self._wrong(on, history, tally)
                if wrong:
                    least = smallest(history, partial(self._fails, on))
                    shown = "\n".join(str(step) for step in least)
                    raise Violation(number, wrong, f"rules on {on}:\n{shown}\n{self._wrong(on, least, Tally())}")
                tally.add("histories")

        yield check

    def _fails(self, on: tuple[str, ...], history: tuple[Any, ...]) -> bool:
        return self._wrong(on, history, Tally()) is not None

    def _wrong(self, on: tuple[str, ...], history: Sequence[Any], tally: Tally) -> str | None:
        try:
            self._live(on, history, tally)
        except _Wrong as wrong:
            return str(wrong)
        except Exception as error:  # noqa: BLE001 - that nothing is raised is part of what is tested (row 97)
            return f"{type(error).__name__}: {error!s:.200}"
        return None

    def _live(self, on: tuple[str, ...], history: Sequence[Step], tally: Tally) -> None:
        state, model, numbers = WatchState(), Model(), itertools.count(1)
        for at, step in enumerate(history):
            due, now, name = step.times(at)
            what, before = _watch(on, step.edit), state
            run = Run(name, what.name, due, attempt=step.attempt, dry=step.dry)
            decision = self.decide(what, run, step.outcome, state, now, lambda: f"E{next(numbers)}")
            verdict, told, retry = model.expect(step, on, at)
            said = [note.kind.value for note in decision.notifications]
            if (decision.verdict.value, said, decision.retry is not None) != (verdict, told, retry):
                found = f"{decision.verdict.value} {said} retry {decision.retry is not None}"
                raise _Wrong(f"step {at}: {found}, the model says {verdict} {told} retry {retry}")
            state = decision.state
            self._kept(at, step, model, before, decision, now)
            tally.add("runs judged")
            tally.add(f"verdict {verdict}")
            for kind in told:
                tally.add(f"told {kind}")

    @staticmethod
    def _kept(at: int, step: Step, model: Model, before: WatchState, decision: Decision, now: datetime) -> None:
        """Compare the state with the model's four facts, and the retry with its bounds."""
        state = decision.state
        if (state.baseline is None) != (model.good is None):
            raise _Wrong(f"step {at}: the baseline is {state.baseline}, the last good value {model.good}")
        if state.baseline is not None and (_meaning(state.baseline.result), state.baseline.due_at) != (
            model.good,
            model.due,
        ):
            raise _Wrong(
                f"step {at}: the baseline is {state.baseline}, the last good value {model.good} of {model.due}"
            )
        if (state.incident is not None, bool(state.incident and state.incident.announced)) != (model.open, model.told):
            raise _Wrong(
                f"step {at}: the incident is {state.incident}, the model says open {model.open}, told {model.told}"
            )
        if model.opened - model.closed not in {0, 1} or state.failures != model.failures:
            raise _Wrong(f"step {at}: {model.opened} opened, {model.closed} closed; {state.failures} failures in a row")
        recovered = any(note.kind is Kind.RECOVERY for note in decision.notifications)
        flapped = before.flapping is not None and before.flapping.since is not None
        if recovered and not flapped and not (before.incident and before.incident.announced):
            raise _Wrong(f"step {at}: a recovery without an announced failure")
        if step.dry and state != before:
            raise _Wrong(f"step {at}: a dry run changed the state")
        if decision.retry is not None and not 1 <= (decision.retry.at - now).total_seconds() <= 3_600:
            raise _Wrong(f"step {at}: a retry at {decision.retry.at}")
        if not decision.reason or "\n" in decision.reason:
            raise _Wrong(f"step {at}: the reason is {decision.reason!r}")


def _meaning(result: dict[str, Any]) -> str:
    price = {1: "1", 2: "2", 10**18: "10^18", 10**18 + 1: "10^18+1"}[result["price"]]
    return price + {None: "", True: " yes", False: " no"}[result.get("in_stock")]


_WATCHES: dict[tuple[tuple[str, ...], int], Watch] = {}


def _watch(on: tuple[str, ...], edit: int) -> Watch:
    """Return the watch with these rules after so many edits of its goal."""
    if (on, edit) not in _WATCHES:
        rules = [{"to": ["ops"], "on": list(on)}] if on else []
        _WATCHES[on, edit] = watch(goal=f"Find the price. {edit}", notify=rules)
    return _WATCHES[on, edit]
