"""CSS selectors of an element, the most stable first: its id, its data attributes, its telling classes, its place.

Names that a build tool made up, utility classes, and names that say the value itself are left out: they change with the
next build, or with the value. Pure over a tree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

MAX_NAME = 40
MAX_UP = 8
_TESTED = ("data-testid", "data-test", "data-test-id", "data-qa", "data-cy", "data-hook", "data-field", "data-name")
_FOR_STYLE = re.compile(
    r"(?:[mp][trblxyse]?|text|font|bg|flex|grid|[wh]|min|max|col|row|d|rounded|border|gap|space|items|justify|self|"
    r"leading|tracking|shadow|z|top|left|right|bottom|inset|opacity|order|float|align|u|is|has|js)-"
)
_BUILT = re.compile(r"(?:sc|css|jss|jsx|svelte|ng|ember|emotion|data-v)[-_]|jss\d")
_PLAIN = re.compile(r"-?[A-Za-z_][\w-]*\Z", re.ASCII)
_LAYOUT = frozenset(
    {"row", "col", "column", "container", "wrapper", "inner", "outer", "clearfix", "active", "flex", "grid", "hidden"}
)
Says = Callable[[str], bool]


def stable(name: str) -> bool:
    """Return whether an id or a class is likely one that a person chose: no hash, no counter, no utility."""
    if not _PLAIN.match(name) or len(name) > MAX_NAME or name.casefold() in _LAYOUT:
        return False
    if _FOR_STYLE.match(name) or _BUILT.match(name) or re.search(r"\d{3}", name):
        return False
    parts = [part for part in re.split(r"[-_]+", name) if part]
    return not any(_made_up(part) for part in parts)


def _made_up(part: str) -> bool:
    """Return whether a part of a name looks like a hash: letters and digits mixed, or capitals without a pattern."""
    mixed = bool(re.search(r"[A-Za-z]", part) and re.search(r"\d.*[A-Za-z]|\d{2}", part))
    consonants = len(part) >= 5 and not re.search(r"[aeiouyAEIOUY]", part)
    jumps = len(re.findall(r"[a-z][A-Z]|[A-Z]{2,}[a-z]", part)) >= 3
    return mixed or consonants or jumps


def of(element: Any, root: Any, says_value: Says, *, classes: bool = True) -> Iterator[str]:
    """Yield selectors of an lxml element under `root`, the most stable first; they may choose others, too.

    `says_value` tells names that say the value itself (`.sold-out`): those are not used. Without `classes` no class of
    the element's own is: what is one of a few words is often shown by another class, too.
    """
    own = [name for name in _names(element, says_value) if classes or "." not in name]
    above = list(_above(element, root))
    yield from own
    for ancestor in above:
        for outer in _names(ancestor, says_value):
            yield from (f"{outer} {inner}" for inner in (*own, str(element.tag)))
    yield str(element.tag)
    if above:
        yield f"{above[0].tag} > {element.tag}"
    yield from _places(element, root, above, says_value)


def _names(element: Any, says_value: Says) -> Iterator[str]:
    identity = element.get("id") or ""
    if stable(identity) and not says_value(_words(identity)):
        yield f"#{identity}"
    for attribute in ("itemprop", *_TESTED):
        value = element.get(attribute) or ""
        if stable(value) and not says_value(_words(value)):
            yield f'[{attribute}="{value}"]'
    classes = [name for name in (element.get("class") or "").split() if stable(name) and not says_value(_words(name))]
    yield from (f".{name}" for name in classes[:6])
    yield from (f"{element.tag}.{name}" for name in classes[:6])


def _above(element: Any, root: Any) -> list[Any]:
    found: list[Any] = []
    for ancestor in element.iterancestors():
        if ancestor is root or ancestor.tag in ("html", "body") or len(found) >= MAX_UP:
            break
        found.append(ancestor)
    return found


def _places(element: Any, root: Any, above: list[Any], says_value: Says) -> Iterator[str]:
    """Yield paths of children from the nearest ancestor that has a name, else from the root."""
    path = _step(element)
    for ancestor in above:
        yield from (f"{outer} > {path}" for outer in _names(ancestor, says_value))
        path = f"{_step(ancestor)} > {path}"
    yield f"body > {path}" if root.tag == "html" else path


def _step(element: Any) -> str:
    parent = element.getparent()
    alike = [] if parent is None else [child for child in parent if child.tag == element.tag]
    return str(element.tag) if len(alike) < 2 else f"{element.tag}:nth-of-type({alike.index(element) + 1})"


def _words(name: str) -> str:
    return " ".join(re.split(r"[-_]+", name))
