"""Words of names, labels and texts, brought to one form so that they can be compared. Pure."""

from __future__ import annotations

import re
import unicodedata

MAX_TEXT = 20_000
_SPACE = re.compile(r"\s+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WORD = re.compile(r"[^\W_]+")


def clean(text: str) -> str:
    """Return `text` with runs of white space as one space, and without control, format and surrogate characters."""
    spaced = _SPACE.sub(" ", text[: 4 * MAX_TEXT])
    if spaced.isprintable():  # nearly always; then nothing of what follows is in it
        return spaced.strip()[:MAX_TEXT]
    kept = (character for character in spaced if unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn"))
    return "".join(kept).strip()[:MAX_TEXT]


def words(name: str) -> tuple[str, ...]:
    """Return the words of a property name, a label or a key.

    Lower case, plural s off, camelCase and underscores split.
    """
    return tuple(_singular(word) for word in _WORD.findall(_CAMEL.sub(" ", name[:200]).casefold()))


def key(name: str) -> str:
    """Return the words of `name` joined by spaces: the form in which names are looked up."""
    return " ".join(words(name))


def _singular(word: str) -> str:
    if len(word) > 3 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
