"""Filling a shape from a page: for each property the sources in order of belief, for lists their rows.

Must not know formats.

The order: the property's own hint (which then decides alone), structured data, labels, headings. What has two different
answers at one place has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urljoin

import parsel

from monitor.embedded.extract import blocks, clues, labels, likeness, patterns, picking, prose, rows, stated
from monitor.embedded.extract.document import MAX_ELEMENTS, Document, text_of
from monitor.embedded.extract.found import MISSING, Extraction, below
from monitor.embedded.extract.shape import Hint, Shape
from monitor.embedded.extract.structured import dumps, type_name
from monitor.embedded.extract.values import Context, convert, currency_of, is_currency
from monitor.embedded.extract.vocabulary import answers, is_description_like, is_name_like, related

Answer = tuple[Any, str]  # a value (or MISSING) and where it came from
_NOTHING: Answer = (MISSING, "")
_ABOUT_THE_SITE = frozenset(
    {"Organization", "Corporation", "LocalBusiness", "Store", "OnlineStore", "Person", "WebPage", "CollectionPage"}
)
MAX_SEARCHED = 200_000  # characters that a pattern is searched in
STALE = 0.8  # how likely a visible value must be to count more than structured data


@dataclass(frozen=True, slots=True)
class Scope:
    """Where to look: a piece of the page, the entities that describe it, and labelled cells.

    `page` for the whole page.
    """

    element: parsel.Selector | None
    entities: tuple[dict[str, Any], ...] = ()
    cells: dict[str, parsel.Selector] | None = None
    picked: Mapping[str, Answer] | None = None
    data: Any = None
    page: bool = False


def _scope_of(found: Any) -> Scope:
    """Return the scope of what a hint selected: an element, or an object of the page's data."""
    if isinstance(found, parsel.Selector):
        return Scope(found)
    entity = found | {"@type": [], "@source": "x-jsonpath"} if isinstance(found, dict) else None
    return Scope(None, (entity,) if entity is not None else (), data=found)


