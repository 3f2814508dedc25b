"""What words mean: the table `terms.txt` read once, and the concepts of a text. Pure but for reading that file.

A concept is `price` (what a value is) or `!old` (a mark: which one of several). Words that stand in no concept are kept
as themselves behind `=`, so that a label that nobody foresaw still matches a property of the same name.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources

MAX_PHRASE = 5
_LONG_ENOUGH = 8  # letters of a word that may be made of two
_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[a-z]{3})(?=\d)")
_EAST = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uff21-\uff3a]+")
_DIGRAPHS = re.compile(r"(?<=[^aeiouq])([aou])e(?=[bcdfghjklmnpqrstvwxz])")
_SHORT_TAILS = frozenset({"pris", "zeit", "tijd", "preis", "datum", "prijs"})
_PRICED = ("pris", "preis", "prijs")  # "Medlemspris" is a mark and a price
_KEPT = frozenset(
    {"price", "rating", "reviews", "stock", "salary", "date", "shipping"}
)  # a phrase with such a word keeps it
_ENDINGS = ("ungen", "en", "es", "er", "em", "s", "n", "i", "o", "a", "e", "y")


@dataclass(slots=True)
class _Table:
    """Concepts by phrase (as stems), by text in scripts that put no spaces between words, by single word, and stops."""

    phrases: dict[tuple[str, ...], set[str]] = field(default_factory=dict)
    east: dict[str, set[str]] = field(default_factory=dict)
    tails: dict[str, set[str]] = field(default_factory=dict)
    stop: frozenset[str] = frozenset()
    subject: frozenset[str] = frozenset()  # words that say what a page is about, not which property is meant
    layout: frozenset[str] = frozenset()  # words that say nothing in the names of classes


@lru_cache(maxsize=1)
def _lines() -> tuple[tuple[str, str, list[str]], ...]:
    """Return (kind, name, words) of each line of the table."""
    text = resources.files("monitor.embedded.extract").joinpath("terms.txt").read_text("utf-8")
    found = []
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            head, _, listed = line.partition(":")
            kind, _, name = head.partition(" ")
            found.append((kind, name.strip(), [word.strip() for word in listed.split(",")]))
    return tuple(found)


@lru_cache(maxsize=1)
def _table() -> _Table:
    table = _Table()
    for kind, name, listed in _lines():
        if kind == "stop":
            table.stop = frozenset(word for one in listed for word in _words(one))
        if kind == "layout":
            table.layout = frozenset(word for one in listed for word in _words(one))
        if kind == "subject":
            table.subject = frozenset(stem(word) for one in listed for word in _words(one))
        if kind in ("stop", "layout", "subject", "formal", "money", "someone") or (
            kind == "say" and name not in ("had", "out")
        ):
            continue
        concept = "available" if kind == "say" else f"!{name}" if kind == "mark" else name
        for phrase in listed:
            if _EAST.search(phrase):
                table.east.setdefault(phrase, set()).add(concept)
                continue
            words = _words(phrase)
            if words:
                table.phrases.setdefault(tuple(map(stem, words)), set()).add(concept)
            if len(words) == 1 and kind != "say" and (len(words[0]) > 4 or words[0] in _SHORT_TAILS):
                table.tails.setdefault(words[0], set()).add(concept)
    return table


@lru_cache(maxsize=16)
def sayings(name: str) -> tuple[str, ...]:
    """Return the texts that say `name` (yes, no, had, out, denial, free, by), longest first."""
    listed = next(words for kind, said, words in _lines() if kind == "say" and said == name)
    return tuple(sorted(listed, key=len, reverse=True))


@lru_cache(maxsize=8)
def listed(kind: str) -> tuple[str, ...]:
    """Return the entries of a line of the table that has no name: formal, money, someone."""
    return next(tuple(words) for head, _name, words in _lines() if head == kind)


@lru_cache(maxsize=20_000)
def concepts(text: str) -> frozenset[str]:
    """Return what the words of a short text mean: concepts, marks behind `!`, and unknown words behind `=`."""
    return frozenset().union(*tokens(text))


def is_subject(meaning: str) -> bool:
    """Return whether an unknown word (behind `=`) only says what a page is about."""
    return meaning[0] == "=" and meaning[1:] in _table().subject


@lru_cache(maxsize=20_000)
def of_name(text: str) -> frozenset[str]:
    """Return the concepts of a name out of the markup: a class, an id, an attribute."""
    return frozenset().union(*tokens(text, named=True))


@lru_cache(maxsize=20_000)
def tokens(text: str, *, named: bool = False) -> tuple[frozenset[str], ...]:
    """Return the words and phrases of a short text in order, each as what it may mean.

    `named`: the text is a name out of the markup, in which words of layout say nothing by themselves.
    """
    table = _table()
    stop = table.stop | table.layout if named else table.stop
    found = [frozenset(known) for run in _EAST.findall(text) for known in _of_east(run, table.east)]
    words = _words(text[:400])[:80]
    stems = [stem(word) for word in words]
    place = 0
    while place < len(stems):
        for length in range(min(MAX_PHRASE, len(stems) - place), 0, -1):
            known = table.phrases.get(tuple(stems[place : place + length]))
            if known and not (named and length == 1 and words[place] in stop):
                priced = {"price"} if length == 1 and words[place].endswith(_PRICED) else set()
                found.append(frozenset(known | priced | _kept(table, stems[place : place + length])))
                place += length
                break
        else:
            if words[place] not in stop:
                found += _of_unknown(words[place], stems[place], table)
            place += 1
    return tuple(found)


def _kept(table: _Table, stems: list[str]) -> frozenset[str]:
    """Return what single words of a phrase mean by themselves, too: few do."""
    if len(stems) < 2:
        return frozenset()
    return frozenset().union(*(table.phrases.get((word,), frozenset()) for word in stems)) & _KEPT


def _of_unknown(word: str, stemmed: str, table: _Table) -> list[frozenset[str]]:
    """Return an unknown word as itself; a long one that ends in a known word ("Startdatum") as both its parts."""
    if len(word) >= _LONG_ENOUGH and word.isalpha():
        for cut in range(3, len(word) - 3):
            known = table.tails.get(word[cut:])
            if known:
                first = word[:cut]
                head = table.phrases.get((stem(first),)) or table.phrases.get((stem(first.rstrip("sn")),))
                return [frozenset(head or {f"={stem(first)}"}), frozenset(known), frozenset({f"={stemmed}"})][:2]
    return [frozenset({f"={stemmed}"})]


def _of_east(run: str, east: dict[str, set[str]]) -> list[set[str]]:
    return [known for phrase, known in east.items() if phrase in run]


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", _CAMEL.sub(" ", _EAST.sub(" ", text)))
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    plain = plain.casefold().replace("ı", "i").replace("ł", "l").replace("ø", "o").replace("’", " ").replace("'", " ")
    # Names in ASCII spell ä, ö, ü as ae, oe, ue; labels do not. Both sides lose the e.
    return [_DIGRAPHS.sub(r"\1", word) for word in _WORD.findall(plain)]


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Return a word without its ending: crude, the same for both sides of a comparison, and only for longer words."""
    if len(word) < 5 or any(character.isdigit() for character in word):
        return word
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)] + ("ung" if ending == "ungen" else "")
    return word
