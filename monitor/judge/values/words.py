"""Words that stand for values: booleans, nothing at all, the members of an enumeration. Closed lists, all documented.

docs/coercion.md shows every list and a test compares them. Must not know schemas or results.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from monitor.judge.values import locales

LONGEST = 60
NOTHING = frozenset(
    ("", "-", "--", "\u2013", "\u2014", "n/a", "n.a.", "na", "none", "null", "not available", "unknown")
)
_PLAIN = {"yes": True, "no": False, "true": True, "false": False, "1": True, "0": False}
_STOCK = {
    "in stock": True, "out of stock": False, "sold out": False, "available": True, "unavailable": False,
    "not available": False, "not in stock": False, "currently unavailable": False,
    "https://schema.org/instock": True, "http://schema.org/instock": True,
    "https://schema.org/outofstock": False, "http://schema.org/outofstock": False,
    "https://schema.org/soldout": False, "http://schema.org/soldout": False,
}  # fmt: skip
_CLOSED = {word.replace(" ", ""): value for word, value in _STOCK.items()}  # schema.org's InStock, without the address
_PLAIN_IN = {
    "de": {"ja": True, "nein": False, "wahr": True, "falsch": False},
    "fr": {"oui": True, "non": False, "vrai": True, "faux": False},
    "es": {"sí": True, "si": True, "no": False, "verdadero": True, "falso": False},
}
_STOCK_IN = {
    "de": {
        "auf lager": True, "nicht auf lager": False, "ausverkauft": False, "verfügbar": True, "nicht verfügbar": False,
        "lieferbar": True, "nicht lieferbar": False, "vorrätig": True, "nicht vorrätig": False,
    },
    "fr": {
        "en stock": True, "rupture de stock": False, "en rupture de stock": False, "épuisé": False, "disponible": True,
        "indisponible": False, "non disponible": False,
    },
    "es": {
        "en stock": True, "sin stock": False, "agotado": False, "agotada": False, "disponible": True,
        "no disponible": False,
    },
}  # fmt: skip
# Parts of a name that turn words for stock round: "sold out" is true of `sold_out`, so they say nothing there.
_TURNED = re.compile(
    r"out|sold|un|no|nicht|indispon|ausverk|agotad|[ée]puis|rupture|miss|gone|discont|back|expired|ended|closed"
)
_ZERO_WIDTH = dict.fromkeys(map(ord, "\u200b\u2060\ufeff"))


def cleaned(text: str) -> str:
    """Return a text in Unicode form C, without zero-width spaces, byte order marks and space around it."""
    if text.isascii():
        return text.strip()
    return unicodedata.normalize("NFC", text.translate(_ZERO_WIDTH)).strip()


def boolean(text: str, name: str, locale: str | None) -> bool | None:
    """Return the truth value of a word for the property `name`, or None; other languages count with x-locale only.

    Words for stock are not read for a property whose name turns them round, such as `sold_out`.
    """
    if len(text) > LONGEST:
        return None
    word, language = _spaced(text), locales.language(locale)
    for words in (_PLAIN, _PLAIN_IN.get(language, {})):
        if word in words:
            return words[word]
    found = _STOCK_IN.get(language, {}).get(word, _CLOSED.get(word.replace(" ", "")))
    return None if found is None or turned(name) else found


def turned(name: str) -> bool:
    """Return whether a property's name says the opposite of being in stock."""
    parts = re.findall(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+", name)
    return any(_TURNED.match(part.casefold()) for part in parts)


def nothing(text: str) -> bool:
    """Return whether a text stands for no value at all."""
    return len(text) <= LONGEST and text.casefold() in NOTHING


def spelt(text: str, options: Iterable[Any]) -> str | None:
    """Return the one option that a text is but for case, spaces, hyphens and underscores; None for none or several."""
    if len(text) > 10 * LONGEST:
        return None
    wanted = _bare(text)
    found = [option for option in options if isinstance(option, str) and _bare(option) == wanted]
    return found[0] if len(found) == 1 and wanted else None


def _bare(text: str) -> str:
    return re.sub(r"[\s_\-\u2010\u2011]+", "", cleaned(text).casefold())


def _spaced(text: str) -> str:
    return re.sub(r"[\s_\-]+", " ", cleaned(text).casefold()).rstrip(".!").strip()