class Filler:
    """Fills shapes from one document, noting where each value came from and which required ones were not found."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._found = Extraction()
        self._root: Shape | None = None
        self._state: tuple[dict[str, Any], ...] | None = None
        self._pairs: dict[int, list[labels.Pair]] = {}
        self._clues: dict[int, list[clues.Clue]] = {}
        self._kept: list[parsel.Selector] = []  # keeps the keys of _pairs and _clues alive, because they are ids

    def fill(self, shape: Shape) -> Extraction:
        """Return what the whole page says of `shape`, an object."""
        self._root = shape
        entities = tuple(self._document.entities)
        scope = Scope(self._document.root, rows.best_first(entities, shape), page=True)
        if shape.hint is not None and shape.hint.selects:
            chosen = self._selected(shape.hint, scope)
            scope = _scope_of(chosen[0]) if chosen else Scope(None)
        self._found.result = self._object(shape, scope, "")
        return self._found

    def _object(self, shape: Shape, scope: Scope, pointer: str) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for name, child in shape.properties.items():
            at = below(pointer, name)
            value = self._property(name, child, scope, at)
            if value is MISSING:
                if name in shape.required and not child.nullable:
                    self._found.missing.append(at)
                value = None
            result[name] = value
        return result

    def _property(self, name: str, shape: Shape, scope: Scope, pointer: str) -> Any:
        if shape.kind == "object":
            return self._nested(name, shape, scope, pointer)
        if shape.kind == "array":
            return self._list(name, shape, scope, pointer)
        value, source = self._scalar(name, shape, scope)
        if value is not MISSING:
            self._found.sources[pointer] = source
        return value

    def _scalar(self, name: str, shape: Shape, scope: Scope) -> Answer:
        if shape.hint is not None:
            return self._hinted(name, shape, shape.hint, scope)
        if scope.picked is not None:
            return scope.picked.get(name, _NOTHING)
        answer = self._from_cells(name, shape, scope)
        if answer[0] is not MISSING:
            return answer
        told = self._from_entities(name, shape, scope)
        if told[0] is not MISSING and scope.page and is_name_like(name) and told[1].startswith("opengraph"):
            shown = self._from_headings(name, shape, scope)  # og:title is written for other sites
            return shown if shown[1] == "heading" else told
        if told[0] is not MISSING:
            return self._unless_stale(name, shape, scope, told)
        for ask in (self._from_labels, self._from_headings, self._from_clues, self._from_state, self._from_prose):
            answer = ask(name, shape, scope)
            if answer[0] is not MISSING:
                return answer
        return _NOTHING

    def _unless_stale(self, name: str, shape: Shape, scope: Scope, told: Answer) -> Answer:
        """Return what structured data told, unless the page plainly shows another value and nowhere this one."""
        if scope.element is None or (shape.kind == "string" and shape.format is None):
            return told
        found = self._picks(name, shape, scope)
        first = picking.best(found)
        if first is None or first.score < STALE or dumps(first.value) == dumps(told[0]):
            return told
        if any(pick.score >= first.score - 0.3 for pick in picking.visible(told[0], found)):
            return told
        return first.value, f"{first.source} (not {told[1]}, which says {told[0]!r:.40})"

    def _from_clues(self, name: str, shape: Shape, scope: Scope) -> Answer:
        if scope.element is None or scope.cells is not None:
            return _NOTHING
        if scope.page and is_currency(name, shape):
            return self._shown_currency(name, shape, scope)
        first = picking.best(self._picks(name, shape, scope))
        return (first.value, first.source) if first is not None else _NOTHING

    def _from_state(self, name: str, shape: Shape, scope: Scope) -> Answer:
        """Return what the one object of the page's scripts that answers most of the schema says."""
        if not scope.page or self._root is None:
            return _NOTHING
        if self._state is None:
            self._state = stated.best_object(self._document.stated, self._root)
        return self._from_entities(name, shape, replace(scope, entities=self._state, page=False))

    def _from_prose(self, name: str, shape: Shape, scope: Scope) -> Answer:
        if not scope.page or shape.kind != "string" or shape.format or shape.enum or not is_description_like(name):
            return _NOTHING
        text = prose.main_text(self._document.tree)
        return (text, "main text of the page") if text else _NOTHING

    def _shown_currency(self, name: str, shape: Shape, scope: Scope) -> Answer:
        """Return the one currency that the amounts of the page bear."""
        first = picking.best(self._picks(name, shape, scope))
        if first is not None:
            return first.value, first.source
        amounts = [
            clue.text for clue in self._clues_of(scope) if clue.money and clue.attr is None and len(clue.text) < 40
        ]
        codes = {currency_of(text, self._document.language) for text in amounts} - {MISSING}
        return (codes.pop(), "currency of the amounts shown") if len(codes) == 1 else _NOTHING

    def _picks(self, name: str, shape: Shape, scope: Scope) -> list[picking.Pick]:
        found = self._clues_of(scope)
        return picking.picks(likeness.query(name, shape), shape, found, self._context(name), page=scope.page)

    def _clues_of(self, scope: Scope) -> list[clues.Clue]:
        assert scope.element is not None
        found = self._clues.get(id(scope.element))
        if found is None:
            found = self._clues[id(scope.element)] = clues.clues(scope.element.root, page=scope.page)
            self._kept.append(scope.element)
        return found

    def _hinted(self, name: str, shape: Shape, hint: Hint, scope: Scope) -> Answer:
        for found in self._selected(hint, scope):
            value = convert(self._read(found, hint), shape, self._context(name, machine=hint.jsonpath is not None))
            if value is not MISSING:
                return value, str(hint)
        return _NOTHING

    def _selected(self, hint: Hint, scope: Scope) -> list[Any]:
        """Return what a hint selects: elements of the page or of the row, or values of its data."""
        if hint.jsonpath is not None:
            places = [scope.data] if scope.data is not None else [value for _name, value in self._document.stated]
            chosen = (patterns.selected(hint.jsonpath, place) for place in places)
            return next((values for values in chosen if values), [])[:MAX_ELEMENTS]
        if scope.element is None:
            return []
        if hint.css is not None:
            return list(scope.element.css(hint.css)[:MAX_ELEMENTS])
        if hint.xpath is not None:
            return list(scope.element.xpath(hint.xpath)[:MAX_ELEMENTS])
        return [scope.element]

    def _read(self, found: Any, hint: Hint) -> Any:
        value = self._text(found, hint) if isinstance(found, parsel.Selector) else found
        if hint.regex is None or value is None or isinstance(value, (dict, list)):
            return value
        return patterns.matched(hint.regex, str(value)[:MAX_SEARCHED])

    def _text(self, element: parsel.Selector, hint: Hint) -> str | None:
        if hint.attr is None:
            return text_of(element.root)
        if isinstance(element.root, str):
            return None
        value = element.root.get(hint.attr)
        if value is None:
            return None
        return urljoin(self._document.url, str(value)) if hint.attr in ("href", "src") else str(value)

    def _from_cells(self, name: str, shape: Shape, scope: Scope) -> Answer:
        cell = (scope.cells or {}).get(name)
        if cell is None:
            return _NOTHING
        return convert(text_of(cell.root), shape, self._context(name)), f"table column for {name}"

    def _from_entities(self, name: str, shape: Shape, scope: Scope) -> Answer:
        for entity in scope.entities:
            if scope.page and is_name_like(name) and _ABOUT_THE_SITE & set(entity["@type"]):
                continue
            for path, values in answers(entity, name):
                context = self._context(name, machine=True)
                read = [value for value in (convert(value, shape, context) for value in values) if value is not MISSING]
                if read and len({dumps(value) for value in read}) == 1:
                    kind = type_name(entity)
                    return read[0], f"{entity['@source']} {kind}.{path}" if kind else f"{entity['@source']} {path}"
                if read:
                    break  # several different answers: a less exact path would hide that there is a choice
        return _NOTHING

    def _from_labels(self, name: str, shape: Shape, scope: Scope) -> Answer:
        if scope.element is None or scope.cells is not None:
            return _NOTHING
        matching = labels.best(self._labelled(scope.element), name, shape.description)
        read = [(convert(pair.value, shape, self._context(name)), pair) for pair in matching]
        good = [(value, pair) for value, pair in read if value is not MISSING]
        if not good or len({dumps(value) for value, _pair in good}) > 1:
            return _NOTHING
        value, pair = good[0]
        return value, f"{pair.place} {pair.label!r}"

    def _from_headings(self, name: str, shape: Shape, scope: Scope) -> Answer:
        if shape.kind != "string" or scope.element is None or scope.cells is not None:
            return _NOTHING
        candidates: list[Answer] = []
        if is_name_like(name):
            headings = scope.element.xpath(".//h1" if scope.page else ".//h1 | .//h2 | .//h3 | .//h4")
            if len(headings) == 1:
                candidates.append((text_of(headings[0].root), "heading"))
            if scope.page:
                candidates.append((self._document.title, "title"))
        if is_description_like(name) and scope.page:
            candidates.append((self._document.description, "meta description"))
        for text, source in candidates:
            value = convert(text, shape, self._context(name))
            if value is not MISSING:
                return value, source
        return _NOTHING

    def _labelled(self, element: parsel.Selector) -> list[labels.Pair]:
        known = self._pairs.get(id(element))
        if known is None:
            known = self._pairs[id(element)] = labels.pairs(element.root)
            self._kept.append(element)
        return known

    def _nested(self, name: str, shape: Shape, scope: Scope, pointer: str) -> Any:
        if shape.hint is not None and shape.hint.selects:
            chosen = self._selected(shape.hint, scope)
            return self._row(shape, _scope_of(chosen[0]), pointer) if chosen else MISSING
        for entity in scope.entities:
            inner = [value for value in related(entity, name) if isinstance(value, dict)]
            if len(inner) == 1:
                return self._row(shape, replace(scope, entities=(inner[0],), page=False, element=None), pointer)
        return self._row(shape, scope, pointer)

    def _list(self, name: str, shape: Shape, scope: Scope, pointer: str) -> Any:
        assert shape.items is not None
        hint = next((hint for hint in (shape.hint, shape.items.hint) if hint is not None and hint.selects), None)
        if hint is not None:
            chosen: Iterable[Any] = self._selected(hint, scope)
            if shape.items.kind == "object":
                return self._rows(shape.items, (_scope_of(found) for found in chosen), pointer)
            attr = (
                hint.attr
                or (shape.items.hint.attr if shape.items.hint else None)
                or (shape.hint.attr if shape.hint else None)
            )
            texts = (self._read(element, replace(hint, attr=attr)) for element in chosen)
            return self._scalars(name, shape.items, texts, pointer, str(hint), machine=False)
        if shape.items.kind == "object":
            return self._object_list(name, shape.items, scope, pointer)
        for entity in scope.entities:
            values = [value for _path, found in answers(entity, name) for value in found][:MAX_ELEMENTS]
            if values:
                return self._scalars(name, shape.items, values, pointer, f"{entity['@source']} {name}", machine=True)
        return MISSING

    def _object_list(self, name: str, shape: Shape, scope: Scope, pointer: str) -> Any:
        """Fill the rows of the first candidate that has every required value, else of the first that has any.

        Structured data that has every value but fewer rows than the page shows is only a part of the list.
        """
        before, best = self._found, None
        shown = self._blocks(name, shape, scope)
        for scopes in self._candidates(name, shape, scope):
            self._found = Extraction()
            filled = self._rows(shape, scopes, pointer)
            attempt, self._found = self._found, before
            if filled is MISSING:
                continue
            if best is None or not attempt.missing:
                best = filled, attempt
            if not attempt.missing:
                break
        if shown and (best is None or best[1].missing or len(best[0]) < len(shown)):
            self._found = Extraction()
            filled = self._rows(shape, shown, pointer)
            attempt, self._found = self._found, before
            if filled is not MISSING and (best is None or len(attempt.missing) <= len(best[1].missing)):
                best = filled, attempt
        if best is None:
            return MISSING
        self._found.sources.update(best[1].sources)
        self._found.missing.extend(best[1].missing)
        return best[0]

    def _candidates(self, name: str, shape: Shape, scope: Scope) -> Iterator[list[Scope]]:
        for entities in rows.of_entities(scope.entities, name, self._document.entities if scope.page else ()):
            yield [Scope(None, (entity,)) for entity in entities]
        if scope.page:
            for found in stated.lists(self._document.stated, shape):
                yield [Scope(None, (entity,)) for entity in found]
        if scope.element is not None:
            for cells in rows.of_tables(scope.element, shape):
                yield [Scope(row.pop("", None), cells=row) for row in cells]

    def _blocks(self, name: str, shape: Shape, scope: Scope) -> list[Scope]:
        if scope.element is None or scope.cells is not None:
            return []
        found = blocks.find(scope.element.root, name, shape, self._context(name))
        if found is None:
            return []
        return [
            Scope(parsel.Selector(root=element), picked=row)
            for element, row in zip(found.elements, found.rows, strict=True)
        ]

    def _rows(self, shape: Shape, scopes: Iterable[Scope], pointer: str) -> Any:
        """Fill one object per scope; rows that hold nothing of the shape (a heading, an advertisement) are left out."""
        filled: list[Any] = []
        for scope in scopes:
            row = self._row(shape, scope, below(pointer, len(filled)))
            if row is not MISSING:
                filled.append(row)
        return filled or MISSING

    def _row(self, shape: Shape, scope: Scope, pointer: str) -> Any:
        sources, missing = len(self._found.sources), len(self._found.missing)
        row = self._object(shape, scope, pointer)
        if len(self._found.sources) == sources:
            del self._found.missing[missing:]
            return MISSING
        return row

    def _scalars(
        self, name: str, shape: Shape, values: Iterable[Any], pointer: str, source: str, *, machine: bool
    ) -> Any:
        context = self._context(name, machine=machine)
        read = [(value, convert(value, shape, context)) for value in values]
        kept = [value for _raw, value in read if value is not MISSING]
        unread = [raw for raw, value in read if value is MISSING and isinstance(raw, str) and raw.strip()]
        if not kept or unread:
            return MISSING  # a list with a hole would be told as a change
        self._found.sources[pointer] = source
        return kept

    def _context(self, name: str, *, machine: bool = False) -> Context:
        document = self._document
        return Context(name, document.language, document.url, machine, document.date_language)
