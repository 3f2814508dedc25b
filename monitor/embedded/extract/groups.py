"""Elements of a page that are alike, and so may be the rows of a list. Pure over a tree, bounded.

Must not know what the rows hold; of the list it knows its name, because what surrounds a group may be called so.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from monitor.embedded.extract.document import text_of
from monitor.embedded.extract.naming import TURNS, own_names
from monitor.embedded.extract.terms import concepts

MAX_GROUPS = 40
MAX_ROWS = 500
MAX_READ = 30_000  # elements read in all, over all groups
LEAST_TEXT = 6  # characters that a block holds on average
_UNSEEN = frozenset({"script", "style", "noscript", "template", "svg", "option", "head", "br", "path"})
_ASIDE = frozenset({"nav", "footer", "aside", "header"})


def groups(root: Any, named: frozenset[str]) -> Iterator[tuple[list[Any], float]]:
    """Yield groups of elements that are alike, the largest first, with what their surroundings add to their score."""
    weighed: list[tuple[float, list[Any], float]] = []
    known: set[tuple[int, ...]] = set()
    for found in _alike(root).values():
        outer = set(found)
        members = [one for one in found if not any(above in outer for above in one.iterancestors())][:MAX_ROWS]
        key = tuple(id(element) for element in members)
        if len(members) < 2 or key in known:
            continue
        known.add(key)
        lengths = [len(text_of(element)) for element in members[:30]]
        mean = sum(lengths) / len(lengths)
        if mean < LEAST_TEXT:
            continue
        bonus = _surroundings(members[len(members) // 2], named)
        weighed.append((math.log2(len(members) + 1) * min(mean, 200.0) * (1.0 + bonus), members, bonus))
    weighed.sort(key=lambda entry: -entry[0])
    for _weight, members, bonus in weighed[:MAX_GROUPS]:
        yield members, bonus


def _alike(root: Any) -> dict[tuple[Any, ...], list[Any]]:
    """Return elements by what they have in common: tag and class, here or anywhere, or only tags."""
    alike: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for element in list(root.iter())[: 2 * MAX_READ]:
        parent = element.getparent()
        if not isinstance(element.tag, str) or element.tag in _UNSEEN or parent is None or element is root:
            continue
        if not len(element):
            continue
        above = parent.getparent()
        alike[element.tag, _first(element), parent.tag, _first(parent)].append(element)
        alike[element.tag, parent.tag, above.tag if above is not None else "", "any"].append(element)
        alike[element.tag, _first(element), "anywhere"].append(element)
    return alike


def _first(element: Any) -> str:
    """Return the first class of an element, the name that its makers gave to this kind of block."""
    return next((name for name in (element.get("class") or "").split() if name.casefold() not in TURNS), "")


def _surroundings(element: Any, named: frozenset[str]) -> float:
    """Return a bonus where the group's surroundings are called like the list, a malus where they are aside."""
    bonus = 0.0
    for above in [element, *element.iterancestors()][:8]:
        if not isinstance(above.tag, str) or above.tag in ("body", "html"):
            break
        names = own_names(above).keys()
        if above.tag in _ASIDE:
            bonus = min(bonus, 0.0) - 0.35
        if "!others" in names or "!ad" in names:
            bonus -= 0.35
        if named & names:
            bonus = max(bonus, 0.12)
        heading = next((other for other in above.itersiblings("h2", "h3", "h4", preceding=True)), None)
        if heading is not None and above.tag not in ("li", "tr"):
            told = concepts(text_of(heading)[:80])
            if "!others" in told or "!ad" in told or "!last" in told:
                bonus -= 0.3
            elif named & told:
                bonus = max(bonus, 0.12)
    return max(bonus, -0.6)
