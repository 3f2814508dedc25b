"""A page as short Markdown for a reader that pays by the word: the telling blocks, within a budget. Pure over a tree.

Blocks that share words with what is asked for stay first when not all fit; the order is that of the page. Must not know
who reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import lxml.etree

from monitor.embedded.extract.document import Document
from monitor.embedded.extract.words import clean, words

MAX_BLOCKS = 5_000
MAX_BLOCK = 2_000  # characters
_MARKS = {"h1": "# ", "h2": "## ", "h3": "### ", "h4": "#### ", "h5": "#### ", "h6": "#### ", "li": "- ", "dt": "- "}
_CELLS = ("td", "th")
_AROUND = ("nav", "footer", "aside", "header")  # said again on every page of a site
_UNSEEN = frozenset({"script", "style", "noscript", "template", "svg", "iframe", "object", "head", "select"})
_BLOCKS = frozenset(
    {
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hgroup",
        "li",
        "main",
        "menu",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "tfoot",
        "thead",
        "tr",
        "ul",
    }
)


@dataclass(frozen=True, slots=True)
class _Block:
    text: str
    around: bool


def tokens(text: str) -> int:
    """Return about how many tokens a model reads `text` as: a quarter of its UTF-8 bytes, as with common tokenizers."""
    return (len(text.encode("utf-8", "replace")) + 3) // 4


def markdown(document: Document, asked: str, budget: int) -> str:
    """Return the page as Markdown of at most `budget` tokens; `asked` is the goal and the names of what is wanted."""
    head = [f"# {document.title}"] if document.title else []
    head += [document.description] if document.description else []
    blocks = [_Block(text[:MAX_BLOCK], around=False) for text in head]
    seen = {block.text for block in blocks}
    for block in _blocks(document.tree):
        if block.text not in seen and len(blocks) < MAX_BLOCKS:
            seen.add(block.text)
            blocks.append(block)
    wanted = set(words(asked[:200])) | {word for part in asked.split() for word in words(part)}
    ranked = sorted(range(len(blocks)), key=lambda index: (-_worth(blocks[index], wanted), index))
    chosen: set[int] = set()
    left = budget
    for index in ranked:
        cost = tokens(blocks[index].text) + 1
        if cost <= left:
            chosen.add(index)
            left -= cost
    return "\n".join(block.text for index, block in enumerate(blocks) if index in chosen)


def texts(document: Document) -> list[str]:
    """Return every text of the page that a reader may take a value from: its blocks, title and telling attributes."""
    attributes = document.tree.xpath("//@content | //@datetime | //@href | //@src | //@alt | //@title | //@value")
    held = [document.title, document.description, *(block.text for block in _blocks(document.tree))]
    return [*held[:MAX_BLOCKS], *(str(attribute)[:MAX_BLOCK] for attribute in attributes[:MAX_BLOCKS])]


def _worth(block: _Block, wanted: set[str]) -> float:
    shared = len(wanted & set(words(block.text)))
    heading = block.text.startswith("#")
    digits = any(character.isdigit() for character in block.text)
    return (0.0 if block.around else 2.0) + min(shared, 4) + heading + digits


def _blocks(tree: Any) -> Iterator[_Block]:
    """Yield the blocks of the page in their order: a table's row is one block, its cells parted by bars."""
    gathered: list[str] = []
    mark, around, unseen = "", 0, 0
    for event, node in lxml.etree.iterwalk(tree, events=("start", "end", "comment", "pi")):
        tag = node.tag if isinstance(node.tag, str) else ""
        if event == "start":
            if tag in _BLOCKS:
                yield from _block(mark, gathered, around=bool(around))
                mark = _MARKS.get(tag, "")
            elif tag in _CELLS and gathered:
                gathered.append(" | ")
            unseen += tag in _UNSEEN
            around += tag in _AROUND
            if not unseen and node.text:
                gathered.append(node.text)
            continue
        if event == "end":
            if tag in _BLOCKS:
                yield from _block(mark, gathered, around=bool(around))
                mark = ""
            elif tag == "br":
                gathered.append(" ")
            unseen -= tag in _UNSEEN
            around -= tag in _AROUND
        if not unseen and node.tail:
            gathered.append(node.tail)


def _block(mark: str, gathered: list[str], *, around: bool) -> Iterator[_Block]:
    """Yield what was gathered as one block, if it says anything, and forget it."""
    joined = ""
    for piece in gathered:
        # Digits of two elements are two numbers: 449<sup>99</sup> is not 44999.
        joined += f" {piece}" if joined[-1:].isdigit() and piece[:1].isdigit() else piece
        if len(joined) > 4 * MAX_BLOCK:
            break
    gathered.clear()
    text = clean(joined)
    if text.strip("| "):
        yield _Block((mark + text)[:MAX_BLOCK], around)
