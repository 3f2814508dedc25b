"""Who is told of what: the rules of a watch against one event, and why each told or kept silent.

Must not know how a message is worded or sent.
"""

from __future__ import annotations

from collections.abc import Iterable

from monitor.judge.decision import Kind, Look, Notification
from monitor.watch.model import Rule, Watch


def targets(watch: Watch, kind: Kind) -> tuple[str, ...]:
    """Return whom the watch's rules tell of a kind of event, each target once, in the order of the rules."""
    return tuple(dict.fromkeys(target for rule in watch.notify if kind.value in rule.on for target in rule.to))


def name(index: int) -> str:
    """Return how a rule is named in `explain`: by its place in the file."""
    return f"notify[{index}]"


def plainly(watch: Watch, notifications: Iterable[Notification]) -> tuple[Look, ...]:
    """Return what the rules made of events that no condition filters."""
    found: list[Look] = []
    for kind in dict.fromkeys(note.kind for note in notifications):
        found += [_by_kind(rule, index, kind) for index, rule in enumerate(watch.notify)]
    return tuple(found)


def _by_kind(rule: Rule, index: int, kind: Kind) -> Look:
    told = kind.value in rule.on
    return Look(name(index), kind.value, told, f"`on` names {kind}" if told else f"`on` does not name {kind}")
