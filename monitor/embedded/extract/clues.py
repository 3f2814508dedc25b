"""What stands on a page beside what: every short text or telling attribute as a clue, in one pass over the tree.

Pure over a tree, bounded; must not know schemas. A text gives several clues: the whole, its single text nodes, what
stands between separators, and what follows a label in the same text ("Seller: ACME", "Fixed in 8.2.1").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from monitor.embedded.extract.attributes import attribute_clues
from monitor.embedded.extract.beside import labels_of
from monitor.embedded.extract.clue import Clue, Label
from monitor.embedded.extract.document import is_struck, text_of
from monitor.embedded.extract.naming import inherited, own_names, step
from monitor.embedded.extract.pieces import is_parted, pieces
from monitor.embedded.extract.terms import concepts

MAX_CLUES = 8_000
MAX_ELEMENTS = 64_000  # that are looked at for clues
MAX_TEXT = 300
_MAX_INSIDE = 12
_UNSEEN = frozenset(
    {"script", "style", "noscript", "template", "head", "svg", "option", "select", "iframe", "textarea"}
)
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_ASIDE = frozenset({"nav", "footer", "aside"})
_CHOICE = frozenset({"label", "fieldset", "datalist"})
_ASIDE_WORDS = re.compile(
    r"cookie|consent|onetrust|cybot|newsletter|breadcrumb|navig|\bmenu|minicart|sidebar|footer|comments?\b|"
    r"review(?:s|-list|-item)?\b|testimonial|quote|faq",
    re.IGNORECASE,
)
_CHOICES = re.compile(r"swatch|variant|radio|selector|dropdown|accordion-(?:item|panel)", re.IGNORECASE)
_SIDE = re.compile(r"sidebar|\bside\b|aside", re.IGNORECASE)
_OTHERS = frozenset({"!others", "!ad", "!cart"})
_SPEAKING = frozenset({"reviews", "replies"})  # under such a heading people speak
_BADGE = re.compile(r"\A(?:NEU|NEW|NOUVEAU|NUEVO|NUOVO|NIEUW|NOVO|NOWE|NYHET|YENI|TOP|SALE)(?=[A-ZÀ-Þ][a-zà-þ])")


@dataclass(frozen=True, slots=True)
class _Setting:
    """What an element hands on to what it encloses."""

    names: dict[str, float]
    own: frozenset[str] = frozenset()
    aside: float = 0.0
    struck: bool = False
    path: tuple[str, ...] = ()


def clues(root: Any, *, page: bool = True) -> list[Clue]:
    """Return the clues under an lxml element in the order of the page, at most 8,000.

    `page` weighs where they stand; without it `root` is one row of a list.
    """
    return _Reader(root, page=page).read()


class _Reader:
    def __init__(self, root: Any, *, page: bool) -> None:
        body = root.find("body") if root.tag == "html" else root
        self._root = body if body is not None else root
        self._page = page
        self._texts = short_texts(self._root)
        self._found: list[Clue] = []
        self._settings: dict[Any, _Setting] = {}
        heading = root.find(".//h1") if page else None
        self._main = frozenset() if heading is None else frozenset(heading.iterancestors())  # never aside
        self._section: list[tuple[int, frozenset[str]]] = []

    def read(self) -> list[Clue]:
        skipped: set[Any] = set()
        self._enter(self._root, None)
        for element in islice(self._root.iter(), MAX_ELEMENTS):
            if len(self._found) >= MAX_CLUES:
                break
            parent = element.getparent()
            if not isinstance(element.tag, str) or element.tag in _UNSEEN or parent in skipped:
                skipped.add(element)
                continue
            if element is not self._root:
                self._enter(element, parent)
            if element.tag in _HEADINGS and element in self._texts:
                self._under(element)
            self._found += self._clues_of(element)
        for order, clue in enumerate(self._found):
            clue.order = order
        return self._found

    def _under(self, element: Any) -> None:
        level = int(element.tag[1])
        self._section = [entry for entry in self._section if entry[0] < level]
        self._section.append((level, concepts(self._texts[element][:80])))

    def _enter(self, element: Any, parent: Any) -> None:
        """Note what an element inherits: names of what encloses it, how far aside it stands, whether it is struck."""
        above = self._settings.get(parent, _Setting({}))
        names, own = inherited(above.names), own_names(element)
        for word, weight in own.items():
            names[word] = max(names.get(word, 0.0), weight)
        aside = above.aside
        if self._page and element.tag not in ("body", "main", "html") and element not in self._main:
            aside = max(aside, _aside(element, own))
        struck = above.struck or is_struck(element)
        fills = not own and parent is not None and self._texts.get(parent) == self._texts.get(element, "")
        told = above.own if fills else frozenset(word for word, weight in own.items() if weight > 0.6)
        self._settings[element] = _Setting(names, told, aside, struck, (*above.path, step(element)))

    def _clues_of(self, element: Any) -> Iterator[Clue]:
        setting = self._settings[element]
        text = self._texts.get(element, "")
        if not text and not element.attrib:
            return
        heard, aside = self._heard(setting.aside, heading=element.tag in _HEADINGS)
        labels = labels_of(element, self._texts, rows=not self._page)
        heading = int(element.tag[1]) if element.tag in _HEADINGS else 0

        def clue(part: str | None, value: str, labels: tuple[Label, ...], hidden: float = 0.0) -> Clue:
            said = concepts(value) if len(value) <= 120 and part not in ("href", "src") else frozenset()
            path = (*setting.path, part or "")
            return Clue(
                element, part, value, labels, setting.names, said, heard, setting.own, struck=setting.struck,
                aside=aside + hidden, heading=heading, path=path,
            )  # fmt: skip

        if text:
            whole = clue(None, _BADGE.sub("", text) if heading else text, labels)
            whole.several = self._is_of_several(element) or is_parted(text)
            yield whole
            for part, value, label in pieces(element, self._texts):
                yield clue(part, value, (*((label,) if label else ()), *(labels if part == "run" else ())))
        for part, value, words, hidden in attribute_clues(element, text):
            yield clue(part, value, (*words, *labels), hidden)

    def _heard(self, aside: float, *, heading: bool) -> tuple[dict[str, float], float]:
        heard: dict[str, float] = {}
        for level, words in self._section:
            heard |= {word: 0.5 if word.startswith("=") else 0.4 for word in words}
            if self._page and level > 1:
                aside = max(aside, 0.5 if _OTHERS & words else 0.3 if _SPEAKING & words and not heading else 0.0)
        return heard, aside

    def _is_of_several(self, element: Any) -> bool:
        """Return whether an element's text is that of several others."""
        while len(element) == 1 and not (element.text or "").strip() and not (element[0].tail or "").strip():
            element = element[0]
        parts = sum(1 for child in element if child in self._texts) if not (element.text or "").strip() else 0
        return parts > 1 and not any((child.tail or "").strip() for child in element)


