"""Words of names, labels and texts, brought to one form so that they can be compared. Pure."""

from __future__ import annotations

import re
import unicodedata

MAX_TEXT = 20_000
_SPACE = re.compile(r"\s+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WORD = re.compile(r"[^\W_]+")
_ASIDE = re.compile(r"\([^)]*\)|\[[^\]]*\]")
_FILLERS = frozenset(
    {"the", "a", "an", "of", "our", "your", "its", "is", "and", "or", "in", "this", "current", "product"}
)


def clean(text: str) -> str:
    """Return `text` with runs of white space as one space, and without control, format and surrogate characters."""
    spaced = _SPACE.sub(" ", text[: 4 * MAX_TEXT])
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


def label_words(label: str) -> tuple[str, ...]:
    """Return the telling words of a label: without what stands in brackets, and without articles and the like."""
    all_words = words(_ASIDE.sub(" ", label))
    telling = tuple(word for word in all_words if word not in _FILLERS)
    return telling or all_words


def _singular(word: str) -> str:
    if len(word) > 3 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
