"""What differs between two results, as `Change` values: none if and only if their canonical forms are equal (B3).

Compared is what the schema declares, without what `compare.ignore` names. Rows of a list with an identity are matched
by it; other lists are aligned by deepdiff, on tokens that stand for equal items. Must not know runs or verdicts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from monitor.judge import canonical, pointer, validation
from monitor.judge.alignment import aligned
from monitor.judge.decision import Change
from monitor.judge.pointer import Matches, Pattern
from monitor.judge.projection import OMITTED, Rows, form, plain, project
from monitor.judge.scope import Scope
from monitor.watch.model import Compare


def changes(before: Any, after: Any, schema: dict[str, Any], compare: Compare) -> tuple[Change, ...]:
    """Return the differences, in the order of the schema; empty if and only if nothing that is compared differs.

    Raises `canonical.NotCanonicalError` for values that `reading` would have refused.
    """
    scope = validation.compiled(schema).scope
    patterns = Matches((_patterns(compare),))
    old, new = project(before, scope, patterns), project(after, scope, patterns)
    return tuple(_different(old, new, "", scope))


def _patterns(compare: Compare) -> Pattern:
    root = Pattern()
    for path in compare.ignore:
        root.at(path).ignored = True
    for path, keys in compare.identity.items():
        root.at(path).identity = keys
    return root


def _different(old: Any, new: Any, path: str, scope: Scope) -> Iterator[Change]:
    if form(old) == form(new):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for name in _ordered(old.keys() | new.keys(), scope):
            yield from _member(old, new, name, f"{path}/{pointer.segment(name)}", scope.child(name) or scope)
    elif isinstance(old, Rows) and isinstance(new, Rows):
        yield from _rows(old, new, path, scope)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _items(old, new, path, scope)
    else:
        yield Change(path, "changed", plain(old), plain(new))


def _member(old: dict[str, Any], new: dict[str, Any], name: str, path: str, scope: Scope) -> Iterator[Change]:
    if name not in new:
        yield Change(path, "removed", before=plain(old[name]))
    elif name not in old:
        yield Change(path, "added", after=plain(new[name]))
    else:
        yield from _different(old[name], new[name], path, scope)


def _ordered(names: Iterable[str], scope: Scope) -> list[str]:
    rank = {name: place for place, name in enumerate(scope.properties)}
    return sorted(names, key=lambda name: (rank.get(name, len(rank)), name))


def _rows(old: Rows, new: Rows, path: str, scope: Scope) -> Iterator[Change]:
    for group in sorted(old.groups.keys() | new.groups.keys()):
        before, after = old.groups.get(group, []), new.groups.get(group, [])
        name = f"{path}/{(old.names.get(group) or new.names.get(group, ''))}"
        if not group or len(before) > 1 or len(after) > 1:
            yield from _surplus(before, after, name)
        elif not after:
            yield Change(name, "removed", before=plain(before[0]))
        elif not before:
            yield Change(name, "added", after=plain(after[0]))
        else:
            yield from _different(before[0], after[0], name, scope.item(0))


def _surplus(before: list[Any], after: list[Any], name: str) -> Iterator[Change]:
    """Rows that share a key, or have none, cannot be matched: what one side has more of is removed or added."""
    old, new = ([canonical.printed(form(row)) for row in rows] for rows in (before, after))
    for texts, rows, spare, kind in ((old, before, Counter(new), "removed"), (new, after, Counter(old), "added")):
        for number, (text, row) in enumerate(zip(texts, rows, strict=True), start=1):
            if spare[text] > 0:
                spare[text] -= 1
            elif kind == "removed":
                yield Change(f"{name}#{number}", kind, before=plain(row))
            else:
                yield Change(f"{name}#{number}", kind, after=plain(row))


def _items(old: list[Any], new: list[Any], path: str, scope: Scope) -> Iterator[Change]:
    """Lists without an identity: indices of removed items count in the old list, all others in the new one."""
    tokens = [[canonical.printed(form(item)) for item in items] for items in (old, new)]
    pairs = aligned(*tokens)
    if pairs is None:
        yield Change(path, "changed", plain(old), plain(new))
        return
    for at_old, at_new in pairs:
        left = None if at_old is None or old[at_old] is OMITTED else at_old
        right = None if at_new is None or new[at_new] is OMITTED else at_new
        if left is not None and right is not None:
            yield from _different(old[left], new[right], f"{path}/{right}", scope.item(right))
        elif left is not None:
            yield Change(f"{path}/{left}", "removed", before=plain(old[left]))
        elif right is not None:
            yield Change(f"{path}/{right}", "added", after=plain(new[right]))
