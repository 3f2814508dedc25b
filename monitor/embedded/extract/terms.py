"""What words mean: the table `terms.txt` read once, and the concepts of a text. Pure but for reading that file.

A concept is `price` (what a value is) or `!old` (a mark: which one of several). Words that stand in no concept are kept
as themselves behind `=`, so that a label that nobody foresaw still matches a property of the same name.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from importlib import resources

MAX_PHRASE = 5
_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[a-z]{3})(?=\d)")
_EAST = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uff21-\uff3a]+")
_STOP = frozenset(
    [
        "the",
        "a",
        "an",
        "of",
        "our",
        "your",
        "its",
        "is",
        "and",
        "or",
        "in",
        "this",
        "to",
        "for",
        "on",
        "at",
        "by",
        "with",
        "der",
        "die",
        "das",
        "des",
        "dem",
        "den",
        "ein",
        "eine",
        "und",
        "oder",
        "im",
        "in",
        "zu",
        "zur",
        "zum",
        "fur",
        "von",
        "mit",
        "le",
        "la",
        "les",
        "l",
        "de",
        "du",
        "d",
        "un",
        "une",
        "et",
        "ou",
        "en",
        "au",
        "aux",
        "pour",
        "el",
        "los",
        "las",
        "y",
        "o",
        "del",
        "con",
        "por",
        "para",
        "il",
        "lo",
        "i",
        "gli",
        "e",
        "di",
        "un",
        "uno",
        "het",
        "een",
        "van",
        "voor",
        "en",
        "o",
        "os",
        "as",
        "um",
        "uma",
        "do",
        "da",
        "dos",
        "das",
        "w",
        "na",
        "z",
        "i",
        "dla",
        "och",
        "den",
        "det",
        "som",
        "ve",
        "bir",
        "icin",
        "per",
        "it",
        "is",
        "are",
        "be",
        "not",
        "has",
        "have",
        "does",
        "can",
        "per",
        "max",
        "min",
        "how",
        "many",
        "much",
        "all",
        "which",
        "who",
        "what",
        "when",
        "css",
        "class",
        "div",
        "span",
        "p",
        "col",
        "row",
        "item",
        "value",
        "wrapper",
        "container",
        "box",
        "text",
        "content",
        "data",
        "js",
        "t",
        "sr",
        "only",
        "main",
        "info",
        "detail",
        "details",
        "page",
        "block",
        "inner",
        "outer",
        "list",
        "small",
        "large",
        "left",
        "right",
        "top",
        "bottom",
        "sm",
        "md",
        "lg",
        "xl",
        "flex",
        "font",
        "bold",
    ]
)
_KEPT = frozenset(
    {"price", "rating", "reviews", "stock", "salary", "date", "shipping"}
)  # a phrase with such a word keeps it


@lru_cache(maxsize=1)
def _table() -> tuple[dict[tuple[str, ...], frozenset[str]], dict[str, frozenset[str]]]:
    """Return concepts by phrase (as stems), and by text in scripts that put no spaces between words."""
    phrases: dict[tuple[str, ...], set[str]] = {}
    east: dict[str, set[str]] = {}
    text = resources.files("monitor.embedded.extract").joinpath("terms.txt").read_text("utf-8")
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        head, _, listed = line.partition(":")
        kind, name = head.split()
        if kind == "say" and name not in ("had", "out"):
            continue
        concept = "available" if kind == "say" else f"!{name}" if kind == "mark" else name
        for phrase in listed.split(","):
            if _EAST.search(phrase):
                east.setdefault(phrase.strip(), set()).add(concept)
            else:
                stems = tuple(map(stem, _words(phrase)))
                if stems:
                    phrases.setdefault(stems, set()).add(concept)
    return {k: frozenset(v) for k, v in phrases.items()}, {k: frozenset(v) for k, v in east.items()}


@lru_cache(maxsize=8)
def sayings(name: str) -> tuple[str, ...]:
    """Return the texts that say `name` (yes, no, had, out, denial, free), longest first."""
    text = resources.files("monitor.embedded.extract").joinpath("terms.txt").read_text("utf-8")
    line = next(line for line in text.splitlines() if line.startswith(f"say {name}:"))
    return tuple(sorted((word.strip() for word in line.partition(":")[2].split(",")), key=len, reverse=True))


@lru_cache(maxsize=20_000)
def concepts(text: str) -> frozenset[str]:
    """Return what the words of a short text mean: concepts, marks behind `!`, and unknown words behind `=`."""
    phrases, east = _table()
    found: set[str] = set()
    for run in _EAST.findall(text):
        found |= _of_east(run, east)
    words = _words(text[:400])[:80]
    stems = [stem(word) for word in words]
    place = 0
    while place < len(stems):
        for length in range(min(MAX_PHRASE, len(stems) - place), 0, -1):
            known = phrases.get(tuple(stems[place : place + length]))
            if known:
                found |= known
                if length > 1:  # the words of a phrase are told by it; few of them mean something by themselves, too
                    found |= (
                        frozenset().union(
                            *(phrases.get((word,), frozenset()) for word in stems[place : place + length])
                        )
                        & _KEPT
                    )
                place += length
                break
        else:
            if words[place] not in _STOP:
                found.add(f"={stems[place]}")
            place += 1
    return frozenset(found)


def _of_east(run: str, east: dict[str, frozenset[str]]) -> set[str]:
    found: set[str] = set()
    for phrase, known in east.items():
        if phrase in run:
            found |= known
    return found


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", _CAMEL.sub(" ", _EAST.sub(" ", text)))
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    plain = plain.casefold().replace("ı", "i").replace("ł", "l").replace("ø", "o").replace("’", " ").replace("'", " ")
    return _WORD.findall(plain)


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Return a word without its ending: crude, the same for both sides of a comparison, and only for longer words."""
    if len(word) < 5 or any(character.isdigit() for character in word):
        return word
    for ending in ("ungen", "en", "es", "er", "em", "s", "n", "i", "o", "a", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)] + ("ung" if ending == "ungen" else "")
    return word
