"""What of a value is compared: undeclared and ignored parts left out, keyed lists gathered by their rows' keys.

A projection keeps the values as they were read, so that a change can show them; `form` gives its canonical form.
Must not know how two projections are compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from monitor.judge.comparison import canonical, pointer
from monitor.judge.comparison.margin import Loose
from monitor.judge.comparison.selection import Selection
from monitor.judge.schemas.scope import Scope


class _Omitted:
    """An ignored item of a list: it keeps its neighbours' indices."""


OMITTED = _Omitted()


class Moment(str):
    """A text where the schema wants a `date-time`: written in another zone, or with other fractions, it is the same."""

    __slots__ = ()

    @property
    def instant(self) -> str:
        """The instant in UTC, or the text itself where it names none."""
        try:
            found = datetime.fromisoformat(self.upper())
            return str(self) if found.tzinfo is None else found.astimezone(UTC).isoformat()
        except (ValueError, OverflowError):
            return str(self)


@dataclass(slots=True)
class Rows:
    """A keyed list: rows by the canonical text of their key; rows without a key stand under the empty text.

    `names` holds what each group is called in a path. The rows of one group are in canonical order.
    """

    keys: tuple[str, ...] = ()
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


@dataclass(slots=True)
class Bag:
    """An unordered list: its items, and the index at which each stood in the value."""

    items: list[Any] = field(default_factory=list)
    places: list[int] = field(default_factory=list)


def project(value: Any, scope: Scope, selection: Selection) -> Any:
    """Return the compared part of a value; raises canonical.NotCanonicalError.

    It is made of dicts, lists, `Rows`, `Bag`, `Loose` (a value that may move a little) and plain values.
    """
    if isinstance(value, dict):
        return {name: project(item, child, below) for name, item, child, below in _members(value, scope, selection)}
    if isinstance(value, list):
        if selection.identity:
            return _rows(value, scope, selection)
        return _bag(value, scope, selection) if selection.unordered else _items(value, scope, selection)
    margin = selection.margin(value) if selection.patterns else None
    if margin is not None:
        return Loose(value, margin)
    return Moment(value) if isinstance(value, str) and "date-time" in scope.formats else value


def _members(value: dict[str, Any], scope: Scope, selection: Selection) -> Iterator[tuple[str, Any, Scope, Selection]]:
    for name, item in canonical.named(value).items():
        child = scope.child(name)
        if child is None:
            continue
        below = selection.member(name)
        if not below.ignored:
            yield name, item, child, below


def _items(value: list[Any], scope: Scope, selection: Selection) -> list[Any]:
    found = []
    for index, item in enumerate(value):
        below = selection.into(str(index)) if selection.indexed else selection.items
        found.append(OMITTED if below.ignored else project(item, scope.item(index), below))
    while found and found[-1] is OMITTED:
        found.pop()
    return found


def _bag(value: list[Any], scope: Scope, selection: Selection) -> Bag:
    """Items of a list without order have no index of their own: only what is said of all of them counts."""
    bag, below = Bag(), selection.items
    for index, item in enumerate([] if below.ignored else value):
        bag.items.append(project(item, scope.item(index), below))
        bag.places.append(index)
    return bag


def _rows(value: list[Any], scope: Scope, selection: Selection) -> Rows:
    keys = selection.identity
    rows = Rows(keys)
    for index, item in enumerate(value):
        values = _key(item, keys)
        group = "" if values is None else canonical.key(values)
        name = "" if values is None else pointer.row_segment(keys, [_shown(one) for one in values])
        below = selection.into(name) if name and selection.indexed else selection.items
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


def form(projection: Any, depth: int = canonical.MAX_DEPTH, *, blurred: bool = False) -> Any:
    """Return the canonical form of a projection, in which a keyed list equals nothing but a keyed list.

    What is no plain JSON value is a pair that begins with a bare boolean: no value prints like that, since a boolean
    prints in brackets of its own. `blurred` leaves out what may move a little: forms of rows that are likely the same.
    """
    if isinstance(projection, Moment):
        return canonical.form(projection.instant)
    if projection is None or isinstance(projection, str | int | float):
        return canonical.form(projection)
    if isinstance(projection, dict | list) and depth <= 0:
        raise canonical.NotCanonicalError(f"the value is nested deeper than {canonical.MAX_DEPTH} levels")
    if isinstance(projection, dict):
        return {name: form(item, depth - 1, blurred=blurred) for name, item in projection.items()}
    if isinstance(projection, list):
        return [form(item, depth - 1, blurred=blurred) for item in projection]
    if isinstance(projection, Rows):
        groups = projection.groups.items()
        return (True, {group: [form(row, depth - 1, blurred=blurred) for row in rows] for group, rows in groups})
    if isinstance(projection, Bag):
        texts = (canonical.printed(form(item, depth - 1, blurred=blurred)) for item in projection.items)
        return (False, dict(Counter(texts)))
    if isinstance(projection, Loose):
        return (True, True) if blurred else canonical.form(projection.value)
    return (True, False) if projection is OMITTED else canonical.form(projection)


def loose(projection: Any) -> bool:
    """Return whether something of a projection may move a little."""
    if isinstance(projection, dict):
        return any(loose(item) for item in projection.values())
    if isinstance(projection, list):
        return any(loose(item) for item in projection)
    if isinstance(projection, Rows):
        return any(loose(rows) for rows in projection.groups.values())
    return isinstance(projection, Loose) or (isinstance(projection, Bag) and loose(projection.items))


def plain(projection: Any) -> Any:
    """Return a projection as the JSON value it stands for, the rows of a keyed list in the order of their groups."""
    if isinstance(projection, dict):
        return {name: plain(item) for name, item in projection.items()}
    if isinstance(projection, list):
        return [plain(item) for item in projection if item is not OMITTED]
    if isinstance(projection, Rows):
        return [plain(row) for rows in projection.groups.values() for row in rows]
    if isinstance(projection, Bag):
        return [plain(item) for item in projection.items]
    if isinstance(projection, Loose):
        return projection.value
    return None if projection is OMITTED else projection
