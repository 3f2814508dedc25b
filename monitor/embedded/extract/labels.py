"""Labels and their values as a page lays them out: tables, definition lists, "label: value" lines. Pure over a tree.

For a schema that is still to be proposed; how a label means a property is decided in `likeness`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from monitor.embedded.extract.document import text_of

MAX_PAIRS = 2_000
MAX_LABEL = 80
MAX_LINE = 300


@dataclass(frozen=True, slots=True)
class Pair:
    """A label, the text beside it, and the kind of place where both stand."""

    label: str
    value: str
    place: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a header row: its labels, and its rows as lxml cells in the order of the labels."""

    header: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def pairs(element: Any) -> list[Pair]:
    """Return the label-value pairs under an lxml element, at most 2,000."""
    found: list[Pair] = []
    for pair in _all(element):
        if 0 < len(pair.label) <= MAX_LABEL and pair.value:
            found.append(pair)
        if len(found) >= MAX_PAIRS:
            break
    return found


def _all(element: Any) -> Iterator[Pair]:
    for row in element.xpath(".//tr"):
        cells = row.xpath("./th | ./td")
        if len(cells) == 2 and cells[1].tag == "td":
            yield Pair(_label(text_of(cells[0])), text_of(cells[1]), "table")
    for term in element.xpath(".//dl//dt"):
        following = term.xpath("./following-sibling::*[1][self::dd]")
        if following:
            yield Pair(_label(text_of(term)), text_of(following[0]), "definition list")
    for line in element.xpath(".//li | .//p | .//div[not(.//div or .//p or .//ul or .//table or .//dl)]")[
        : 5 * MAX_PAIRS
    ]:
        text = text_of(line)
        label, colon, value = text.partition(":")
        if colon and len(text) <= MAX_LINE and "//" not in text[: len(label) + 3]:
            yield Pair(_label(label), value.strip(), "line")


def _label(text: str) -> str:
    return text.strip().rstrip(":").strip()


def tables(element: Any) -> list[Table]:
    """Return the tables that have a header row of at least two labels, and at least one full row."""
    found = []
    for table in element.xpath(".//table")[:200]:
        lines = [tuple(row.xpath("./th | ./td")) for row in table.xpath("./tr | ./thead/tr | ./tbody/tr")]
        header = next((line for line in lines if len(line) >= 2), ())
        if not header or any(cell.tag != "th" for cell in header):
            continue
        rows = tuple(line for line in lines if line is not header and len(line) == len(header))[:MAX_PAIRS]
        if rows:
            found.append(Table(tuple(text_of(cell) for cell in header), rows))
    return found
