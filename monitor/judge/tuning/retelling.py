"""What a row of results would tell under some `compare`: every change against the baseline of its time.

The baseline moves with every change told, as in `decide`. Must not know rules, targets or what was told then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from monitor.judge.comparison import compare as comparing
from monitor.judge.comparison import pointer
from monitor.judge.decision import Change
from monitor.judge.schemas.scope import Scope
from monitor.watch.compare import Compare


@dataclass(frozen=True, slots=True)
class Told:
    """One change that one result tells: `index` counts the results from 0, `place` is the path with `*` for rows."""

    index: int
    place: str
    change: Change

    @property
    def key(self) -> tuple[int, str, str]:
        """What one change is recognised by in another telling of the same results."""
        return self.index, self.change.path, self.change.kind


def told(values: Sequence[Any], schema: dict[str, Any], compare: Compare, scope: Scope) -> tuple[Told, ...]:
    """Return every change of a row of good results, in order."""
    found: list[Told] = []
    baseline = values[0] if values else None
    for index, value in enumerate(values[1:], start=1):
        differing = comparing.changes(baseline, value, schema, compare)
        if differing:
            baseline = value
            found += [Told(index, place(change.path, scope), change) for change in differing]
    return tuple(found)


def told_confirmed(
    values: Sequence[Any], schema: dict[str, Any], compare: Compare, scope: Scope, runs: int
) -> tuple[Told, ...]:
    """Return every change of a row of good results that `runs` of them in a row agree on (`confirm`)."""
    found: list[Told] = []
    baseline = values[0] if values else None
    pending: Any = None
    agreeing = 0
    for index, value in enumerate(values[1:], start=1):
        differing = comparing.changes(baseline, value, schema, compare)
        if not differing:
            agreeing = 0
            continue
        same = agreeing > 0 and not comparing.changes(pending, value, schema, compare)
        pending, agreeing = (pending, agreeing + 1) if same else (value, 1)
        if agreeing >= runs:
            baseline, agreeing = value, 0
            found += [Told(index, place(change.path, scope), change) for change in differing]
    return tuple(found)


def place(path: str, scope: Scope) -> str:
    """Return a change's path as `compare` names it for all rows: `/offers/seller=ACME/price` is `/offers/*/price`."""
    parts = []
    for part in path.split("/")[1:]:
        name = pointer.split(f"/{part}")[0]
        if scope.is_list and name not in scope.properties:
            parts.append("*")
            scope = scope.item(0)
        else:
            parts.append(part if name in scope.properties or scope.child(name) is None or scope.open else "*")
            scope = scope.child(name) or scope
    return "".join(f"/{part}" for part in parts)
