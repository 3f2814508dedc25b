"""The attributes of an element that hold values: dates, addresses, amounts, and texts for those who do not see. Pure.

Must not know properties. The name of a `data-` attribute is the label of its value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from monitor.embedded.extract.clue import Label
from monitor.embedded.extract.naming import own_names
from monitor.embedded.extract.terms import concepts, of_name

MAX_VALUE = 300
PLAIN = ("content", "datetime", "href", "src", "title", "aria-label", "alt", "value")
_NEXT = ("›", ">", "→", "❯", "»")
_SPOKEN = ("title", "aria-label", "alt")
_COLON = re.compile(r"\A([^:：]{2,60}?)\s?[:：]\s*(\S.*)\Z", re.DOTALL)
_ABOUT = frozenset({"data-th", "data-label", "data-title", "data-name", "data-field", "data-column", "data-role"})
_NAMES_OF_VALUES = {"data-value": "", "data-sort": "", "data-sort-value": "", "data-timestamp": "date"}

Found = tuple[str, str, tuple[Label, ...], float]


def attribute_clues(element: Any, text: str) -> Iterator[Found]:
    """Yield (attribute, value, labels of its own, how far aside) for each telling attribute of an element."""
    for name, raw in element.attrib.items():
        value = " ".join(raw.split())
        if not value or len(value) > MAX_VALUE or name in _ABOUT:
            continue
        if name in PLAIN:
            yield from _plain(element, name, value, text)
        elif name in _NAMES_OF_VALUES:
            words = concepts(_NAMES_OF_VALUES[name])
            yield name, value, (Label(name, 0.6, "attribute", words),) if words else (), 0.0
        elif name.startswith("data-") and len(name) <= 40:
            words = of_name(name.removeprefix("data-"))
            if any(not word.startswith(("=", "!")) for word in words):
                yield name, value, (Label(name, 0.85, "attribute", words),), _choice(element, name)


def _plain(element: Any, name: str, value: str, text: str) -> Iterator[Found]:
    if name == "value" and not (
        element.tag in ("data", "meter") or (element.tag == "input" and element.get("type") == "hidden")
    ):
        return
    if name == "datetime":
        yield name, value, (), 0.0
    elif name in _SPOKEN:
        found = _COLON.match(value)
        if found:
            yield f"{name}:", found[2].rstrip(" ."), (Label(found[1], 1.0, name, concepts(found[1])),), 0.0
        if value != text:
            yield name, value, (), 0.0
    elif name == "href" and element.tag in ("a", "link", "area"):
        said = f"{text if len(text) <= 60 else ''} {element.get('aria-label') or ''} {element.get('title') or ''}"
        words = concepts(said) | frozenset(own_names(element))
        if text in _NEXT:
            words |= {"nextpage"}
        yield name, value, (Label(text[:60] or name, 0.9, "link", words),) if words else (), 0.0
    elif name in ("content", "value", "src"):
        yield name, value, (), 0.0


def _choice(element: Any, name: str) -> float:
    """Return how far aside a value stands that is one of several to choose from: its neighbours have it, too."""
    beside = (element.getnext(), element.getprevious())
    return 0.3 if any(other is not None and other.get(name) for other in beside) else 0.0
