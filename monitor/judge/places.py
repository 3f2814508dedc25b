"""Whether the pointers of `compare` name something that the schema declares; a slip there would be silent for ever."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from monitor.judge import pointer, validation
from monitor.judge.scope import ANYTHING, Scope
from monitor.watch.findings import Finding
from monitor.watch.model import Watch


def check(watch: Watch) -> Iterator[Finding]:
    """Yield every pointer of `compare.ignore` and `compare.identity` that names nothing, or no list of keyed rows."""
    root = validation.compiled(watch.output_schema).scope
    for index, path in enumerate(watch.compare.ignore):
        _, finding = _reached(root, path, ("compare", "ignore", index))
        if finding:
            yield finding
    for path, keys in watch.compare.identity.items():
        where = ("compare", "identity", path)
        scopes, finding = _reached(root, path, where)
        if finding:
            yield finding
        else:
            yield from _rows(scopes, path, keys, where)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return `did you mean "…"?` for the nearest known word, or None (judge may not know `files.problems`)."""
    close = difflib.get_close_matches(word[:200], list(known), n=1, cutoff=0.6)
    return f'did you mean "{close[0]}"?' if close else None


def _reached(root: Scope, path: str, where: tuple[str | int, ...]) -> tuple[list[Scope], Finding | None]:
    here, walked = [root], ""
    for part in path.split("/")[1:]:
        below = [child for scope in here for child in _below(scope, part)]
        if not below:
            name = pointer.split(f"/{part}")[0]
            known = [other for scope in here for other in scope.properties]
            hint = nearest(name, known) or _instead(here, walked, known)
            return [], Finding(
                where, f"{path} names nothing that output_schema declares ({walked or '/'} has no {name!r})", hint
            )
        here, walked = below, f"{walked}/{part}"
    return here, None


def _below(scope: Scope, part: str) -> list[Scope]:
    if scope is ANYTHING or not scope.nodes:
        return [ANYTHING]
    found: list[Scope] = []
    if scope.is_list and (part == "*" or part.isdecimal() or "=" in part):
        found.append(scope.item(int(part) if part.isdecimal() and len(part) < 10 else 0))
    if (scope.types or scope.is_list) and "object" not in scope.types and not scope.properties:
        return found
    if part == "*":
        extra = scope.child("\ufffd any other name")
        return [*found, *scope.properties.values(), *([extra] if extra else [])]
    child = scope.child(pointer.split(f"/{part}")[0])
    return [*found, child] if child else found


def _instead(here: list[Scope], walked: str, known: list[str]) -> str | None:
    if any(scope.is_list for scope in here):
        return f"items of a list are named by *, as in {walked}/*/…"
    return f"it declares {', '.join(sorted(set(known))[:10])}" if known else None


def _rows(scopes: list[Scope], path: str, keys: tuple[str, ...], where: tuple[str | int, ...]) -> Iterator[Finding]:
    lists = [scope for scope in scopes if scope.is_list]
    if not lists:
        yield Finding(
            where, f"{path} is not declared as a list", "identity names a list of objects and the key of its rows"
        )
        return
    declared = [name for scope in lists for name in scope.item(0).properties]
    for key in keys:
        if key not in declared:
            hint = nearest(key, declared) or (
                f"they declare {', '.join(sorted(set(declared))[:10])}" if declared else None
            )
            yield Finding(where, f"the rows of {path} declare no property {key!r}", hint)
