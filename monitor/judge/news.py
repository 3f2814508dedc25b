"""What is told of a good result: each rule is looked at, and those that tell the same go into one notification.

Must not know how a condition is evaluated (`rules`) or how a message is worded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from monitor.agent.outcome import Outcome
from monitor.judge.comparison.compare import changes
from monitor.judge.conditions import rules, texts
from monitor.judge.conditions.history import History
from monitor.judge.conditions.rules import RuleValues
from monitor.judge.decision import Baseline, Change, Kind, Look, Memory, Notification, Verdict, WatchState
from monitor.judge.verdict import Judgement
from monitor.watch.model import Watch
from monitor.watch.run import Run

_Told = tuple[str, str | None, str | None]  # kind, remark, and what went wrong with the condition


@dataclass(frozen=True, slots=True)
class News:
    """What came of one good result: the notifications, what each rule made of it, and what the rules remember now."""

    notifications: tuple[Notification, ...] = ()
    looks: tuple[Look, ...] = ()
    memories: Mapping[str, Memory] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seen:
    """A good result with what it is seen beside: the run, its outcome, the state before, and the history if any."""

    run: Run
    outcome: Outcome
    judged: Judgement
    before: WatchState
    first: Baseline | None
    now: datetime
    history: History | None = None


def news(watch: Watch, seen: Seen, new_event: Callable[[], str]) -> News:
    """Return what the rules of a watch make of a good result; an unchanged one is looked at only by rules with `once`.

    A target that several rules name is told once, by the first of them; with the words of the first that has some.
    """
    verdict = seen.judged.verdict
    if verdict is Verdict.UNCHANGED and not any(rule.once for rule in watch.notify):
        return News(memories=seen.before.memories)
    if verdict is Verdict.UNCONFIRMED:
        return News(memories=seen.before.memories)
    values, looks, memories = _values(watch, seen), [], {}
    for index, rule in enumerate(watch.notify):
        if verdict is Verdict.UNCHANGED and not rule.once:
            continue
        look, memory = rules.look(rule, index, verdict, values, seen.before.memories.get(rule.key))
        looks.append((rule, look))
        if rule.when is not None or texts.names_told(rule):
            memories[rule.key] = memory
    if verdict is Verdict.UNCHANGED:
        memories = {**seen.before.memories, **memories}
    kept = {rule.key for rule in watch.notify}
    memories = {key: memory for key, memory in memories.items() if key in kept}
    told: dict[_Told, list[str]] = {}
    for rule, look in looks:
        if look.told:
            told.setdefault((look.kind, _remark(verdict, look), look.note), []).extend(rule.to)
    words = texts.of_result(looks, values, seen.before.memories)
    notes = _notifications(watch, seen, told, new_event)
    notes = tuple(replace(note, texts={to: words[to] for to in note.targets if to in words}) for note in notes)
    return News(notes, tuple(look for _, look in looks), memories)


def _remark(verdict: Verdict, look: Look) -> str | None:
    """Return what a message says beside the changes: an error of the condition, or what made an unchanged one news."""
    return look.note or (look.why if verdict is Verdict.UNCHANGED else None)


def _notifications(
    watch: Watch, seen: Seen, told: Mapping[_Told, Iterable[str]], new_event: Callable[[], str]
) -> tuple[Notification, ...]:
    found, reached = [], set[str]()
    differences = _differences(watch, seen)
    for (kind, remark, error), targets in told.items():
        whom = tuple(target for target in dict.fromkeys(targets) if target not in reached)
        reached.update(whom)
        if whom:
            result = seen.judged.result if kind == Kind.BASELINE else None
            found.append(
                Notification(
                    new_event(), Kind(kind), whom, changes=differences, result=result, message=remark, hint=error
                )
            )
    return tuple(found)


def _differences(watch: Watch, seen: Seen) -> tuple[Change, ...]:
    """Return what a message lists: the changes, and of an unchanged result what moved within its tolerances."""
    if seen.judged.verdict is not Verdict.UNCHANGED or seen.before.baseline is None:
        return seen.judged.changes
    exact = watch.compare.model_copy(update={"tolerance": {}, "similar": {}})
    return changes(seen.before.baseline.result, seen.judged.result, watch.output_schema, exact)


def _values(watch: Watch, seen: Seen) -> RuleValues:
    judged, baseline = seen.judged, seen.before.baseline
    return RuleValues(
        new=judged.result,
        old=None if judged.verdict is Verdict.BASELINE or baseline is None else baseline.result,
        first=None if judged.verdict is Verdict.BASELINE or seen.first is None else seen.first.result,
        changes=judged.changes,
        watch=rules.watch_values(watch),
        run=texts.run_values(seen.run, seen.outcome, judged, seen.now),
        now=seen.now,
        history=seen.history,
    )
