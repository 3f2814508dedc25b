"""What stands on a page beside what: every short text or telling attribute, with the words that say what it is.

Pure over a tree, bounded; must not know schemas.

A clue's words come from a label beside it (a table row, a definition list, the text around it), from the names that the
page's makers gave it (classes, ids, test ids, item properties), from the words of its own text, and, faintly, from what
encloses it and from the heading above it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from monitor.embedded.extract.document import text_of
from monitor.embedded.extract.terms import concepts

MAX_CLUES = 6_000
MAX_TEXT = 300
MAX_LABEL = 60
_MAX_INSIDE = 12
_NAMES = (
    "class", "id", "itemprop", "property", "data-test", "data-testid", "data-qa", "data-qa-id", "data-cy", "data-hook",
    "data-th", "data-label", "data-title", "data-name", "data-field", "data-ui-id", "data-price-type", "data-period", "data-role",  # noqa: E501 - a table reads better in one line
    "headers", "name",
)  # fmt: skip
_VALUES = (
    "content",
    "datetime",
    "data-value",
    "data-price",
    "data-price-amount",
    "data-amount",
    "title",
    "aria-label",
    "href",
    "data-rating",
    "data-sort",
    "data-timestamp",
    "value",
)
_UNSEEN = frozenset({"script", "style", "noscript", "template", "head", "svg", "option", "select", "iframe"})
_STRUCK = frozenset({"s", "del", "strike"})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_ASIDE = frozenset({"nav", "footer", "aside"})
_ASIDE_WORDS = re.compile(
    r"cookie|consent|onetrust|cybot|newsletter|breadcrumb|navig|\bmenu|minicart|sidebar|footer|comments?\b|review(?:s|-list|-item)?\b|testimonial|quote|faq",
    re.IGNORECASE,
)
_HASHED = re.compile(r"\A(?:css|sc|jss|_)?[-_]?(?=[a-z]*\d)[a-z0-9]{5,10}\Z")
_STATE = re.compile(
    r"(?:has|with|is|no|without)[-_]|(?:has|with)[A-Z]|(?:items|justify|content|self)-(?:end|start|center|between)"
)  # what it holds, not what it is
_CURRENCY = re.compile(
    r"[$€£¥₹₺₩]|円|\b(?:EUR|USD|GBP|JPY|CHF|PLN|SEK|NOK|DKK|CZK|TRY|BRL|TL|kr|zł|Kč|Ft|lei)\b|R\$|:-|,-|\.-",
    re.IGNORECASE,
)
_ADDED = frozenset({"small", "br", "div", "p", "ul", "table", "font"})
_BADGE = re.compile(r"\A(?:NEU|NEW|NOUVEAU|NUEVO|NUOVO|NIEUW|NOVO|NOWE|NYHET|YENI|TOP|SALE)(?=[A-ZÀ-Þ][a-zà-þ])")
_NEXT = re.compile(r"(?:\s|\A)[^\W\d]{3,}\s?[:：]\s")
_COLON = re.compile(r"\A([^:：]{2,60})\s?[:：]\s*(\S.*)\Z", re.DOTALL)


@dataclass(slots=True)
class Clue:
    """A text of the page (or an attribute's value), the words that tell what it is, and where it stands."""

    element: Any
    attr: str | None
    text: str
    words: dict[str, float]
    label: str = ""
    place: str = "text"
    struck: bool = False
    aside: float = 0.0
    depth: int = 0
    heading: int = 0
    order: int = 0
    several: bool = False  # its text is that of several elements, none of it its own
    path: tuple[str, ...] = field(default=())

    @property
    def money(self) -> bool:
        """Whether the text bears the sign of a currency."""
        return bool(_CURRENCY.search(self.text))


def clues(root: Any, *, page: bool = True) -> list[Clue]:
    """Return the clues under an lxml element in the order of the page, at most 6,000.

    `page` weighs where they stand.
    """
    return _Reader(root, page=page).read()


class _Reader:
    def __init__(self, root: Any, *, page: bool) -> None:
        self._root = root
        self._page = page
        self._found: list[Clue] = []
        self._context: dict[Any, tuple[dict[str, float], float, bool, tuple[str, ...]]] = {}
        heading = root.find(".//h1") if page else None
        self._main = frozenset() if heading is None else frozenset(heading.iterancestors())  # never aside
        self._section: list[tuple[int, frozenset[str]]] = []

    def read(self) -> list[Clue]:
        small = _small(self._root)
        skipped: set[Any] = set()
        body = self._root.find("body") if self._root.tag == "html" else self._root
        self._enter(body if body is not None else self._root, None)
        for element in (body if body is not None else self._root).iter():
            if len(self._found) >= MAX_CLUES:
                break
            parent = element.getparent()
            if not isinstance(element.tag, str) or element.tag in _UNSEEN or parent in skipped:
                skipped.add(element)
                continue
            if element is not body and element is not self._root:
                self._enter(element, parent)
            if element.tag in _HEADINGS and element in small:
                self._under(element)
            self._clues_of(element, small)
        return self._found

    def _under(self, element: Any) -> None:
        level = int(element.tag[1])
        self._section = [entry for entry in self._section if entry[0] < level]
        self._section.append((level, concepts(text_of(element)[:80])))

    def _enter(self, element: Any, parent: Any) -> None:
        """Note what an element inherits: names of what encloses it, how far aside it stands, whether it is struck."""
        names, aside, struck, path = self._context.get(parent, ({}, 0.0, False, ()))
        faded = {word: weight * 0.62 for word, weight in names.items() if weight >= 0.2}
        own = own_names(element)
        for word in own:
            faded[word] = max(faded.get(word, 0.0), 0.9)
        if self._page and element.tag not in ("body", "main", "html") and element not in self._main:
            plain = " ".join(str(element.get(name) or "") for name in ("class", "id", "role"))
            if element.tag in _ASIDE or _ASIDE_WORDS.search(plain):
                aside = max(aside, 0.25 if element.tag == "aside" else 0.4)
            if "!others" in own or "!ad" in own:
                aside = max(aside, 0.5)
        struck = (
            struck
            or element.tag in _STRUCK
            or "line-through" in str(element.get("style") or "") + str(element.get("class") or "")
        )
        self._context[element] = (faded, aside, struck, (*path, step(element)))

    def _clues_of(self, element: Any, small: dict[Any, str]) -> None:
        names, aside, struck, path = self._context[element]
        text = small.get(element, "")
        headed: dict[str, float] = {}
        for level, heard in self._section:
            for word in heard:
                headed[word] = 0.5 if word.startswith("=") else 0.25
            if self._page and "!others" in heard and level > 1:
                aside = max(aside, 0.5)
        around = list(_labels(element, small, text)) if text or any(element.get(name) for name in _VALUES) else []
        if self._page:  # a cell of a table of many rows answers for its row, seldom for the page
            around = [
                (label, weight * 0.7 if place == "table column" else weight, place) for label, weight, place in around
            ]
        base = dict(headed)
        for word, weight in names.items():
            base[word] = max(base.get(word, 0.0), weight)
        for label, weight, _place in around:
            for word in concepts(label):
                base[word] = max(base.get(word, 0.0), weight)
        label, place = next(((label, place) for label, weight, place in around if weight >= 0.8), ("", "text"))
        heading = int(element.tag[1]) if element.tag in _HEADINGS else 0

        parts = sum(1 for child in element if child in small) if text and not (element.text or "").strip() else 0
        several = parts > 1 and not any((child.tail or "").strip() for child in element)

        def add(value: str, attr: str | None, words: dict[str, float], name: str, where: str) -> None:
            self._found.append(Clue(element, attr, value, words, name, where, struck, aside, len(path), heading, len(self._found), several and attr is None, (*path, attr or "")))  # fmt: skip  # noqa: E501 - a table reads better in one line

        if text:
            words = dict(base)
            if len(text) <= 120:
                counted = len(text) <= 40 and sum(map(str.isdigit, text)) and len(text.split()) <= 5  # "1.204 reviews"
                for word in concepts(text):
                    words[word] = max(words.get(word, 0.0), 0.75 if counted else 0.55)
            own = " ".join((element.text or "").split())
            if len(own) >= 3 and own != text and any(child.tag in _ADDED and child in small for child in element):
                add(own, "own", dict(base), label, place)
            add(_BADGE.sub("", text) if heading else text, None, words, label, place)
            split = _COLON.match(text)
            if split and _NEXT.search(split[2]):
                split = None  # several labels with their values, each of which has an element of its own
            if split and "//" not in text[: len(split[1]) + 3] and not split[1][-1:].isdigit():
                told = base | dict.fromkeys(concepts(split[1]), 1.0)
                inside = next((child for child in element if child in small and small[child] in split[2]), None)
                if inside is None or not (element.text or "").strip():
                    add(split[2], ":", told, split[1].strip(), "line")
        for attr in _VALUES:
            value = element.get(attr)
            if (
                value
                and len(value) <= MAX_TEXT
                and (attr != "value" or (element.tag in ("data", "meter", "input") and element.get("type") == "hidden"))
            ):
                told = dict(base)
                for word in (
                    concepts(attr.removeprefix("data-"))
                    if attr not in ("title", "aria-label", "content", "value", "href")
                    else ()
                ):
                    told[word] = max(told.get(word, 0.0), 0.8)
                if attr == "href" and text and len(text) <= 60:
                    for word in concepts(f"{text} {element.get('rel') or ''}"):
                        told[word] = max(told.get(word, 0.0), 0.9)
                if attr in ("title", "aria-label"):
                    for word in concepts(value):
                        told[word] = max(told.get(word, 0.0), 0.7)
                    split = _COLON.match(value)
                    if split:
                        told |= dict.fromkeys(concepts(split[1]), 1.0)
                        add(split[2].rstrip(" ."), f"{attr}:", told, split[1], attr)
                beside = (element.getnext(), element.getprevious())
                option = attr.startswith("data-") and any(other is not None and other.get(attr) for other in beside)
                add(" ".join(value.split()), attr, told, label, f"{place} @{attr}")
                self._found[-1].aside += 0.3 * option  # one of several to choose from


def own_names(element: Any) -> frozenset[str]:
    """Return the concepts of the names that the page's makers gave an element; names made by machines say nothing."""
    named: list[str] = []
    for name in _NAMES:
        value = element.get(name)
        if value:
            named += [
                part
                for part in value.split()[:12]
                if not _HASHED.match(part) and not _STATE.match(part) and len(part) <= 60
            ]
    return concepts(" . ".join(named)) if named else frozenset()


def step(element: Any) -> str:
    """Return an element's part of a path: its tag and its first class that a human gave it."""
    first = next((part for part in (element.get("class") or "").split()[:6] if not part[-1:].isdigit()), "")
    mark = element.get("itemprop") or element.get("data-period") or ""
    return f"{element.tag}.{first}.{mark}"


def _small(root: Any) -> dict[Any, str]:
    """Return the text of each element that holds little enough to be a value or a label."""
    sizes: dict[Any, tuple[int, int]] = {}
    found: dict[Any, str] = {}
    for element in reversed(list(root.iter())[: 8 * MAX_CLUES]):
        if not isinstance(element.tag, str) or element.tag in _UNSEEN:
            continue
        count, length = 1, len((element.text or "").strip())
        for child in element:
            inner = sizes.get(child, (0, 0))
            count += inner[0]
            length += inner[1] + len((child.tail or "").strip())
        sizes[element] = (count, length)
        if 0 < length <= MAX_TEXT and count <= _MAX_INSIDE:
            text = text_of(element)
            if text and len(text) <= MAX_TEXT:
                found[element] = text
    return found


def _labels(element: Any, small: dict[Any, str], text: str) -> Iterator[tuple[str, float, str]]:
    """Yield (label, weight, place) of what stands beside an element, the surest first."""
    here = element
    for level in range(4):
        fade = 1.0 if level == 0 else 0.95
        for label, weight, place in _beside(here, small):
            if 0 < len(label) <= MAX_LABEL:
                yield label.rstrip(" :："), weight * fade, place
        parent = here.getparent()
        if parent is None or small.get(parent) != text or not text:
            if level == 0 and parent is not None and text:
                yield from _around(here, parent)
            return
        here = parent


def _around(element: Any, parent: Any) -> Iterator[tuple[str, float, str]]:
    """Yield the text before and after an element within its own line."""
    before = element.getprevious()
    lead = (parent.text if before is None else before.tail) or ""
    lead = " ".join(lead.split()).rpartition("·")[2].strip()
    if 0 < len(lead) <= MAX_LABEL:
        yield lead.rstrip(" :："), 0.9, "line"
    tail = " ".join((element.tail or "").split()).partition("·")[0].partition(",")[0].strip()
    if 0 < len(tail) <= 40:
        yield tail, 0.85, "line"


def _beside(element: Any, small: dict[Any, str]) -> Iterator[tuple[str, float, str]]:
    tag, parent = element.tag, element.getparent()
    if parent is None:
        return
    if tag == "td" and parent.tag == "tr":
        yield from _of_cell(element, parent, small)
        return
    if tag == "dd":
        before = next((other for other in element.itersiblings(preceding=True) if other.tag in ("dt", "dd")), None)
        if before is not None and before.tag == "dt":
            yield small.get(before, ""), 1.0, "definition list"
        elif before is None:
            after = element.getnext()
            if after is not None and after.tag == "dt":
                yield small.get(after, ""), 1.0, "definition list"
        return
    if tag == "dt" or tag in _HEADINGS:
        return
    before = element.getprevious()
    while before is not None and (not isinstance(before.tag, str) or before.tag in ("br", "wbr", "svg", "img")):
        if (before.tail or "").strip():
            return
        before = before.getprevious()
    if (
        before is not None
        and not (before.tail or "").strip(" :：\n\t\r")
        and before in small
        and before.tag not in ("input", "button")
    ):
        label = small[before]
        if len(label) <= MAX_LABEL and not re.fullmatch(r"[\W\d]*", label):
            alone = before.getprevious() is None and element.getnext() is None
            sure = (
                label.endswith((":", "："))
                or before.tag in ("dt", "th", "label", "strong", "b")
                or "label" in (before.get("class") or "")
            )
            yield label, 1.0 if sure else 0.85 if alone else 0.3, "label"
    after = element.getnext()
    if (
        before is None
        and after is not None
        and after in small
        and after.getnext() is None
        and not (element.tail or "").strip()
    ):
        label = small[after]
        if len(label) <= 30 and not any(character.isdigit() for character in label):
            yield label, 0.8, "label"


def _of_cell(cell: Any, row: Any, small: dict[Any, str]) -> Iterator[tuple[str, float, str]]:
    cells = [other for other in row if other.tag in ("td", "th")]
    place = cells.index(cell)
    if place == 0:
        return
    first = small.get(cells[0], "")
    if len(cells) == 2 or cells[place - 1].tag == "th":
        yield small.get(cells[place - 1], first), 1.0, "table row"
    elif first and not re.fullmatch(r"[\W\d]*", first):
        yield first, 0.8 if cells[0].tag == "th" else 0.7, "table row"
    if len(cells) > 2:
        header = _header_of(row)
        if header is not None and len(header) == len(cells):
            yield small.get(header[place], ""), 0.75, "table column"


def _header_of(row: Any) -> list[Any] | None:
    table = next(row.iterancestors("table"), None)
    if table is None:
        return None
    top = next(iter(table.iter("tr")), None)
    if top is None or top is row:
        return None
    cells = [cell for cell in top if cell.tag in ("td", "th")]
    return cells if all(cell.tag == "th" for cell in cells) or top.getparent().tag == "thead" else None
