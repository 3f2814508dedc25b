"""References inside a schema: only local ones, to real places, not in circles (reliability.md part 3, rows 21, 22)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from monitor.judge.comparison import pointer
from monitor.judge.schemas import dialect, validation
from monitor.judge.schemas.dialect import Path
from monitor.judge.schemas.places import nearest
from monitor.watch.findings import Finding

REFUSED = frozenset(("$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor"))
MOST_BRANCHES = 10_000
_DEEPEST = 100


def at(path: Path, message: str, hint: str | None = None, *, warning: bool = False) -> Finding:
    """Return a finding at a place inside `output_schema`."""
    return Finding(("output_schema", *path), message, hint, warning)


def check(schema: dict[str, Any]) -> Iterator[Finding]:
    """Yield every reference that leaves the schema or leads nowhere, and every keyword that would bend references."""
    known = dict(dialect.subschemas(schema))
    schemas = {id(node) for node in known.values()}
    names = [f"#{pointer.joined(path)}" for path in known if path[:1] in {("$defs",), ("definitions",)}]
    for path, node in known.items():
        for word in sorted(REFUSED & node.keys()):
            yield at((*path, word), f"{word} is not supported", 'use "$ref" with "#/…"')
        if path and "$id" in node:
            yield at((*path, "$id"), "$id below the root would change what references mean", "leave it out")
        reference = node.get("$ref")
        if isinstance(reference, str):
            yield from _reference((*path, "$ref"), reference, schema, schemas, names)


def _reference(
    path: Path, reference: str, schema: dict[str, Any], schemas: set[int], names: list[str]
) -> Iterator[Finding]:
    shown = validation.excerpt(reference)
    found = dialect.target(reference, schema)
    if not (reference == "#" or reference.startswith("#/")):
        yield at(
            path,
            f"{shown} leads out of the schema: nothing is ever fetched",
            'put it under $defs and write "#/$defs/…"',
        )
    elif found is None:
        yield at(path, f"{shown} leads nowhere", nearest(reference, names))
    elif not isinstance(found, bool) and id(found) not in schemas:
        yield at(path, f"{shown} does not lead to a schema", nearest(reference, names))


def endless(schema: dict[str, Any]) -> Iterator[Finding]:
    """Yield at most one finding: references that come back to themselves, or that together unfold into too much.

    A schema that contains itself is refused also where every turn takes one level of the result: with two such branches
    the work doubles at each level.
    """
    try:
        total = _unfolded(schema, (), schema, {}, {})
    except _Endless as found:
        yield at(found.path, found.message, "write the levels out")
        return
    if total > MOST_BRANCHES:
        yield at((), f"the schema unfolds into more than {MOST_BRANCHES:,} parts by its references", "refer to less")


class _Endless(Exception):
    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path, self.message = path, message


def _unfolded(node: Any, path: Path, root: dict[str, Any], sums: dict[int, int], above: dict[int, Path]) -> int:
    """Return how many schemas a schema is with every reference written out; each is counted once and remembered."""
    if not isinstance(node, dict):
        return 1
    if id(node) in sums:
        return sums[id(node)]
    if id(node) in above:
        raise _Endless(path, "the reference leads back to a schema that contains it")
    if len(above) > _DEEPEST:
        raise _Endless(path, f"the references lead deeper than {_DEEPEST} levels")
    above[id(node)] = path
    total = 1 + sum(_unfolded(child, (*path, *step), root, sums, above) for step, child in dialect.children(node))
    if "$ref" in node:
        total += _unfolded(dialect.target(node["$ref"], root), (*path, "$ref"), root, sums, above)
    del above[id(node)]
    sums[id(node)] = total
    return total
