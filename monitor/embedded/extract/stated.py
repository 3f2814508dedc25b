"""Which object or list of a page's script data a schema means. Pure choices over plain JSON.

An object is believed only where it answers at least two and half of the properties by their names, and no other object
answers as many differently: script data holds much that the page does not show.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from monitor.embedded.extract.shape import Shape
from monitor.embedded.extract.state import Stated, objects
from monitor.embedded.extract.structured import dumps
from monitor.embedded.extract.vocabulary import answers

MAX_ROWS = 2_000
MAX_INNER = 30  # fields of an object within the object


def best_object(documents: Sequence[Stated], shape: Shape) -> tuple[dict[str, Any], ...]:
    """Return the one object that answers most of a shape's scalars, as an entity; empty where none does clearly."""
    names = [name for name, child in shape.properties.items() if child.kind not in ("object", "array")]
    best: list[dict[str, Any]] = []
    most = max(2, len(names) // 2)
    for source, value in objects(list(documents)):
        if not isinstance(value, dict) or "@type" in value or "@graph" in value:
            continue
        entity = _entity(value, source)
        score = sum(next(answers(entity, name), None) is not None for name in names)
        if score > most or (score == most and not best):
            most, best = score, [entity]
        elif score == most:
            best.append(entity)
    told = {dumps({name: next(answers(entity, name), None) for name in names}) for entity in best}
    return (best[0],) if len(told) == 1 else ()


def lists(documents: Sequence[Stated], shape: Shape) -> Iterator[list[dict[str, Any]]]:
    """Yield each list of objects of which every one answers every required scalar of the row `shape`, longest first."""
    names = [name for name, child in shape.properties.items() if child.kind not in ("object", "array")]
    needed = [name for name in names if name in shape.required] or names
    found = []
    for source, value in objects(list(documents)):
        if not isinstance(value, list) or not 2 <= len(value) <= MAX_ROWS:
            continue
        rows = [_entity(row, source) for row in value if isinstance(row, dict) and "@type" not in row]
        if rows and all(next(answers(row, name), None) is not None for row in rows for name in needed):
            found.append(rows)
    yield from sorted(found, key=len, reverse=True)


def _entity(value: dict[str, Any], source: str) -> dict[str, Any]:
    plain = {str(name): child for name, child in value.items()}
    inner = {
        f"{name} {below}": child
        for name, nested in plain.items()
        if isinstance(nested, dict)
        for below, child in list(nested.items())[:MAX_INNER]
        if not isinstance(child, (dict, list))
    }
    return inner | plain | {"@type": [], "@source": source}
