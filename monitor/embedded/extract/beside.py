"""The labels of a value: what stands beside it in a table, a definition list, a pair, a line, or right above it.

Pure over a tree. Must not know properties: every label is given with how sure it is that it names the value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from monitor.embedded.extract.clue import Label
from monitor.embedded.extract.terms import concepts

MAX_LABEL = 60
Texts = Mapping[Any, str]
_HEADINGS = frozenset({"h2", "h3", "h4", "h5", "h6"})
_NAMING = frozenset({"dt", "th", "label", "strong", "b", "em", "legend", "caption"})
_NAMED = re.compile(r"(?:\b|_)(?:label|lbl|key|k|term|caption|hdr|dt)(?:\b|_)", re.IGNORECASE)
_SMALL = frozenset({"small", "abbr", "span", "sub", "sup", "em", "i", "font"})
_EMPTY = frozenset({"br", "wbr", "svg", "img", "i", "input", "hr"})
_NOTHING = re.compile(r"[\W\d]*\Z")
_LEADS = (0.9, 0.9, 0.9, 0.9, 0.75, 0.6, 0.4)  # by its words: a long text before a value is a sentence
_COMPOSITE = re.compile(r"\s/\s|\s&\s|\s\+\s")
_CELLS = frozenset({"cell", "gridcell", "columnheader", "rowheader"})
MAX_SPAN, MAX_CELLS, MAX_PARTS, MAX_STEPS = 20, 300, 20, 20  # what is wider is not read as a table or a pair
_AMOUNT = re.compile(r"\d[\d.,\s]*[€£$]|[€£$]\s?\d")
_SEPARATOR = re.compile(r"\s[·•|–—]\s|[·•|]")


def labels_of(element: Any, texts: Texts, *, rows: bool = False) -> tuple[Label, ...]:
    """Return the labels of an element's text, the surest first; `rows`: of a cell only the label of its column."""
    found = [_label(*one) for one in _climbing(element, texts, rows=rows) if 0 < len(one[0]) <= MAX_LABEL]
    found = [label for label in found if label.words]
    return tuple(sorted(found, key=lambda label: -label.weight))


def _label(text: str, weight: float, place: str) -> Label:
    bare = text.strip().rstrip(" :：").strip()
    return Label(bare, weight, place, concepts(bare))


def _climbing(element: Any, texts: Texts, *, rows: bool) -> Iterator[tuple[str, float, str]]:
    """Yield labels of the element and of those that it fills: what encloses a text alone has the same labels."""
    here, text, fade = element, texts.get(element, ""), 1.0
    for level in range(4):
        for label, weight, place in _beside(here, texts, rows=rows):
            yield label, weight * fade, place
        parent = here.getparent()
        if parent is None or not text or texts.get(parent) != text:
            if level == 0 and parent is not None and text:
                yield from _in_line(here, parent)
            return
        here, fade = parent, 0.95


def _beside(element: Any, texts: Texts, *, rows: bool) -> Iterator[tuple[str, float, str]]:
    parent = element.getparent()
    if parent is None:
        return
    for name in ("data-th", "data-label", "data-title"):
        if element.get(name):
            yield element.get(name), 1.0, "label"
    role = element.get("role")
    if (element.tag == "td" and parent.tag == "tr") or role in ("cell", "gridcell"):
        yield from _of_cell(element, parent, texts, rows=rows)
    elif rows and parent.tag == "td" and (part := _of_part(element, parent)):
        yield part, 0.95, "table column"
    elif element.tag == "dd":
        yield from _of_definition(element, texts)
    elif element.tag not in ("dt", "th", "h1") and element.tag not in _HEADINGS:
        for label, weight, place in _of_pair(element, parent, texts):
            # In a row of a list the heading is the row's title, not the label of what follows.
            yield label, 0.5 if rows and place == "heading" else weight, place


def _of_definition(element: Any, texts: Texts) -> Iterator[tuple[str, float, str]]:
    before = next((other for other in element.itersiblings(preceding=True) if other.tag in ("dt", "dd")), None)
    if before is None:  # some pages put the value first
        before = element.getnext()
    if before is not None and before.tag == "dt":
        yield texts.get(before, ""), 1.0, "definition list"