def _aside(element: Any, own: dict[str, float]) -> float:
    plain = " ".join([element.tag, *(str(element.get(name) or "") for name in ("class", "id", "role"))])
    aside = 0.3 if element.tag in _CHOICE else 0.0  # the names of what one may choose
    if _CHOICES.search(plain):
        aside = 0.2
    if element.tag in _ASIDE or _ASIDE_WORDS.search(plain):
        aside = max(aside, 0.2 if element.tag == "aside" or _SIDE.search(plain) else 0.4)
    if _SIDE.search(plain):
        return aside  # beside the main text stand facts, too
    return max(aside, 0.5) if own.get("!others", 0.0) > 0.6 or own.get("!ad", 0.0) > 0.6 else aside


def short_texts(root: Any) -> dict[Any, str]:
    """Return the text of each element that holds little enough to be a value or a label."""
    sizes: dict[Any, tuple[int, int]] = {}
    found: dict[Any, str] = {}
    for element in reversed(list(root.iter())[:MAX_ELEMENTS]):
        if not isinstance(element.tag, str) or element.tag in _UNSEEN:
            continue
        count, length = 1, len((element.text or "").strip())
        for child in element:
            inner = sizes.get(child, (0, 0))
            count += inner[0]
            length += inner[1] + len((child.tail or "").strip())
        sizes[element] = (count, length)
        if 0 < length <= MAX_TEXT and count <= _MAX_INSIDE:
            text = text_of(element, struck=False)
            if text and len(text) <= MAX_TEXT:
                found[element] = text
    return found
