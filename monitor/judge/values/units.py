"""The units and magnitudes that may stand behind a number: closed lists, so that "3 for" or "5 o'clock" is no unit.

docs/coercion.md names them. Must not know results.
"""

from __future__ import annotations

import re
from decimal import Decimal

_SYMBOLS = (
    "mm cm m km ft yd mi mm² cm² m² km² ha m³ cm³ sqm sqft ft² mg g kg t lb lbs oz ml cl dl l L hl mL cL dL "
    "W kW MW GW Wh kWh MWh V mV A mA mAh Ah Hz kHz MHz GHz kB KB MB GB TB PB KiB MiB GiB TiB bit kbit Mbit Gbit "
    "kbps Mbps Gbps bps px MP dpi fps ms s min h hr hrs d °C °F ° bar mbar hPa kPa Pa N Nm J kJ kcal cal dB lm lx "
    "rpm km/h mph kn m/s hp PS kg/m³ g/km x × ★ ⭐"
)  # no "in", a word; no B and no K: bytes and kelvin, or billions and thousands
SYMBOLS = frozenset(_SYMBOLS.split())
_WORDS = (
    "metre metres meter meters kilometre kilometres kilometer kilometers mile miles inch inches foot feet gram grams "
    "kilogram kilograms kilo kilos ton tons tonne tonnes pound pounds ounce ounces litre litres liter liters "
    "second seconds minute minutes mins sec secs hour hours day days night nights week weeks month months year years "
    "degrees degree watt watts percent pct "
    "star stars point points pts review reviews rating ratings vote votes comment comments like likes view views "
    "download downloads user users people person persons guest guests member members item items piece pieces pcs pc "
    "unit units pack packs result results job jobs seat seats ticket tickets room rooms bed beds bedroom bedrooms bath "
    "baths door doors page pages word words file files commit commits issue issues "
    "stück stk st. tage tag nächte nacht stunden stunde minuten minute monat monate jahr jahre prozent sterne "
    "bewertungen plätze zimmer jours jour nuits nuit heures heure mois an ans avis étoiles pièces pièce chambres "
    "días día noches noche horas hora meses mes año años estrellas reseñas opiniones piezas habitaciones"
)
WORDS = frozenset(_WORDS.split())
_PER = re.compile(r"(?:/|per\b|pro\b|par\b|por\b)\s*(\S+)\Z")
_PERIOD = (
    "mo yr wk user seat kg g l m² sqm night day month year week hour h person unit item piece pc stk stück monat jahr "
    "tag nacht woche stunde mois an jour nuit semaine mes año día noche semana"
)
_PERIODS = frozenset(_PERIOD.split())
# Attached, as in 1.2M; "B" only beside a currency (bytes), "m" never (metres), nor "MM".
ATTACHED = {"k": 1_000, "K": 1_000, "M": 10**6, "bn": 10**9, "Mio": 10**6, "Mrd": 10**9}
MONEY = {"B": 10**9}
SPELT = {
    "": {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "lakh": 10**5, "crore": 10**7},
    "de": {"tausend": 10**3, "tsd.": 10**3, "mio": 10**6, "mio.": 10**6, "million": 10**6, "millionen": 10**6,
           "mrd": 10**9, "mrd.": 10**9, "milliarde": 10**9, "milliarden": 10**9},
    "fr": {"mille": 10**3, "million": 10**6, "millions": 10**6, "milliard": 10**9, "milliards": 10**9},
    "es": {"mil": 10**3, "millón": 10**6, "millones": 10**6},
}  # fmt: skip
SPELT["en"] = SPELT[""]


def unit(text: str) -> bool:
    """Return whether a text is one unit."""
    return text in SYMBOLS or text.casefold() in WORDS


def per_unit(text: str) -> bool:
    """Return whether a text is `/month`, `per kg` and the like: what an amount of money may be for."""
    found = _PER.match(text.casefold())
    return bool(found) and found[1].rstrip(".") in _PERIODS  # type: ignore[index] # `found` is a match here


def magnitude(suffix: str, language: str, *, money: bool) -> tuple[Decimal, str]:
    """Return what a number is multiplied by for the letters or the word behind it, and the text that is left.

    Letters count where they are attached ("1.2M"); words of `language` stand behind a space ("1.2 million"). Without
    a language English words count; with another one they do not ("billion" is not the same number everywhere).
    """
    letters = re.match(r"[^\W\d_]+", suffix)
    if letters:
        known = {**ATTACHED, **(MONEY if money else {})}
        if letters[0] in known:
            return Decimal(known[letters[0]]), suffix[letters.end() :]
    word = re.match(r"[ \u00a0]?([^\W\d_]+\.?)", suffix)
    if word and word[1].casefold() in (words := SPELT.get(language, {})):
        return Decimal(words[word[1].casefold()]), suffix[word.end() :]
    return Decimal(1), suffix
