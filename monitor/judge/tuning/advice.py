"""Which lines of a definition would quiet what is evidently noise, and what else they would hide.

Every figure is what telling the same results again with the line in place gives; nothing is estimated. Advice is only
given where values flip back, are reworded, reordered or move a little. Must not know how noise is counted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from monitor.clock import stamp
from monitor.judge.comparison import canonical
from monitor.judge.decision import Change
from monitor.judge.schemas.scope import Scope
from monitor.judge.tuning import retelling
from monitor.judge.tuning.retelling import Told
from monitor.watch.compare import Compare

MOST_SHOWN = 20  # changes listed of one suggestion; the counts are of all
SOON = 3  # results: a value that stays at least so long looks real
_WORD = re.compile(r"[0-9.]+%|[A-Za-z_][A-Za-z0-9_-]*")
_NOT_TEXT = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
_PLAIN = re.compile(r"/[A-Za-z0-9_.*/-]*")


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of `compare` (`field` is tolerance, similar, ignore, identity or unordered), or `confirm`."""

    field: str
    path: str = ""
    value: Any = None

    @property
    def yaml(self) -> str:
        """The entry as a watch file has it, to be put under what `field` belongs to."""
        if self.field == "confirm":
            return f"confirm: {{runs: {self.value}}}"
        return f"compare: {{{written({self.field: self.entry})[0]}}}"

    @property
    def entry(self) -> Any:
        """The value of the field in a definition that has nothing else in it."""
        return [self.path] if self.field in {"ignore", "unordered"} else {self.path: self.value}

    def added_to(self, compare: Compare) -> Compare:
        """Return a `compare` that has this entry as well; not for `confirm`, which is no part of it."""
        old = compare.model_dump(exclude_defaults=True)
        present = old.get(self.field, [] if self.field in {"ignore", "unordered"} else {})
        new = [*present, self.path] if isinstance(present, list | tuple) else {**present, self.path: self.value}
        return Compare.model_validate(old | {self.field: new})


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A line, why it is advised, and its price: what it hides, and what of that looks like a real change.

    `records` and `changes` are how many results told a change, and how many changes they told: without it and with it,
    the suggestions before it in place.
    """

    line: Line
    why: str
    records: tuple[int, int]
    changes: tuple[int, int]
    hidden: tuple[Told, ...]
    real: tuple[Told, ...]
    told: tuple[Told, ...]  # what is told with the line

    def as_json(self, instants: Sequence[datetime]) -> dict[str, Any]:
        """Return the object of `noise --json`; `instants` are those of the results."""

        def shown(told: Sequence[Told]) -> list[dict[str, Any]]:
            return [{"at": stamp(instants[one.index])} | one.change.as_json() for one in told[:MOST_SHOWN]]

        return {
            "yaml": self.line.yaml,
            "field": self.line.field,
            "path": self.line.path or None,
            "why": self.why,
            "records": {"before": self.records[0], "after": self.records[1]},
            "changes": {"before": self.changes[0], "after": self.changes[1]},
            "hidden": len(self.hidden),
            "looks_real": len(self.real),
            "hides": shown(self.hidden),
            "real": shown(self.real),
        }


@dataclass(frozen=True, slots=True)
class Story:
    """Results in order, and under which schema they are told."""

    values: Sequence[Any]
    schema: dict[str, Any]
    scope: Scope

    def told(self, compare: Compare) -> tuple[Told, ...]:
        """Return every change under a `compare`."""
        return retelling.told(self.values, self.schema, compare, self.scope)


def tried(line: Line, why: str, story: Story, compare: Compare, before: Sequence[Told]) -> Suggestion | None:
    """Return what a line does to a story that tells `before` without it; None when it quiets nothing."""
    if line.field == "confirm":
        after = retelling.told_confirmed(story.values, story.schema, compare, story.scope, line.value)
        # A change is told `runs` - 1 results later: it is the same change by its place and what it became.
        hidden = _without(
            before, after, lambda one: (one.change.path, one.change.kind, canonical.key(one.change.after))
        )
    else:
        after = story.told(line.added_to(compare))
        hidden = _without(before, after, lambda one: one.key)
    records = _records(before), _records(after)
    if not hidden or records[1] > records[0]:
        return None
    structural = line.field in {"identity", "unordered"}
    lost = () if structural else real(hidden, before)
    return Suggestion(line, why, records, (len(before), len(after)), hidden, lost, after)


def returns(told: Sequence[Told]) -> list[tuple[Told, Told]]:
    """Return every change with the next one of its path where that takes it back: A→B, B→A."""
    found, last = [], dict[str, Told]()
    for one in told:
        before = last.get(one.change.path)
        if before is not None and _undoes(one.change, before.change):
            found.append((before, one))
        last[one.change.path] = one
    return found


def real(hidden: Sequence[Told], told: Sequence[Told]) -> tuple[Told, ...]:
    """Return what looks like a change of the page: it did not take one back, and was not soon taken back itself."""
    noise = {one.key for pair in returns(told) if pair[1].index - pair[0].index <= SOON for one in pair}
    return tuple(one for one in hidden if one.key not in noise)


def _undoes(later: Change, earlier: Change) -> bool:
    kinds = {"added": "removed", "removed": "added", "changed": "changed"}
    return later.kind == kinds[earlier.kind] and canonical.key(later.after) == canonical.key(earlier.before)


def written(fields: dict[str, Any]) -> list[str]:
    """Return fields of `compare` as YAML, one line each: `tolerance: {/price: 2%}`."""
    lines = []
    for name, entry in fields.items():
        if isinstance(entry, dict):
            lines.append(f"{name}: {{{', '.join(f'{_key(path)}: {_value(value)}' for path, value in entry.items())}}}")
        elif isinstance(entry, list | tuple):
            lines.append(f"{name}: [{', '.join(_key(path) for path in entry)}]")
        else:
            lines.append(f"{name}: {_value(entry)}")
    return lines


def largest(told: Sequence[Told]) -> Told | None:
    """Return the change that is largest as a share of what was there, among those of numbers."""
    return max((one for one in told if move(one) is not None), key=lambda one: move(one) or 0, default=None)


def move(one: Told) -> float | None:
    """Return how far a number moved as a share of what it was; None for other changes, and from zero."""
    before, after = one.change.before, one.change.after
    if one.change.kind != "changed" or not _is_number(before) or not _is_number(after) or not before:
        return None
    try:
        return float(abs(after - before) / abs(before))
    except OverflowError:
        return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _without(before: Sequence[Told], after: Sequence[Told], key: Any) -> tuple[Told, ...]:
    left: dict[Any, int] = {}
    for one in after:
        left[key(one)] = left.get(key(one), 0) + 1
    hidden = []
    for one in before:
        if left.get(key(one), 0) > 0:
            left[key(one)] -= 1
        else:
            hidden.append(one)
    return tuple(hidden)


def _records(told: Sequence[Told]) -> int:
    return len({one.index for one in told})


def _key(path: str) -> str:
    return path if _PLAIN.fullmatch(path) else json.dumps(path)


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(each) for each in value)}]"
    if isinstance(value, str) and _WORD.fullmatch(value) and value.casefold() not in _NOT_TEXT:
        return value
    return json.dumps(value)
