"""What an agent may answer about a page: the truth in other words, forms, orders and wrappings, by a seeded chance.

Written apart from the code that reads the answers, and imports none of it (a test looks). No wobble says anything
else than the truth, except `flap`, which leaves one thing out.
"""

from __future__ import annotations

import json
import random
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

NARROW, NBSP, ZERO_WIDTH = "\u202f", "\u00a0", "\u200b"
EXTRA = {
    "confidence": 0.97,
    "source": "https://example.com/page",
    "notes": "Read from the main part of the page.",
    "extracted_at": "2026-11-21T18:00:00Z",
    "_meta": {"model": "browser-7", "steps": 4},
    "status": "success",
}
MONTHS = {
    "en": ["January", "February", "March", "April", "May", "June",
           "July", "August", "September", "October", "November", "December"],
    "fr": ["janvier", "février", "mars", "avril", "mai", "juin",
           "juillet", "août", "septembre", "octobre", "novembre", "décembre"],
}  # fmt: skip
WORDS = {
    "stock": (("in stock", "In stock", "available", "yes", "true"), ("out of stock", "Sold out", "unavailable", "no")),
    "yes": (("yes", "Yes", "true", "True"), ("no", "No", "false", "False")),
    "ja": (("ja", "Ja", "yes", "true"), ("nein", "Nein", "no", "false")),
}
SIGNS = {"USD": "$", "EUR": "€", "GBP": "£"}
Kind = Callable[[Any, random.Random, Sequence[str]], Any]


@dataclass(frozen=True, slots=True)
class Rules:
    """How the answers about one page may differ; pointers with `*` for any row, as in `story.yaml`."""

    kinds: Mapping[str, str]
    optional: Mapping[str, Sequence[Any]]
    flaps: Sequence[str]
    wordings: Mapping[str, Sequence[str]]


def wobbled(truth: dict[str, Any], rules: Rules, chance: random.Random, *, flap: bool = False) -> Any:
    """Return one answer about the truth; with `flap`, one thing that the page says is missing in it."""
    answer = deepcopy(truth)
    if flap and rules.flaps:
        _leave_out(answer, chance.choice(rules.flaps).split("/")[1:], chance)
    answer = _value(answer, "", rules, chance)
    return _wrapped(answer, chance)


def _leave_out(value: Any, parts: list[str], chance: random.Random) -> None:
    part = parts[0]
    if part == "*" and len(parts) == 1:
        if len(value) > 1:
            value.pop(chance.randrange(len(value)))
    elif part == "*":
        _leave_out(chance.choice(value), parts[1:], chance)
    elif len(parts) == 1:
        value.pop(part, None)
    elif part in value:
        _leave_out(value[part], parts[1:], chance)


def _value(value: Any, path: str, rules: Rules, chance: random.Random) -> Any:
    if path in rules.kinds:
        word, *options = rules.kinds[path].split()
        if word == "prose":
            return chance.choice([value, *rules.wordings.get(value, ())])
        return KINDS[word](value, chance, options)
    if isinstance(value, dict):
        return _object(value, path, rules, chance)
    if isinstance(value, list):
        rows = [_value(row, f"{path}/*", rules, chance) for row in value]
        chance.shuffle(rows)
        return rows
    return value


def _object(value: dict[str, Any], path: str, rules: Rules, chance: random.Random) -> dict[str, Any]:
    found = {name: _value(item, f"{path}/{name}", rules, chance) for name, item in value.items()}
    for pointer, empty in rules.optional.items():
        parent, _, name = pointer.rpartition("/")
        if parent == path and name not in value and empty and chance.random() < 0.5:
            found[name] = chance.choice(empty)
    if chance.random() < 0.3:
        name = chance.choice(sorted(EXTRA.keys() - value.keys()))
        found[name] = EXTRA[name]
    names = list(found)
    chance.shuffle(names)
    return {name: found[name] for name in names}


def _wrapped(answer: dict[str, Any], chance: random.Random) -> Any:
    form = chance.choice(["plain"] * 5 + ["wrapped", "text", "fenced", "both", "bare"])
    text = json.dumps(answer, ensure_ascii=chance.random() < 0.5, indent=chance.choice([None, 2]))
    lists = [value for value in answer.values() if isinstance(value, list)]
    if form == "wrapped":
        return {chance.choice(["result", "data", "output"]): answer}
    if form == "text":
        return text
    if form == "fenced":
        return f"```{chance.choice(['json', ''])}\n{text}\n```"
    if form == "both":
        return {"result": text}
    return lists[0] if form == "bare" and len(lists) == 1 and not answer.keys() - EXTRA.keys() - _LISTS else answer


_LISTS = {"sizes", "flights", "jobs", "plans", "releases", "notices", "cars", "events"}


