"""The names that a page's makers gave an element: classes, ids, test ids, item properties. Pure.

A class in BEM form (`card__price--old`) or of CSS modules (`Card_price__x7Gh2`) names a block and, in it, an element:
the element says what it is, the block only where it stands. What a machine made (`css-1q2w3e`) says nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from monitor.embedded.extract.terms import of_name

TURNS = frozenset({"odd", "even", "first", "last", "active", "row1", "row2", "bg1", "bg2", "alt", "new"})
OWN, BLOCK, FADE, LEAST = 0.9, 0.5, 0.62, 0.2
_CLASSES = ("class", "id")
_NAMES = (
    "itemprop", "property", "data-test", "data-testid", "data-qa", "data-qa-id", "data-cy", "data-hook", "data-th",
    "data-label", "data-title", "data-name", "data-field", "data-ui-id", "data-price-type", "data-period", "data-role",
    "data-column", "data-type", "data-id-name", "headers", "name", "rel", "aria-labelledby", "aria-describedby",
)  # fmt: skip
_IDENTIFIER = re.compile(r"\A(?=.*[-_A-Z])[A-Za-z][A-Za-z_-]{3,60}\Z")  # `data-at="job-item-title"`: a name for tests
_HASHED = re.compile(r"\A(?:css|sc|jss|_)?[-_]?(?=[a-z]*\d)[a-z0-9]{5,10}\Z")
_HASH = re.compile(r"\A(?=\w*\d|[a-z]*[A-Z][a-z]*[A-Z])\w{4,8}\Z")
_UTILITY = re.compile(
    r"\A(?:[\w-]+:)?-?(?:text|bg|font|[pm][xytblrse]?|[wh]|gap|space|flex|grid|leading|tracking|rounded|border|shadow|items|"
    r"justify|max|min|col|row|z|top|left|right|bottom|inset|opacity|ring|divide|order|sr|align|float|overflow|size|btn|d)"
    r"-(?:[\w./\[\]%#-]+)\Z"
)  # `text-4xl`, `md:mt-2`: how it looks
_STATE = re.compile(
    r"(?:has|with|is|no|without)[-_]|(?:has|with)[A-Z]|(?:items|justify|content|self)-(?:end|start|center|between)"
)  # what it holds or how it is laid out, not what it is


def own_names(element: Any) -> dict[str, float]:
    """Return the concepts of an element's own names with how surely they tell what it is."""
    found: dict[str, float] = {}
    for name in _CLASSES:
        for token in (element.get(name) or "").split()[:12]:
            for word, weight in _of_class(token[:80]).items():
                found[word] = max(found.get(word, 0.0), weight)
    for name, value in element.attrib.items():
        if (name in _NAMES and len(value) <= 80) or (name.startswith("data-") and _IDENTIFIER.match(value)):
            for word in of_name(value if " " not in value else value.replace(" ", " . ")):
                found[word] = OWN
    return found


@lru_cache(maxsize=4_000)
def _of_class(token: str) -> dict[str, float]:
    if _HASHED.match(token) or _STATE.match(token) or _UTILITY.match(token):
        return {}
    block, rest = token, ""
    if "__" in token:
        parts = [part for part in token.split("__") if part]
        if len(parts) > 1 and _HASH.match(parts[-1]):  # CSS modules: Block_element__hash
            block, _, rest = parts[0].rpartition("_")
        elif parts:
            block, rest = parts[0], " ".join(parts[1:])
    elif "--" in token:
        block, _, rest = token.partition("--")
        return dict.fromkeys(of_name(block) | {word for word in of_name(rest) if word.startswith("!")}, OWN)
    if not rest:
        return dict.fromkeys(of_name(token), OWN)
    return dict.fromkeys(of_name(block), BLOCK) | dict.fromkeys(of_name(rest.replace("--", " ")), OWN)


def inherited(names: dict[str, float]) -> dict[str, float]:
    """Return what an element's names say of what it encloses: the same, fainter."""
    return {word: weight * FADE for word, weight in names.items() if weight >= LEAST}


def step(element: Any) -> str:
    """Return an element's part of a path: its tag and the first two classes that a human gave it."""
    classes = (element.get("class") or "").split()[:6]
    kept = [part.partition("--")[0] for part in classes if not part[-1:].isdigit() and part not in TURNS]
    first = " ".join(dict.fromkeys(kept[:2]))
    mark = element.get("itemprop") or element.get("data-period") or ""
    return f"{element.tag}.{first}.{mark}"
