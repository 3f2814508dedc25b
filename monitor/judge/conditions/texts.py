"""Which `title` and `body` of a watch's rules a message is told with, and the values for their holes.

A text that names the result (`new`, `old`, `changes` …) is for messages about one; where its values are not at hand,
as in a failure, the built-in words are used. So they are where a rule that also tells of changes has a text that does
not name `run`: what was written for a change would hide a failure. Must not know how a text is rendered or sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from monitor.agent.outcome import Outcome
from monitor.judge.conditions.expressions import Expression, ExpressionError
from monitor.judge.conditions.naming import RESULTS
from monitor.judge.conditions.rules import RuleValues, watch_values
from monitor.judge.conditions.templates import Template
from monitor.judge.decision import Decision, Look, Memory, Notification, Text
from monitor.judge.verdict import Judgement
from monitor.watch.model import Rule, Watch
from monitor.watch.run import Run

NAMES = frozenset({*RESULTS, "changes", "watch", "run", "now"})  # the variables of a text


def expressions(*texts: str | None) -> Iterator[Expression]:
    """Yield the expressions in the holes of texts; one that cannot be parsed has none, and fails when it is used."""
    for text in texts:
        try:
            yield from Template.parse(text).expressions if text else ()
        except ExpressionError:
            continue


def names_told(rule: Rule) -> bool:
    """Return whether a text of a rule says what the rule told last, so that the rule has to remember it."""
    return any("told" in one.names for one in expressions(rule.title, rule.body))


def of_result(
    looks: Iterable[tuple[Rule, Look]], values: RuleValues, memories: Mapping[str, Memory]
) -> dict[str, Text]:
    """Return, by target, the words of the first rule that tells it and has some; `memories` are those before."""
    found: dict[str, Text] = {}
    for rule, look in looks:
        if look.told and (rule.title or rule.body):
            known = memories.get(rule.key) or Memory()
            text = Text(rule.title, rule.body, values.named(known.told), values.history)
            for target in rule.to:
                found.setdefault(target, text)
    return found


def attached(decision: Decision, watch: Watch, run: Mapping[str, Any], now: datetime) -> Decision:
    """Return a decision whose notifications beside the result (failure, recovery …) have the words of their rules."""
    if not any(rule.title or rule.body for rule in watch.notify):
        return decision
    run = {**run, "verdict": str(decision.verdict), "reason": decision.reason}
    values = {"watch": watch_values(watch), "run": run, "now": now}
    notes = (note if note.texts else with_texts(note, watch, values) for note in decision.notifications)
    return replace(decision, notifications=tuple(notes))


def with_texts(note: Notification, watch: Watch, values: Mapping[str, Any]) -> Notification:
    """Return a notification with the texts of its rules that need no more than these values."""
    found: dict[str, Text] = {}
    for rule in watch.notify:
        if note.kind.value not in rule.on:
            continue
        title, body = (text if text and _fits(rule, text, values) else None for text in (rule.title, rule.body))
        if title or body:
            for target in rule.to:
                found.setdefault(target, Text(title, body, values))
    return replace(note, texts=found) if found else note


def _fits(rule: Rule, text: str, values: Mapping[str, Any]) -> bool:
    """Return whether a text says something of what is not about a result, with no more than these values."""
    names = {name for one in expressions(text) for name in one.names & NAMES}
    meant = not {"change", "baseline"} & set(rule.on) or "run" in names
    return meant and names <= values.keys() and not any(one.looks_back for one in expressions(text))


def run_values(run: Run, outcome: Outcome, judged: Judgement, now: datetime) -> dict[str, Any]:
    """Return the variable `run`: the object of `run --json` as far as it is known before it is stored."""
    fault = judged.fault or outcome.fault
    return {
        "watch": run.watch,
        "run": run.id,
        "run_id": outcome.run_id,
        "due_at": run.due_at,
        "trigger": str(run.trigger),
        "attempt": run.attempt,
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
        "started_at": outcome.started_at,
        "finished_at": outcome.finished_at or now,
    }
