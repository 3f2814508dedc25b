"""Where each value of a result came from, and what was not found, in a form that is bounded and that people read.

Pure over plain values. What is read of a stored record came over the wire, so that nothing about its form is taken for
granted. Must not know how values are found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MAX_NAMED = 200  # pointers in one record: beyond them, the rows of a list are told as one
MAX_TEXT = 200
MAX_DEPTH = 16
_ROW = re.compile(r"/(?:0|[1-9]\d*)(?=/|\Z)")


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a stored record tells: the source of each value by JSON Pointer, `*` for every row, and what was absent."""

    sources: dict[str, str]
    absent: tuple[str, ...]
    notes: tuple[str, ...] = ()


def bounded(sources: Mapping[str, str]) -> dict[str, str]:
    """Return the sources as they are, or by rows where there are very many."""
    kept = dict(sources) if len(sources) <= MAX_NAMED else by_rows(sources)
    return {at: source[:MAX_TEXT] for at, source in list(kept.items())[:MAX_NAMED]}


def by_rows(sources: Mapping[str, str]) -> dict[str, str]:
    """Return the sources with `*` for the rows of lists: `/offers/*/price`, and how many other ways rows have."""
    ways: dict[str, dict[str, None]] = {}
    for at, source in sources.items():
        ways.setdefault(_ROW.sub("/*", at), {})[source] = None
    return {at: next(iter(found)) + _others(len(found) - 1) for at, found in ways.items()}


def absent(result: Mapping[str, Any], schema: Any, missing: list[str], sources: Mapping[str, str]) -> list[str]:
    """Return the pointers of optional properties that were not found; of rows' properties, those that no row has.

    A property that the page states as null has a source and was found.
    """
    left = {_ROW.sub("/*", at) for at in missing}
    found = {_ROW.sub("/*", at) for at in sources}
    pointers = _absent([result], schema, "", 0)
    return [at for at in pointers if at not in left and at not in found][:MAX_NAMED]


def of_record(raw: Any) -> Provenance | None:
    """Return what a stored record of the embedded agent tells of its result, None where it tells nothing."""
    told = raw.get("extraction") if isinstance(raw, dict) else None
    if not isinstance(told, dict):
        return None
    sources, left = told.get("sources"), told.get("absent")
    named = [item for item in sources.items() if isinstance(item[1], str)] if isinstance(sources, dict) else []
    lacking = [at for at in left if isinstance(at, str)] if isinstance(left, list) else []
    shown = by_rows({at[:MAX_TEXT]: source[:MAX_TEXT] for at, source in named[:MAX_NAMED]})
    return Provenance(shown, tuple(at[:MAX_TEXT] for at in lacking[:MAX_NAMED]), tuple(_notes(told)))


def _notes(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield what else a person should know: how the page was read, and what a language model cost."""
    if told.get("rendered") is True:
        yield "read as Chromium rendered it"
    if isinstance(told.get("not_rendered"), str):
        yield f"not rendered: {told['not_rendered'][:MAX_TEXT]}"
    model = told.get("model")
    if not isinstance(model, dict):
        return
    name = str(model.get("name"))[:80]
    if "problem" in model:
        yield f"the language model {name} could not be asked: {str(model['problem'])[:MAX_TEXT]}"
        return
    tokens = [model.get("tokens_in"), model.get("tokens_out")]
    if all(isinstance(count, int) for count in tokens):
        yield f"the language model {name} cost {tokens[0]:,} tokens read and {tokens[1]:,} written"


def _others(count: int) -> str:
    return f" (and {count} other {'way' if count == 1 else 'ways'})" if count > 0 else ""


def _absent(held: list[Any], schema: Any, at: str, depth: int) -> Iterator[str]:
    """Yield what none of the values `held` has, which all stand at the same place of the schema."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict) or depth > MAX_DEPTH:
        return
    objects = [each for each in held if isinstance(each, dict)]
    for name, child in properties.items():
        pointer = f"{at}/{str(name).replace('~', '~0').replace('/', '~1')}"
        values = [each[name] for each in objects if each.get(name) not in (None, [], {})]
        if not values:
            yield pointer
        elif isinstance(child, dict) and isinstance(values[0], list):
            rows = [row for value in values if isinstance(value, list) for row in value]
            yield from _absent(rows, child.get("items"), f"{pointer}/*", depth + 1)
        else:
            yield from _absent(values, child, pointer, depth + 1)
