"""One value of a page or a row: the kinds of evidence in order of belief, and what happens where they disagree.

The order: structured data, what the page shows by words and places, the data of its scripts, its prose. What a page
plainly shows counts more than structured data that says otherwise and is nowhere to be seen.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import parsel

from monitor.embedded.extract import clues, holding, picking, prose, stated
from monitor.embedded.extract.clue import Clue
from monitor.embedded.extract.document import Document, text_of
from monitor.embedded.extract.found import MISSING
from monitor.embedded.extract.likeness import LOUD, likeness
from monitor.embedded.extract.query import Query, query
from monitor.embedded.extract.scope import NOTHING, Answer, Scope
from monitor.embedded.extract.shape import Shape
from monitor.embedded.extract.structured import dumps, type_name
from monitor.embedded.extract.values import Context, convert, currency_of, is_currency
from monitor.embedded.extract.vocabulary import answers, is_description_like, is_name_like

_ABOUT_THE_SITE = frozenset(
    {"Organization", "Corporation", "LocalBusiness", "Store", "OnlineStore", "Person", "WebPage", "CollectionPage"}
)
# Whoever sells a thing is rated and described, too; that is not the thing's rating.
_OF_THE_THING = frozenset({"rating", "reviews", "count", "price", "available", "description", "currency"})
SHOWN = 0.6  # how much less likely than the best another place may be at which structured data is confirmed
FAR = 0.4  # how far aside a place is that confirms nothing: what it shows is another thing's
DENIED = 0.7  # how likely another visible value must be that structured data is not believed
STALE = 0.8  # how likely a visible value must be to count more than structured data


class Scalars:
    """Answers properties from one document; what it reads of the page it keeps for the next property."""

    def __init__(self, document: Document, root: Shape) -> None:
        self._document = document
        self._root = root
        self._state: tuple[dict[str, Any], ...] | None = None
        self._texts: dict[int, tuple[parsel.Selector, dict[Any, str]]] = {}
        self._clues: dict[int, tuple[parsel.Selector, list[Clue]]] = {}  # by id; the selector keeps the id alive

    def context(self, name: str, *, machine: bool = False) -> Context:
        """Return what reading a value of property `name` may use."""
        document = self._document
        return Context(name, document.language, document.url, machine, document.date_language)

    def answer(self, name: str, shape: Shape, scope: Scope) -> Answer:
        """Return the value of a property without a hint, and where it came from; MISSING where nothing is sure."""
        if scope.picked is not None:
            return scope.picked.get(name, NOTHING)
        told = self.told(name, shape, scope)
        if told[0] is not MISSING and scope.page and is_name_like(name) and told[1].startswith("opengraph"):
            shown = self._from_headings(name, shape, scope)  # og:title is written for other sites
            return shown if shown[1] == "heading" else told
        if told[0] is not MISSING:
            return self._unless_stale(name, shape, scope, told)
        for ask in (self._shown, self._from_headings, self._from_state, self._from_prose):
            answer = ask(name, shape, scope)
            if answer[0] is not MISSING:
                return answer
        return NOTHING

    def told(self, name: str, shape: Shape, scope: Scope) -> Answer:
        """Return what the entities of a scope say; several different answers of one are none."""
        for entity in scope.entities:
            if scope.page and self._speaks_of_the_site(name, shape, entity):
                continue
            for path, values in answers(entity, name, integer=shape.kind == "integer"):
                if _is_of_some(entity, path, values):
                    break  # what one offer says is not what all say
                context = self.context(name, machine=True)
                read = [value for value in (convert(value, shape, context) for value in values) if value is not MISSING]
                if read and len({dumps(value) for value in read}) == 1:
                    kind = type_name(entity)
                    return read[0], f"{entity['@source']} {kind}.{path}" if kind else f"{entity['@source']} {path}"
                if read:
                    break  # several different answers: a less exact path would hide that there is a choice
        return NOTHING

    def _speaks_of_the_site(self, name: str, shape: Shape, entity: dict[str, Any]) -> bool:
        """Return whether an entity is whoever made the page, and the property asks for what the page is about."""
        if not _ABOUT_THE_SITE & set(entity["@type"]):
            return False
        if is_name_like(name):
            return True
        called = str(entity.get("name") or "").casefold()
        headings = " ".join(text_of(found.root) for found in self._document.root.xpath(".//h1")[:3]).casefold()
        return bool(_OF_THE_THING & query(name, shape).heads) and not (called and called in headings)

    def _unless_stale(self, name: str, shape: Shape, scope: Scope, told: Answer) -> Answer:
        """Return what structured data told, unless the page plainly shows another value and nowhere this one."""
        if scope.element is None or is_description_like(name):
            return told
        found = self._picks(name, shape, scope)
        first = picking.best(found)
        if self._is_withdrawn(name, shape, scope, told[0]):
            if first is None:
                return NOTHING
            return first.value, f"{first.source} (not {told[1]}, which says {told[0]!r:.40})"
        if first is not None and dumps(first.value) == dumps(told[0]):
            return told
        least = (first or found[0]).score - SHOWN if found else 0.0
        if not found or self._is_shown(name, shape, scope, told[0], least):
            return told
        if first is not None and first.score >= STALE:
            return first.value, f"{first.source} (not {told[1]}, which says {told[0]!r:.40})"
        return NOTHING if found[0].score >= DENIED else told  # the page shows another value, or may show one

    def _is_withdrawn(self, name: str, shape: Shape, scope: Scope, value: Any) -> bool:
        """Return whether the page shows a value only where it strikes it through or calls it old."""
        asked, context = query(name, shape), self.context(name)
        if "!old" in asked.marks or holding.is_text(shape):
            return False
        shown = [
            clue
            for clue in self.clues(scope)
            if clue.part in holding.TEXTS
            and any(map(str.isdigit, clue.text))
            and holding.may_hold(clue, shape)
            and dumps(holding.read(clue, shape, asked, context)) == dumps(value)
        ]
        return bool(shown) and all(clue.struck or clue.told.get("!old", 0.0) >= LOUD for clue in shown)

    def _is_shown(self, name: str, shape: Shape, scope: Scope, value: Any, least: float) -> bool:
        """Return whether the page shows a value at a place that may well mean the property."""
        asked, context = query(name, shape), self.context(name)
        for clue in self.clues(scope):
            if clue.part in holding.TEXTS and not clue.struck and clue.aside < FAR and holding.may_hold(clue, shape):
                read = holding.read(clue, shape, asked, context)
                if read is not MISSING and dumps(read) == dumps(value) and likeness(asked, clue) >= least:
                    return True
        return False

    def _shown(self, name: str, shape: Shape, scope: Scope) -> Answer:
        if scope.element is None:
            return NOTHING
        first = picking.best(self._picks(name, shape, scope))
        if first is not None and not self._is_another_s_name(query(name, shape), first, scope):
            return first.value, first.source
        return self._shown_currency(scope) if scope.page and is_currency(name, shape) else NOTHING

    def _is_another_s_name(self, asked: Query, pick: picking.Pick, scope: Scope) -> bool:
        """Return whether a name that only a class calls so is not in the page's heading nor in its title."""
        if not scope.page or asked.heads != {"title"} or pick.clue.heading or pick.clue.label:
            return False
        named = [text_of(found.root) for found in self._document.root.xpath(".//h1")[:3]] + [self._document.title or ""]
        return any(named) and not any(str(pick.value).casefold() in one.casefold() for one in named)

    def _shown_currency(self, scope: Scope) -> Answer:
        """Return the one currency that the amounts of the page bear."""
        amounts = [clue.text for clue in self.clues(scope) if clue.money and clue.part is None and len(clue.text) < 40]
        codes = {currency_of(text, self._document.language) for text in amounts} - {MISSING}
        return (codes.pop(), "currency of the amounts shown") if len(codes) == 1 else NOTHING

    def _from_headings(self, name: str, shape: Shape, scope: Scope) -> Answer:
        if shape.kind != "string" or scope.element is None:
            return NOTHING
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
            value = convert(text, shape, self.context(name))
            if value is not MISSING:
                return value, source
        return NOTHING

    def _from_state(self, name: str, shape: Shape, scope: Scope) -> Answer:
        """Return what the one object of the page's scripts that answers most of the schema says."""
        if not scope.page:
            return NOTHING
        if self._state is None:
            self._state = stated.best_object(self._document.stated, self._root)
        return self.told(name, shape, replace(scope, entities=self._state, page=False))

    def _from_prose(self, name: str, shape: Shape, scope: Scope) -> Answer:
        if not scope.page or not holding.is_text(shape) or not is_description_like(name):
            return NOTHING
        text = prose.main_text(self._document.tree)
        return (text, "main text of the page") if text else NOTHING

    def _picks(self, name: str, shape: Shape, scope: Scope) -> list[picking.Pick]:
        return picking.picks(query(name, shape), shape, self.clues(scope), self.context(name))

    def texts(self, scope: Scope) -> dict[Any, str]:
        """Return the short texts of a scope's element, by element."""
        if scope.element is None:
            return {}
        known = self._texts.get(id(scope.element))
        if known is None:
            known = self._texts[id(scope.element)] = scope.element, clues.short_texts(scope.element.root)
        return known[1]

    def clues(self, scope: Scope) -> list[Clue]:
        """Return the clues of a scope's element."""
        if scope.element is None:
            return []
        known = self._clues.get(id(scope.element))
        if known is None:
            known = scope.element, clues.clues(scope.element.root, page=scope.page)
            self._clues[id(scope.element)] = known
        return known[1]


def _is_of_some(entity: dict[str, Any], path: str, values: list[Any]) -> bool:
    """Return whether only some of an entity's several offers (or the like) say what stands at a path."""
    several = entity.get(path.partition(".")[0])
    return "." in path and isinstance(several, list) and 0 < len(values) < len(several)
