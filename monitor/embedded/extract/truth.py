"""Whether a text says yes or no to what a boolean property asks; what it does not clearly say is not known. Pure."""

from __future__ import annotations

import re
from functools import lru_cache

from monitor.embedded.extract.terms import concepts, sayings

MAX_TEXT = 120
_LEAD = r"(?:currently|now|still|temporarily|derzeit|zur zeit|momentan|immediately|sofort|only|nur|noch|actualmente|actuellement)"  # noqa: E501 - a table reads better in one line
_AFTER = re.compile(
    r"\b(?:no|not|nicht|nein|out|un\w*|only from|ab|from|soon|bald|forventes|ventes|forventet|vantas|väntas"
    r"|expected|erwartet|prévu|previsto|prevista|verwacht|when|wenn|cuando|quand)\b"
)
_STOCK = frozenset({"available", "stock", "soldout"})
_EMPTY = frozenset({"=", ""})


def told(text: str, about: frozenset[str]) -> bool | None:
    """Return what `text` says of a property whose name means `about`, or None if it says nothing clear."""
    folded = " ".join(text.casefold().split()).strip(" .!:;*")
    if not folded or len(folded) > MAX_TEXT:
        return None
    if folded in ("1", "0"):
        return folded == "1"
    for name, value in (("yes", True), ("no", False)):
        if folded in sayings(name):
            return value if "soldout" not in about or folded in ("yes", "no", "true", "false") else not value
    for name, value in (("no", False), ("yes", True)):
        if any(len(said) > 6 and folded.startswith(f"{said} ") for said in sayings(name)) and "soldout" not in about:
            return value if "available" not in folded else _stock(folded)
    had = _stock(folded)
    if had is not None and "soldout" in about:
        return not had
    return had if had is not None else _named(folded, about)


def _stock(folded: str) -> bool | None:
    """Return whether a text that begins with (or, where it is short, holds) such words says that a thing can be had."""
    if _pattern("out", lead=True).match(folded):
        return False
    yes = _pattern("had", lead=True).match(folded)
    if yes:
        return True if not _AFTER.search(folded[yes.end() :]) else None
    if len(folded) <= 80:
        no, held = _pattern("out", lead=False).search(folded), _pattern("had", lead=False).search(folded)
        if no and held and no.end() <= held.start():
            return False  # "sold out, expected in stock on 4 December"
        if bool(no) != bool(held):
            return held is not None if not _AFTER.search(folded) or no else None
    return None


@lru_cache(maxsize=8)
def _pattern(name: str, *, lead: bool) -> re.Pattern[str]:
    spoken = "|".join(re.escape(phrase.casefold()) for phrase in sayings(name) if len(phrase) > 2)
    return re.compile(rf"\A(?:{_LEAD}\s*)?(?:{spoken})(?!\w)" if lead else rf"(?<!\w)(?:{spoken})(?!\w)")


def _named(folded: str, about: frozenset[str]) -> bool | None:
    """Return yes where a short text names the thing itself ("Lift"), no where it denies it ("Sin ascensor")."""
    heads = {word for word in about if not word.startswith(("=", "!"))} - _STOCK or set(about) - _STOCK
    if len(folded) > 60 or not heads & concepts(folded):
        return None
    denied = re.search(
        rf"(?<!\w)(?:{'|'.join(re.escape(word) for word in sayings('denial') if len(word) > 1)})(?!\w)", folded
    )
    return denied is None
