"""Lists of plain values: the tags of an article, the ingredients of a recipe. Pure over entities, clues and a tree.

A list with a hole would be told as a change, so either every entry reads as the shape or there is no list.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from monitor.embedded.extract.beside import labels_of
from monitor.embedded.extract.clue import Clue
from monitor.embedded.extract.document import MAX_ELEMENTS, text_of
from monitor.embedded.extract.found import MISSING
from monitor.embedded.extract.likeness import MARGIN, SURE, likeness
from monitor.embedded.extract.naming import inherited, own_names, step
from monitor.embedded.extract.query import query
from monitor.embedded.extract.scalars import Scalars
from monitor.embedded.extract.scope import NOTHING, Answer, Scope
from monitor.embedded.extract.shape import Shape
from monitor.embedded.extract.structured import dumps
from monitor.embedded.extract.values import Context, convert
from monitor.embedded.extract.vocabulary import answers

MAX_ENTRY = 200  # characters
MAX_CONTAINERS = 4_000
_CONTAINERS = frozenset({"ul", "ol", "div", "p", "span", "td", "dd", "section", "nav"})
_COMMA = re.compile(r"\s*[,;、]\s*|\s+(?:und|and|et|y|e|en|i|och|ve|&)\s+")


def values(name: str, shape: Shape, scope: Scope, scalars: Scalars) -> Answer:
    """Return the entries of the list `name` of plain values, and where they came from; MISSING where none is sure."""
    assert shape.items is not None
    for entity in scope.entities:
        told = [value for _path, found in answers(entity, name) for value in found][:MAX_ELEMENTS]
        if told:
            return read(told, shape.items, scalars.context(name, machine=True)), f"{entity['@source']} {name}"
    if scope.element is None:
        return NOTHING
    asked = query(name, Shape("string", description=shape.description))
    context = scalars.context(name)
    options = []
    for clue, texts in (*_listed(scope.element.root, scalars.texts(scope)), *_enumerated(scalars.clues(scope))):
        score = likeness(asked, clue)
        entries = read(texts, shape.items, context) if score >= SURE - MARGIN else MISSING
        if entries is not MISSING:
            options.append((score, entries, clue))
    options.sort(key=lambda option: -option[0])
    if not options or options[0][0] < SURE:
        return NOTHING
    score, entries, clue = options[0]
    if any(dumps(other) != dumps(entries) for near, other, _clue in options[1:] if near >= score - MARGIN):
        return NOTHING
    return entries, f"list {clue.label[:60]!r}" if clue.label else f"list in <{clue.path[-1].rstrip('.')}>"


def read(found: Sequence[Any], shape: Shape, context: Context) -> Any:
    """Return all values as the shape declares them, or MISSING if there is none or one cannot be read."""
    converted = [(value, convert(value, shape, context)) for value in found]
    kept = [value for _raw, value in converted if value is not MISSING]
    unread = [raw for raw, value in converted if value is MISSING and isinstance(raw, str) and raw.strip()]
    return kept if kept and not unread else MISSING


def _listed(root: Any, texts: dict[Any, str]) -> Iterator[tuple[Clue, list[str]]]:
    """Yield each element that holds nothing but entries of one kind, as a clue with the names and labels it has."""
    containers = (element for element in root.iter() if element.tag in _CONTAINERS and len(element))
    for element in islice(containers, MAX_CONTAINERS):
        children = [child for child in element if isinstance(child.tag, str) and (child in texts or text_of(child))]
        tags = {child.tag for child in children}
        if len(tags) != 1 or not tags <= {"li", "a", "span", "div", "td"} or (len(children) < 2 and tags != {"li"}):
            continue
        loose = "".join([element.text or "", *(child.tail or "" for child in element)])
        entries = [texts.get(child, "") or text_of(child) for child in children]
        if any(map(str.isalnum, loose)) or any(len(entry) > MAX_ENTRY for entry in entries):
            continue
        names = inherited(own_names(element.getparent())) if element.getparent() is not None else {}
        for word, weight in (own_names(element) | own_names(children[0])).items():
            names[word] = max(names.get(word, 0.0), weight)
        labels = labels_of(element, ChainMap({element: ""}, texts))
        yield Clue(element, "list", " ".join(entries)[:300], labels, names, path=(step(element),)), entries


def _enumerated(found: list[Clue]) -> Iterator[tuple[Clue, list[str]]]:
    """Yield texts with a sure label that count their entries in a line: `Districts: Mitte, Wedding and Moabit`."""
    for clue in found:
        if clue.part in (None, "rest", "run") and clue.label and len(clue.text) > 3 and not clue.several:
            entries = [entry for entry in _COMMA.split(clue.text.rstrip(" .")) if entry]
            if len(entries) > 1:
                yield clue, entries
