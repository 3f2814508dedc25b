"""Whether a page as it was sent shows anything, or leaves all to its scripts. Pure over a tree."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monitor.embedded.extract.document import Document

NEARLY_EMPTY = 200  # characters of visible text; the shell of an application has a name and "Loading…"
_PROGRAMS = frozenset({"", "module", "text/javascript", "application/javascript", "text/ecmascript"})


class Scripts(Enum):
    """What a page's scripts may be for: none has no scripts, `some` has, and `all` shows next to nothing without."""

    NONE = "none"
    SOME = "some"
    ALL = "all"


def scripts_of(document: Document) -> Scripts:
    """Return what the scripts of a page may be for."""
    from monitor.embedded.extract.document import text_of

    programs = [
        element
        for element in document.tree.iter("script")
        if (element.get("type") or "").strip().lower() in _PROGRAMS and (element.get("src") or element.text)
    ]
    if not programs:
        return Scripts.NONE
    body = document.tree.find("body")
    text = text_of(body) if body is not None else ""
    return Scripts.ALL if len(text) < NEARLY_EMPTY else Scripts.SOME