def _of_pair(element: Any, parent: Any, texts: Texts) -> Iterator[tuple[str, float, str]]:
    before = _previous(element)
    after = _next(element)
    if before is not None and before in texts and before.tag != "button":
        yield from _after(before, parent, texts, alone=_previous(before) is None and after is None)
    if before is None and after is not None and after in texts and _next(after) is None and _whole(parent):
        label = texts[after]
        if len(label) <= 30 and not any(map(str.isdigit, label)) and any(map(str.isdigit, texts.get(element, ""))):
            yield label, 0.85, "label"  # 128 / reviews
    elif after is not None and _is_unit(after, element) and after in texts and not (element.tail or "").strip():
        label = texts[after]
        if len(label) <= 25 and not any(map(str.isdigit, label)) and any(map(str.isdigit, texts.get(element, ""))):
            yield label, 0.8, "line"  # £99.99 <small>ex VAT</small>


def _is_unit(after: Any, element: Any) -> bool:
    """Return whether what follows is small print to the value, and not its neighbour in a list."""
    return after.tag in _SMALL and after.tag != element.tag


def _after(before: Any, parent: Any, texts: Texts, *, alone: bool) -> Iterator[tuple[str, float, str]]:
    """Yield the text before an element as its label, as surely as its form and its place say."""
    label = texts[before]
    if len(label) > MAX_LABEL or _NOTHING.match(label):
        return
    if before.tag == "h1":
        return
    if before.tag in _HEADINGS:
        yield label, 0.9 if alone and len(texts.get(parent, "")) < 200 else 0.8, "heading"
    elif _AMOUNT.search(label):
        yield label, 0.3, "label"  # an offer of its own
    elif label.endswith((":", "：")) or before.tag in _NAMING or _NAMED.search(before.get("class") or ""):
        yield label, 1.0, "label"
    elif any(map(str.isdigit, label)):
        yield label, 0.3, "label"
    elif alone and _whole(parent):
        yield label, 0.95 if _is_one_of_many(parent) else 0.85, "label"
    else:
        yield label, 0.3, "label"


def _is_one_of_many(parent: Any) -> bool:
    """Return whether the neighbours of a pair are pairs, too: a grid of labels and values."""
    form = [child.tag for child in parent if isinstance(child.tag, str)]
    others = [other for other in (parent.getnext(), parent.getprevious()) if other is not None]
    return any(other.tag == parent.tag and [child.tag for child in other] == form for other in others)


def _whole(parent: Any) -> bool:
    """Return whether all text of a parent stands in its children."""
    return not (parent.text or "").strip() and not any((child.tail or "").strip(" :：\n\t\r") for child in parent)


def _previous(element: Any) -> Any:
    """Return the element before, past icons and line breaks, if no text stands between."""
    before, left = element.getprevious(), MAX_STEPS
    while before is not None and (left := left - 1) and not (before.tail or "").strip(" :：\n\t\r\u00a0"):
        if isinstance(before.tag, str) and before.tag not in _EMPTY:
            return before
        if before.tag == "i" and (before.text or "").strip():
            return before
        before = before.getprevious()
    return None


def _next(element: Any) -> Any:
    after, left = element.getnext(), MAX_STEPS
    while after is not None and (left := left - 1) and (not isinstance(after.tag, str) or after.tag in _EMPTY):
        after = after.getnext()
    return after


def _in_line(element: Any, parent: Any) -> Iterator[tuple[str, float, str]]:
    """Yield the text before and after an element within its own line, up to a separator."""
    before = element.getprevious()
    follows = before is not None and isinstance(before.tag, str) and any(map(str.isdigit, _text(before)))
    lead = (parent.text if before is None else before.tail) or ""
    lead = _SEPARATOR.split(" ".join(lead.split()))[-1].strip()
    if 0 < len(lead) <= MAX_LABEL and not (follows and len(lead.split()) < 3):  # else the unit of what stands before
        yield lead, _LEADS[min(len(lead.split()), 6)], "line"
    tail = _SEPARATOR.split(" ".join((element.tail or "").split()))[0].partition(",")[0].strip()
    if 0 < len(tail) <= 40 and not any(map(str.isdigit, tail)):
        yield tail, _LEADS[min(len(tail.split()) + 1, 6)] - 0.05, "line"


