"""A page as a tree under caps, with what is read from it more than once. Owns lxml and parsel; must not know schemas.

Of a page only its first 4,000,000 characters are parsed, and `cut` says so. libxml2 stops at 256 levels and 10 MB of
text per node when it is not told otherwise, and it is not told otherwise: what lies deeper is not seen, and 10,000
nested tags cost nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import lxml.etree
import lxml.html
import parsel

from monitor.embedded.extract.words import clean

MAX_ELEMENTS = 5_000
MAX_HTML = 4_000_000  # characters of a page that are parsed: a tree takes about 45 bytes for each
_STRUCK = frozenset({"s", "del", "strike"})
_UNSEEN = ("script", "style", "noscript", "template")


class Document:
    """One parsed page; `url` is where it was fetched from."""

    def __init__(self, html: str, url: str) -> None:
        self.url = url
        self.cut = len(html) > MAX_HTML  # what stands behind the cut is not seen
        html = html[:MAX_HTML]
        parser = lxml.html.HTMLParser(huge_tree=False, recover=True, encoding="utf-8")
        content = html.replace("\0", "").encode("utf-8", "replace")
        try:
            tree = lxml.html.document_fromstring(content, parser=parser, ensure_head_body=True)
        except lxml.etree.ParserError:  # nothing but white space or comments
            tree = lxml.html.document_fromstring(b"<html></html>", parser=parser, ensure_head_body=True)
        self.tree = tree
        self.root = parsel.Selector(root=tree, type="html")

    @cached_property
    def language(self) -> str | None:
        """The language tag of the page, if it says one."""
        tag = self.tree.get("lang") or self.tree.get("{http://www.w3.org/XML/1998/namespace}lang")
        return tag.strip()[:20] if tag and tag.strip() else None

    @cached_property
    def entities(self) -> list[dict[str, Any]]:
        """The structured data of the page, best first; see `structured`."""
        from monitor.embedded.extract import structured

        return structured.entities(self.tree, self.url)

    @cached_property
    def stated(self) -> list[tuple[str, Any]]:
        """The JSON documents of the page's scripts by name; see `state`."""
        from monitor.embedded.extract import state

        return state.documents(self.tree)

    @cached_property
    def date_language(self) -> str | None:
        """The tag by which numeric dates are read: the page's, else what its own dates allow only one way to read."""
        if self.language is not None:
            return self.language
        pairs = re.findall(r"(?<![\d/])(\d{1,2})/(\d{1,2})/\d{4}(?!\d)", text_of(self.tree)[:200_000])
        day_first = any(int(first) > 12 for first, _second in pairs)
        month_first = any(int(second) > 12 for _first, second in pairs)
        return None if day_first == month_first else "en-us" if month_first else "en-gb"

    @cached_property
    def title(self) -> str:
        """The text of `<title>`."""
        return clean(self.root.xpath("string(//title[1])").get() or "")

    @cached_property
    def description(self) -> str:
        """The text of `<meta name="description">`."""
        return clean(self.root.xpath("//meta[@name='description']/@content").get() or "")


def text_of(element: Any, *, struck: bool = True) -> str:
    """Return the visible text of an lxml element, or of what an XPath gave (an attribute, a string).

    `struck=False` leaves out what is struck through within it, such as an old price.
    """
    if not isinstance(element, lxml.etree._Element):  # noqa: SLF001 - the class that lxml gives no public name
        return clean(str(element))
    joined: list[str] = []
    for piece in _texts(element, struck=struck):
        # Digits of two elements are two numbers: 449<sup>99</sup> is not 44999.
        if joined and joined[-1][-1:].isdigit() and piece[:1].isdigit():
            joined.append(" ")
        if piece:
            joined.append(piece)
    return clean("".join(joined))


def is_struck(element: Any) -> bool:
    """Return whether an element strikes its text through."""
    style = f"{element.get('style') or ''} {element.get('class') or ''}"
    return element.tag in _STRUCK or "line-through" in style


def _texts(element: Any, *, struck: bool) -> Iterator[str]:
    """Yield the text pieces under `element`, a space where a block or a line ends, without scripts and the like."""
    left = 100_000
    depth_unseen = 0
    for event, node in lxml.etree.iterwalk(element, events=("start", "end", "comment", "pi")):
        left -= 1
        if left < 0:
            return
        unseen = node.tag in _UNSEEN or (
            not struck and node is not element and isinstance(node.tag, str) and is_struck(node)
        )
        if event == "start":
            depth_unseen += unseen
            if node.text and not depth_unseen:
                yield node.text
        elif event == "end":
            depth_unseen -= unseen
        if event != "start" and node is not element and not depth_unseen:
            yield from ("" if node.tag in _INLINE or node.tag in _UNSEEN or event != "end" else " ", node.tail or "")


_INLINE = frozenset(
    {"a", "abbr", "b", "bdi", "cite", "code", "em", "i", "mark", "s", "small", "span", "strong", "sub", "sup", "u"}
)