def _grouped(value: float, digits: int, group: str, point: str) -> str:
    text = f"{value:,.{digits}f}"
    return text.translate({ord(","): group, ord("."): point})


def _locale(options: Sequence[str], chance: random.Random) -> tuple[str, str]:
    """Return the group separator and the decimal mark of the last option."""
    return {"en": (",", "."), "de": (".", ","), "fr": (chance.choice([NARROW, NBSP, " "]), ",")}[options[-1]]


def _money(value: float, chance: random.Random, options: Sequence[str]) -> Any:
    currency, (group, point) = options[0], _locale(options, chance)
    sign, whole = SIGNS[currency], float(value).is_integer()
    amount = _grouped(value, 0 if whole and chance.random() < 0.3 else 2, group, point)
    before = [f"{sign}{amount}", f"{currency} {amount}", f"{sign} {amount}"]
    after = [f"{amount} {sign}", f"{amount}{NBSP}{sign}", f"{amount} {currency}"]
    return chance.choice([value, float(value), f"{value:.2f}", *(before if options[-1] == "en" else after)])


def _number(value: float, chance: random.Random, options: Sequence[str]) -> Any:
    point = _locale(options, chance)[1]
    return chance.choice([value, float(value), str(value), str(value).replace(".", point)])


def _count(value: int, chance: random.Random, options: Sequence[str]) -> Any:
    group, point = _locale(options, chance)
    return chance.choice([value, float(value), str(value), _grouped(value, 0, group, point)])


def _distance(value: float, chance: random.Random, options: Sequence[str]) -> Any:
    amount = _grouped(value, 0, *_locale(options, chance))
    return chance.choice([value, f"{value} {options[0]}", f"{amount} {options[0]}", f"{amount}{NBSP}{options[0]}"])


def _percent(value: float, chance: random.Random, _options: Sequence[str]) -> Any:
    return chance.choice([value, f"{value}%", f"{value} %", str(value)])


def _flag(value: bool, chance: random.Random, options: Sequence[str]) -> Any:
    return chance.choice([value, value, *WORDS[options[0]][0 if value else 1]])


def _choice(value: str, chance: random.Random, _options: Sequence[str]) -> Any:
    spaced = value.replace("_", " ")
    joined = spaced.replace(" ", "_")
    return chance.choice([value, value, value.upper(), spaced, joined, spaced.capitalize(), f" {value.lower()}"])


def _day(value: str, chance: random.Random, options: Sequence[str]) -> Any:
    day = date.fromisoformat(value)
    months = MONTHS["fr" if options[0] == "fr" else "en"]
    month = months[day.month - 1]
    short = MONTHS["en"][day.month - 1][:3]
    forms = {
        "us": [f"{month} {day.day}, {day.year}", f"{short} {day.day}, {day.year}", f"{day:%m/%d/%Y}"],
        "gb": [f"{day.day} {month} {day.year}", f"{day.day} {short} {day.year}", f"{day:%d/%m/%Y}"],
        "en": [f"{month} {day.day}, {day.year}", f"{day.day} {month} {day.year}", f"{day.day} {short} {day.year}"],
        "fr": [f"{day.day} {month} {day.year}", f"{day:%d/%m/%Y}"],
    }
    return chance.choice([value, value, *forms[options[0]]])


def _instant(value: str, chance: random.Random, _options: Sequence[str]) -> Any:
    moment = datetime.fromisoformat(value).astimezone(UTC)
    elsewhere = moment.astimezone(timezone(timedelta(hours=1)))
    return chance.choice(
        [
            value,
            value,
            moment.isoformat(),
            elsewhere.isoformat(),
            f"{moment:%Y-%m-%dT%H:%M:%S}.000Z",
            f"{moment:%Y-%m-%d %H:%M:%S}Z",
        ]
    )


def _text(value: str, chance: random.Random, _options: Sequence[str]) -> Any:
    around = chance.choice(["", "", " ", "\n", NBSP, ZERO_WIDTH])
    return unicodedata.normalize(chance.choice(["NFC", "NFD"]), f"{around}{value}{chance.choice(['', around])}")


def _year(value: int, chance: random.Random, _options: Sequence[str]) -> Any:
    return chance.choice([value, str(value), float(value)])


def _shuffle(value: list[Any], chance: random.Random, _options: Sequence[str]) -> Any:
    found = [_text(item, chance, ()) for item in value]
    chance.shuffle(found)
    return found


KINDS: dict[str, Kind] = {
    "money": _money,
    "number": _number,
    "count": _count,
    "distance": _distance,
    "percent": _percent,
    "flag": _flag,
    "choice": _choice,
    "day": _day,
    "instant": _instant,
    "text": _text,
    "year": _year,
    "shuffle": _shuffle,
}
