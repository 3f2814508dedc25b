"""Tables whose columns are the rows of a list: plans side by side, with a label before each line. Pure over a tree.

Each column is set down as a block of its own, its head as a heading and its cells as definitions, so that whoever reads
blocks reads columns, too. The cells are copies; the page is not changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import lxml.html

from monitor.embedded.extract.beside import cells_of
from monitor.embedded.extract.document import text_of

MAX_TABLES, MAX_LINES, MAX_COLUMNS = 20, 200, 30


def columns(root: Any) -> Iterator[list[Any]]:
    """Yield the columns of each table that has a head of at least two columns beside its labels, as blocks."""
    for table in list(root.iter("table"))[:MAX_TABLES]:
        lines = [cells_of(row) for row in list(table.iter("tr"))[:MAX_LINES]]
        lines = [line for line in lines if len(line) > 1]
        if len(lines) < 2 or not 3 <= len(lines[0]) <= MAX_COLUMNS:
            continue
        head, body = lines[0], [line for line in lines[1:] if len(line) == len(lines[0])]
        named = [cell.tag == "th" or cell.get("role") == "columnheader" for cell in head[1:]]
        if body and all(named) and all(line[0].tag == "th" or not text_of(head[0]) for line in body):
            yield [_block(head, body, place) for place in range(1, len(head))]


def _block(head: list[Any], body: list[list[Any]], place: int) -> Any:
    block = lxml.html.Element("section")
    title = lxml.html.Element("header")
    heading = lxml.html.Element("h3")
    inner = [child for child in head[place] if isinstance(child.tag, str) and text_of(child)]
    name = inner[0] if inner and not (head[place].text or "").strip() else None
    heading.text = (
        text_of(name) if name is not None else " ".join((head[place].text or "").split()) or text_of(head[place])
    )
    title.append(heading)
    for child in inner[1:] if name is not None else inner:
        title.append(deepcopy(child))
    block.append(title)
    listed = lxml.html.Element("dl")
    for line in body:
        term = lxml.html.Element("dt")
        term.text = text_of(line[0])
        value = deepcopy(line[place])
        value.tag, value.tail = "dd", None
        listed.append(term)
        listed.append(value)
    block.append(listed)
    return block
