"""What of a value is compared: undeclared and ignored parts left out, keyed lists gathered by their rows' keys.

A projection keeps the values as they were read, so that a change can show them; `form` gives its canonical form.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from monitor.judge import canonical, pointer
from monitor.judge.pointer import Matches
from monitor.judge.scope import Scope


class _Omitted:
    """An ignored item of a list: it keeps its neighbours' indices."""


OMITTED = _Omitted()


@dataclass(slots=True)
class Rows:
    """A keyed list: rows by the canonical text of their key; rows without a key stand under the empty text.

    `names` holds what each group is called in a path. The rows of one group are in canonical order.
    """

    groups: dict[str, list[Any]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def add(self, group: str, name: str, row: Any) -> None:
        """Put one more row into its group."""
        self.groups.setdefault(group, []).append(row)
        self.names[group] = name

    def settle(self) -> None:
        """Bring the rows of each group into an order that does not depend on where they stood."""
        for rows in self.groups.values():
            if len(rows) > 1:
                rows.sort(key=lambda row: canonical.printed(form(row)))


def project(value: Any, scope: Scope, patterns: Matches) -> Any:
    """Return the compared part of a value: dicts, lists, `Rows`, plain values; raises canonical.NotCanonicalError."""
    if isinstance(value, dict):
        return {name: project(item, child, below) for name, item, child, below in _members(value, scope, patterns)}
    if isinstance(value, list):
        return _rows(value, scope, patterns) if patterns.identity else _items(value, scope, patterns)
    return value


def _members(value: dict[str, Any], scope: Scope, patterns: Matches) -> Iterator[tuple[str, Any, Scope, Matches]]:
    for name, item in canonical.named(value).items():
        child = scope.child(name)
        if child is None:
            continue
        below = patterns.into(pointer.segment(name)) if patterns.patterns else patterns
        if not below.ignored:
            yield name, item, child, below


def _items(value: list[Any], scope: Scope, patterns: Matches) -> list[Any]:
    common = patterns.into()
    found = []
    for index, item in enumerate(value):
        below = patterns.into(str(index)) if patterns.indexed else common
        found.append(OMITTED if below.ignored else project(item, scope.item(index), below))
    while found and found[-1] is OMITTED:
        found.pop()
    return found


def _rows(value: list[Any], scope: Scope, patterns: Matches) -> Rows:
    keys, common, rows = patterns.identity, patterns.into(), Rows()
    for index, item in enumerate(value):
        values = _key(item, keys)
        group = "" if values is None else canonical.key(values)
        name = "" if values is None else pointer.row_segment(keys, [_shown(one) for one in values])
        below = patterns.into(name) if name and patterns.indexed else common
        if not below.ignored:
            rows.add(group, name, project(item, scope.item(index), below))
    rows.settle()
    return rows


def _key(item: Any, keys: tuple[str, ...]) -> list[Any] | None:
    """Return the values of a row's key, or None when it has no whole key of plain values."""
    if not isinstance(item, dict):
        return None
    values = [item.get(key) for key in keys]
    return None if any(value is None or isinstance(value, dict | list) for value in values) else values


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return canonical.text(value)
    return value if isinstance(value, bool) else canonical.number(value)


def form(projection: Any, depth: int = canonical.MAX_DEPTH) -> Any:
    """Return the canonical form of a projection; a keyed list becomes a tuple, equal to nothing but a keyed list."""
    if isinstance(projection, dict | list) and depth <= 0:
        raise canonical.NotCanonicalError(f"the value is nested deeper than {canonical.MAX_DEPTH} levels")
    if isinstance(projection, dict):
        return {name: form(item, depth - 1) for name, item in projection.items()}
    if isinstance(projection, list):
        return [form(item, depth - 1) for item in projection]
    if isinstance(projection, Rows):
        return ("rows", {group: [form(row, depth - 1) for row in rows] for group, rows in projection.groups.items()})
    return ("omitted",) if projection is OMITTED else canonical.form(projection)


def plain(projection: Any) -> Any:
    """Return a projection as the JSON value it stands for, the rows of a keyed list in the order of their groups."""
    if isinstance(projection, dict):
        return {name: plain(item) for name, item in projection.items()}
    if isinstance(projection, list):
        return [plain(item) for item in projection if item is not OMITTED]
    if isinstance(projection, Rows):
        return [plain(row) for rows in projection.groups.values() for row in rows]
    return None if projection is OMITTED else projection
