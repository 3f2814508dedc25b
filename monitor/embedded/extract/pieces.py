"""The parts of a text that may be values by themselves: its text nodes, what separators part, what follows a label.

Pure over a tree. Must not know properties.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from monitor.embedded.extract.clue import Label
from monitor.embedded.extract.terms import concepts, sayings

Piece = tuple[str, str, Label | None]  # the kind of part, its text, and the label that stands in the same text
MAX_PARTS = 8
_NAMING = frozenset({"b", "strong", "label", "em", "dt", "th"})
_NAMED = re.compile(r"(?:\b|_)(?:label|lbl|key|k|term|caption|hidden|sr-only|visuallyhidden)(?:\b|_)", re.IGNORECASE)
_SEPARATOR = re.compile(r"\s+[·•|–—/]\s+|\s*[·•|]\s*|\s{3,}")
_SIGN = re.compile(r"[·•|]")
_SENTENCE = re.compile(r"(?<=[^\W\d]{2}[.!?])\s+(?=[A-ZÀ-Þ])")
_COLON = re.compile(r"\A([^:：]{2,60}?)\s?[:：]\s*(\S.*)\Z", re.DOTALL)
_NEXT = re.compile(r"(?:\s|\A)[^\W\d]{3,}\s?[:：]\s")
_LEAD = re.compile(r"\A((?:[^\W\d][\w'’.-]*\s){1,3})(\S.*)\Z")


def is_parted(text: str) -> bool:
    """Return whether separators part a text into several."""
    return 1 < len([part for part in _SIGN.split(text) if part.strip()]) <= MAX_PARTS


def pieces(element: Any, texts: Mapping[Any, str]) -> Iterator[Piece]:
    """Yield the pieces of an element's text."""
    whole = texts[element]
    children = [child for child in element if child in texts]
    if not is_parted(whole):
        yield from _led("rest", whole, children, element)
    runs = list(_runs(element, texts)) if children else []
    for text, label in runs:
        if text != whole and any(map(str.isalnum, text)) and not (text[-1] in ",." and text[:-1].isdigit()):
            yield "run", text, label
    for text in [whole] if not children else [text for text, _label in runs]:
        parts = [part.strip() for part in _SEPARATOR.split(text) if part.strip()]
        if 1 < len(parts) <= MAX_PARTS:
            for part in parts:
                yield "part", part, None
                yield from _led("part", part, [], element)
        elif text != whole:
            yield from _led("rest", text, [], element)
        sentences = _SENTENCE.split(text)
        if 1 < len(sentences) <= MAX_PARTS:
            for sentence in sentences:
                yield from _led("rest", sentence.rstrip("."), [], element)


def _runs(element: Any, texts: Mapping[Any, str]) -> Iterator[tuple[str, Label | None]]:
    """Yield the text nodes of an element, each with the element right before it as its label."""
    lead = " ".join((element.text or "").split())
    if lead:
        yield lead, None
    alone = not lead and len(element) == 1
    for child in element:
        text = " ".join((child.tail or "").split()).strip(" :：")
        if not text:
            continue
        above = child.getprevious() if child.tag == "br" else None  # <b>label</b><br>value
        if above is not None and above.tag in _NAMING and not (above.tail or "").strip(" :：\n\t\r"):
            child = above  # noqa: PLW2901 - the element that the text is beside
        before = texts.get(child, "").rstrip(" :：")
        if not before or len(before) > 60 or any(map(str.isdigit, before)):
            yield text, None
            continue
        named = child.tag in _NAMING or texts[child].endswith((":", "：")) or _NAMED.search(child.get("class") or "")
        yield text, Label(before, 0.95 if named else 0.85 if alone else 0.5, "line", concepts(before))


def _led(part: str, text: str, children: list[Any], element: Any) -> Iterator[Piece]:
    """Yield what follows a label at the beginning of a text: after a colon, or before a value that begins there."""
    found = _COLON.match(text)
    if (
        found
        and not _SENTENCE.search(found[1])
        and "//" not in text[: len(found[1]) + 3]
        and not found[1][-1:].isdigit()
        and not _NEXT.search(found[2])
    ):
        told = concepts(found[1])
        if told and not (children and (element.text or "").strip() == ""):
            yield part, found[2], Label(found[1].strip(), 1.0, "line", told)
        return
    lead = _LEAD.match(text) if len(text) <= 80 and not children else None
    if lead is None:
        return
    words = lead[1].split()
    for count in range(len(words), 0, -1):
        rest = " ".join([*words[count:], lead[2]])
        head = " ".join(words[:count])
        if _is_lead(head, rest):
            yield part, rest, Label(head, 0.85, "line", concepts(head) | _by(head))
            return


def _is_lead(head: str, rest: str) -> bool:
    """Return whether `head` names what `rest` is: a value that begins with a digit, or a name after a known word."""
    if rest.endswith(".") or (len(rest) > 40 and ". " in rest):
        return False
    if rest[:1].isdigit():
        return len(head.split()) < 3 and any(len(word) > 2 for word in head.split())
    known = any(not word.startswith("=") for word in concepts(head)) or bool(_by(head))
    return known and rest[:1].isupper() and not any(not word.startswith("=") for word in concepts(rest[:40]))


def _by(head: str) -> frozenset[str]:
    """Return the concept of an author for the word that names authors in many languages ("by", "von", "par")."""
    return frozenset({"author"}) if head.casefold().strip() in sayings("by") else frozenset()
