"""What each rule of `notify` makes of a good result: told or silent, and why (interface.md, "Conditions").

Pure: a rule's memory goes in, and comes out as it is from then on. Must not know targets, messages or the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from monitor.agent.outcome import Outcome
from monitor.clock import stamp
from monitor.judge import reason, telling
from monitor.judge.conditions.expressions import Expression, ExpressionError, NothingYetError
from monitor.judge.conditions.history import History
from monitor.judge.conditions.templates import Template
from monitor.judge.decision import Change, Kind, Look, Memory, Verdict
from monitor.judge.verdict import Judgement
from monitor.watch.model import Rule, Watch
from monitor.watch.run import Run

_TEXT = 120  # characters of a condition inside a sentence
_TOLD_ANYWAY = "The condition could not be evaluated, so this is told: "


@dataclass(frozen=True, slots=True)
class RuleValues:
    """What rules look at: the present result, and what it is seen beside.

    `old` is the baseline before this result and `first` the generation's first one, each None where this result is it.
    `run` is that of `run_values`, `watch` that of `watch_values`. `history` need hold only
    the places that `reads_history` names, and neither the present result nor unconfirmed ones.
    """

    new: Any
    old: Any
    first: Any
    changes: tuple[Change, ...]
    watch: Mapping[str, Any]
    run: Mapping[str, Any]
    now: datetime
    history: History | None = None

    def named(self, told: Any) -> dict[str, Any]:
        """Return the variables of an expression; `told` is what the rule last told, None for nothing yet."""
        first = self.new if self.first is None else self.first
        return {
            "new": self.new,
            "old": self.new if self.old is None else self.old,
            "first": first,
            "told": first if told is None else told,
            "changes": [change.as_json() for change in self.changes],
            "watch": self.watch,
            "run": self.run,
            "now": self.now,
        }


@dataclass(frozen=True, slots=True)
class _Found:
    """What came of a condition; `why` says more where it is not simply true or false."""

    state: Literal["met", "unmet", "failed"]
    why: str = ""


def watch_values(watch: Watch) -> dict[str, Any]:
    """Return the variable `watch`; nothing of it can hold a secret."""
    return {
        "name": watch.name,
        "url": watch.url,
        "goal": watch.goal,
        "timezone": watch.timezone,
        "tags": list(watch.tags),
        "cron": list(watch.cron),
    }


def run_values(run: Run, outcome: Outcome, judged: Judgement, now: datetime) -> dict[str, Any]:
    """Return the variable `run`: the object of `run --json`, as far as it is known before anybody is told."""
    fault = outcome.fault
    return {
        "watch": run.watch,
        "run": run.id,
        "run_id": outcome.run_id,
        "due_at": stamp(run.due_at),
        "trigger": str(run.trigger),
        "verdict": str(judged.verdict),
        "reason": judged.reason,
        "outcome": {
            "kind": outcome.kind,
            "code": judged.code,
            "api_code": fault.api_code if fault else None,
            "message": fault.message if fault else None,
        },
        "changes": [change.as_json() for change in judged.changes],
        "violations": [violation.as_json() for violation in judged.violations],
        "result": judged.result,
        "steps": outcome.steps,
        "started_at": stamp(outcome.started_at or now),
        "finished_at": stamp(outcome.finished_at or now),
    }


def reads_history(rule: Rule) -> frozenset[str]:
    """Return the places, as JSON Pointers, that a rule looks back on; none: the rule needs no history.

    An expression that does not compile reads nothing: it fails when it is looked at, and says so.
    """
    found: set[str] = set()
    for text in (rule.when, rule.rearm):
        try:
            found |= Expression.parse(text).places if text else frozenset()
        except ExpressionError:
            continue
    for text in (rule.title, rule.body):
        try:
            found |= {place for one in Template.parse(text).expressions for place in one.places} if text else set()
        except ExpressionError:
            continue
    return frozenset(found)


def look(rule: Rule, index: int, verdict: Verdict, values: RuleValues, memory: Memory | None) -> tuple[Look, Memory]:
    """Return what a rule makes of a good result, and what it remembers from now on. Never raises.

    `when` filters CHANGED, and with `once` also UNCHANGED; on BASELINE it is looked at only to learn whether it holds
    already, because what holds from the start does not become true. Where it cannot be evaluated the rule tells, with
    the error, on every CHANGED and once while it goes on failing; `look.note` is that line for the message.
    """
    known = memory or Memory()
    name = telling.name(index)
    if verdict is Verdict.BASELINE:
        return _at_baseline(rule, name, values, memory)
    if Kind.CHANGE.value not in rule.on:
        return Look(name, Kind.CHANGE.value, False, "`on` does not name change"), known
    if verdict not in {Verdict.CHANGED, Verdict.UNCHANGED}:
        return Look(name, Kind.CHANGE.value, False, f"{verdict}: only a confirmed result is looked at"), known
    if rule.when is None:
        told = verdict is Verdict.CHANGED
        return _looked(name, values, known, told=told, why="the result changed" if told else "nothing changed")
    if rule.once:
        return _once(rule, name, verdict, values, known)
    return _every_time(rule.when, name, verdict, values, known)


def _at_baseline(rule: Rule, name: str, values: RuleValues, memory: Memory | None) -> tuple[Look, Memory]:
    known, told = memory or Memory(), Kind.BASELINE.value in rule.on
    why = f"`on` {'names' if told else 'does not name'} baseline"
    if told:
        known = replace(known, told=values.new, run=values.run.get("run"))
    if memory is None and rule.once and rule.when and Kind.CHANGE.value in rule.on:
        found = _evaluated(rule.when, values, known.told)
        if found.state == "met":
            known = replace(known, armed=False)
            why += "; `when` holds from the start, so it is told when it becomes true again"
    return Look(name, Kind.BASELINE.value, told, why), known


def _every_time(when: str, name: str, verdict: Verdict, values: RuleValues, memory: Memory) -> tuple[Look, Memory]:
    """Without `once`: every change for which the condition holds."""
    if verdict is Verdict.UNCHANGED:
        return _looked(name, values, memory, told=False, why="nothing changed")
    found = _evaluated(when, values, memory.told)
    note = _TOLD_ANYWAY + found.why if found.state == "failed" else None
    return _looked(name, values, memory, told=found.state != "unmet", why=_why(found, when), note=note)


def _once(rule: Rule, name: str, verdict: Verdict, values: RuleValues, memory: Memory) -> tuple[Look, Memory]:
    """With `once`: when the condition becomes true, and again only after it was false, or after `rearm` held."""
    assert rule.when is not None
    found = _evaluated(rule.when, values, memory.told)
    armed, doubt = _armed(rule, found, values, memory)
    if found.state == "failed":
        told = verdict is Verdict.CHANGED or not memory.failing
        why = _why(found, rule.when) + ("" if told else "; told already")
        after = replace(memory, armed=armed, failing=True)
        return _looked(name, values, after, told=told, why=why, note=_TOLD_ANYWAY + found.why if told else None)
    after = replace(memory, armed=armed, failing=False)
    if found.state == "unmet":
        return _looked(name, values, after, told=False, why=_why(found, rule.when) + doubt)
    if not armed:
        waits = f"`rearm` holds: {_short(rule.rearm)}" if rule.rearm else "it was false"
        why = f"`when` holds, told before; told again only after {waits}{doubt}"
        return _looked(name, values, after, told=False, why=why)
    why = f"`when` became true: {_short(rule.when)}{doubt}"
    return _looked(name, values, replace(after, armed=False), told=True, why=why, note=doubt.removeprefix("; ") or None)


def _armed(rule: Rule, when: _Found, values: RuleValues, memory: Memory) -> tuple[bool, str]:
    """Return whether a rule may tell again, and what went wrong with `rearm`: then it is as if there were none."""
    if memory.armed:
        return True, ""
    if rule.rearm is None:
        return when.state == "unmet", ""
    found = _evaluated(rule.rearm, values, memory.told)
    if found.state == "failed":
        return when.state == "unmet", f"; `rearm` could not be evaluated: {found.why}"
    return found.state == "met", ""


def _looked(
    name: str, values: RuleValues, memory: Memory, *, told: bool, why: str, note: str | None = None
) -> tuple[Look, Memory]:
    after = replace(memory, told=values.new, run=values.run.get("run")) if told else memory
    return Look(name, Kind.CHANGE.value, told, reason.line(why), note), after


def _evaluated(text: str, values: RuleValues, told: Any) -> _Found:
    try:
        value = Expression.parse(text).evaluate(values.named(told), values.history)
    except NothingYetError as error:
        return _Found("unmet", str(error))
    except ExpressionError as error:
        return _Found("failed", f"{_short(text)}: {error}")
    if not isinstance(value, bool):
        return _Found("failed", f"{_short(text)}: gives no true or false")
    return _Found("met" if value else "unmet")


def _why(found: _Found, when: str) -> str:
    if found.state == "failed":
        return f"`when` could not be evaluated: {found.why}"
    if found.state == "met":
        return f"`when` holds: {_short(when)}"
    return f"`when` is not met: {found.why or _short(when)}"


def _short(text: str | None) -> str:
    line = " ".join((text or "").split())
    return line if len(line) <= _TEXT else f"{line[: _TEXT - 1]}…"


def explained(looks: Iterable[Look]) -> list[str]:
    """Return one line for each look, as `monitor explain` prints it."""
    return [f"{each.rule} {each.kind}: {'told' if each.told else 'silent'}, {each.why}" for each in looks]
