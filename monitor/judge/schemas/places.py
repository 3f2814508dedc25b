"""Whether the pointers of `compare` name something that the schema declares; a slip there would be silent for ever."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from monitor.judge.comparison import pointer
from monitor.judge.schemas import validation
from monitor.judge.schemas.scope import ANYTHING, Scope
from monitor.watch.findings import Finding
from monitor.watch.model import Watch

Where = tuple[str | int, ...]
_WANTED = {"tolerance": "number", "similar": "string", "unordered": "array"}
_WORDS = {"number": "a number", "string": "text", "array": "a list", "object": "an object", "boolean": "true or false"}
_PYTHON: dict[str, type | tuple[type, ...]] = {"number": (int, float), "string": str, "array": list, "object": dict}


def check(watch: Watch) -> Iterator[Finding]:
    """Yield every pointer of `compare` that names nothing that is declared, or something that it cannot be said of."""
    root, compare = validation.compiled(watch.output_schema).scope, watch.compare
    for field, paths in (("ignore", compare.ignore), ("unordered", compare.unordered)):
        for index, path in enumerate(paths):
            yield from _place(root, path, ("compare", field, index))
    for path, keys in compare.identity.items():
        scopes, finding = reached(root, path, ("compare", "identity", path))
        yield from (finding,) if finding else _rows(scopes, path, keys, ("compare", "identity", path))
    for field, named in (("tolerance", compare.tolerance), ("similar", compare.similar)):
        keyed = {f"{path}/*/{pointer.segment(key)}" for path, keys in compare.identity.items() for key in keys}
        for path in named:
            yield from _place(root, path, ("compare", field, path))
            if path in keyed:
                message = f"{path} is a key of its rows, which are matched by it exactly: {field} has no effect"
                yield Finding(("compare", field, path), message, "name another key in identity", warning=True)


def _place(root: Scope, path: str, where: Where) -> Iterator[Finding]:
    """Yield what is wrong with a pointer that says something of the places it names; one place that fits is enough."""
    scopes, finding = reached(root, path, where)
    if finding:
        yield finding
    elif not any(_fits(str(where[1]), scope) for scope in scopes):
        yield _unfit(str(where[1]), path, scopes, where)


def _fits(field: str, scope: Scope) -> bool:
    """Return whether what `field` says has an effect on some value that may stand here."""
    kinds = _kinds(scope)
    if field not in _WANTED or not kinds:
        return True
    return _WANTED[field] in kinds and not (field == "unordered" and _kinds(scope.item(0)) & {"object", "array"})


def _kinds(scope: Scope) -> set[str]:
    """Return the types, but null, that the schema names for a place, by word or by example; none: it says nothing."""
    named = set(scope.types)
    if not named:
        listed = [node.get("enum") for node in scope.nodes] + [
            [node["const"]] for node in scope.nodes if "const" in node
        ]
        named = {_type(value) for values in listed if isinstance(values, list) for value in values}
        named |= {"array"} if scope.is_list else set()
        named |= {"object"} if scope.properties else set()
    return {"number" if kind == "integer" else kind for kind in named} - {"null"}


def _type(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    return next((name for name, kind in _PYTHON.items() if isinstance(value, kind)), "null")


def _unfit(field: str, path: str, scopes: list[Scope], where: Where) -> Finding:
    kinds = {kind for scope in scopes for kind in _kinds(scope)}
    if field == "unordered" and "array" in kinds:
        keyed = f"rows are matched by a key: identity: {{{path}: …}}"
        return Finding(where, f"the items of {path} are not plain values", keyed)
    declared = " or ".join(_WORDS[kind] for kind in sorted(kinds & _WORDS.keys())) or "null"
    hint: str | None
    if "array" in kinds:
        hint = f"name its items: {path}/*"
    elif "object" in kinds:
        hint = f"name one of its properties: {path}/…"
    else:
        hint = next((f"{other} is for {_WORDS[kind]}" for other, kind in _WANTED.items() if kind in kinds), None)
    return Finding(where, f"{path} is declared as {declared}, and {field} is for {_WORDS[_WANTED[field]]}", hint)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return `did you mean "…"?` for the nearest known word, or None (judge may not know `files.problems`)."""
    close = difflib.get_close_matches(word[:200], list(known), n=1, cutoff=0.6)
    return f'did you mean "{close[0]}"?' if close else None


def reached(root: Scope, path: str, where: Where) -> tuple[list[Scope], Finding | None]:
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


def _rows(scopes: list[Scope], path: str, keys: tuple[str, ...], where: Where) -> Iterator[Finding]:
    lists = [scope for scope in scopes if scope.is_list]
    if not lists:
        yield Finding(
            where, f"{path} is not declared as a list", "identity names a list of objects and the key of its rows"
        )
        return
    rows = [scope.item(0) for scope in lists if not _kinds(scope.item(0)) or "object" in _kinds(scope.item(0))]
    declared = sorted({name for row in rows for name in row.properties})
    for key in keys:
        if all(row.child(key) is None for row in rows):
            hint = nearest(key, declared) or (f"they declare {', '.join(declared[:10])}" if declared else None)
            yield Finding(where, f"the rows of {path} declare no property {key!r}", hint)