def _of_cell(cell: Any, row: Any, texts: Texts, *, rows: bool) -> Iterator[tuple[str, float, str]]:
    if _is_wide(row, MAX_CELLS):
        return
    cells = cells_of(row)
    place = cells.index(cell)
    header = header_of(row)
    if rows and header is not None and len(header) == len(cells) and _COMPOSITE.search(_text(header[place])):
        return  # "position / company" is the label of the parts of the cell
    if header is not None and len(header) == len(cells) and (len(cells) > 2 or rows):
        yield from ((text, 1.0 if rows else 0.55, "table column") for text in _head_texts(header[place]))
    if place == 0 or rows:
        return
    first = texts.get(cells[0], "")
    if len(cells) == 2 or cells[place - 1].tag == "th":
        yield texts.get(cells[place - 1], first), 1.0, "table row"
    elif len(cells) % 2 == 0 and place % 2 and header is None and texts.get(cells[place - 1], "").endswith(":"):
        yield texts[cells[place - 1]], 1.0, "table row"
    elif first and not _NOTHING.match(first):
        yield first, 0.85 if header is not None else 0.7, "table row"


def _of_part(element: Any, cell: Any) -> str | None:
    """Return the label of one of the parts of a cell whose column has as many names: `position / company`."""
    if _is_wide(cell, MAX_PARTS) or _is_wide(cell.getparent(), MAX_CELLS):
        return None
    cells = cells_of(cell.getparent())
    header = header_of(cell.getparent())
    if header is None or len(header) != len(cells):
        return None
    names = [name.strip() for name in _COMPOSITE.split(_text(header[cells.index(cell)])) if name.strip()]
    parts = [child for child in cell if isinstance(child.tag, str) and _text(child)]
    return names[parts.index(element)] if len(names) == len(parts) > 1 and element in parts else None


def _is_wide(element: Any, most: int) -> bool:
    """Return whether an element has more children than `most`; lxml's `len` would count them all, for every child."""
    return next(islice(element, most, None), None) is not None


def _text(element: Any) -> str:
    return " ".join("".join(element.itertext()).split())


def _head_texts(head: Any) -> Iterator[str]:
    """Yield what a head of a column says: its text, and what it stands for (`<abbr title>`, `aria-label`)."""
    yield _text(head)[:200]
    for inner in head.iter():
        if isinstance(inner.tag, str):
            yield from (inner.get(name) for name in ("title", "aria-label", "abbr", "data-sort-key") if inner.get(name))


def cells_of(row: Any) -> list[Any]:
    """Return the cells of a table's row, by tag or by role; one that spans columns stands for each of them."""
    found = []
    for cell in row:
        if isinstance(cell.tag, str) and (cell.tag in ("td", "th") or cell.get("role") in _CELLS):
            span = cell.get("colspan") or "1"
            found += [cell] * (min(int(span), MAX_SPAN) if span.isdecimal() and span.isascii() else 1)
    return found


def header_of(row: Any) -> list[Any] | None:
    """Return the cells of the header of a row's table, if it has one and the row is not it."""
    table = next((above for above in row.iterancestors() if above.tag == "table" or _is_table(above)), None)
    if table is None:
        return None
    top = next((line for line in table.iter() if line.tag == "tr" or line.get("role") == "row"), None)
    if top is None or top is row:
        return None
    cells = cells_of(top)
    heads = [cell for cell in cells if cell.tag == "th" or cell.get("role") == "columnheader"]
    if len(heads) == len(cells) or top.getparent().tag == "thead":
        return cells
    return cells if _is_bold(cells, row) else None


def _is_table(element: Any) -> bool:
    return element.get("role") in ("table", "grid") if isinstance(element.tag, str) else False


def _is_bold(cells: list[Any], row: Any) -> bool:
    """Return whether a first row of plain cells is a header: all short, without digits, and unlike the row."""
    texts = [" ".join("".join(cell.itertext()).split()) for cell in cells]
    if len(cells) < 2 or any(not text or len(text) > 30 or any(map(str.isdigit, text)) for text in texts):
        return False
    if all(cell.find(".//b") is not None or cell.find(".//strong") is not None for cell in cells):
        return True
    return any(any(map(str.isdigit, "".join(cell.itertext()))) for cell in cells_of(row)) and row.getparent().tag in (
        "table",
        "tbody",
    )
