"""Noise on purpose: the same answer in another order, form and wrapping at every run, as agents give it.

Deterministic by seed and number, guided by the schema, and never another meaning: no value is invented, moved past its
precision or left out. Must not know pages, runs or how answers are read.
"""

from __future__ import annotations

import json
import random
import unicodedata
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from monitor.embedded.order import Order
from monitor.embedded.runner import Result, Step, Work

SEED = 1
_PROSE = frozenset({"summary", "description", "text", "blurb", "tagline", "details"})  # names of what may be reworded
_MONEY = frozenset({"price", "cost", "fare", "fee", "amount"})
_WORDS = {True: ("yes", "Yes", "true"), False: ("no", "No", "false")}
_STOCK = {True: ("in stock", "In stock", "available"), False: ("out of stock", "Sold out", "unavailable")}
_SIGNS = {"EUR": "€", "USD": "$", "GBP": "£"}
_EXTRA = (("confidence", 0.97), ("notes", "Read from the main part of the page."), ("source", "the page"))
_MONTHS = ("January", "February", "March", "April", "May", "June",
           "July", "August", "September", "October", "November", "December")  # fmt: skip


@dataclass(slots=True)
class Noise:
    """The work of a run with noise on its result: each answer about a page wobbles by how many there were before."""

    work: Work
    seed: int = SEED
    seen: Counter[str] = field(default_factory=Counter)

    async def __call__(self, order: Order, step: Step) -> Result:
        """Return what the work found, in another shape; raises RunError as the work does."""
        found = await self.work(order, step)
        self.seen[order.url] += 1
        value = wobbled(found.value, order.output_schema or {}, self.seed, self.seen[order.url])
        return replace(found, value=value)


def wobbled(value: dict[str, Any], schema: dict[str, Any], seed: int, number: int) -> Any:
    """Return an answer with the same meaning under `schema`; the same arguments give the same answer."""
    chance = random.Random(f"{seed}:{number}")  # noqa: S311 # nosec B311 - noise that repeats, not a secret
    return _wrapped(_any(value, schema, "", chance), schema, chance)


def _any(value: Any, schema: Any, name: str, chance: random.Random) -> Any:
    schema = schema if isinstance(schema, dict) else {}
    if isinstance(value, dict):
        return _members(value, schema, chance)
    if isinstance(value, list):
        return _items(value, schema, name, chance)
    if "enum" in schema or "const" in schema:
        return _choice(value, schema, chance)
    kind = schema.get("type")  # what the schema does not type, a reader could not bring back
    if isinstance(value, bool):
        words = _STOCK if name == "in_stock" else _WORDS
        return chance.choice([value, *words[value]]) if kind == "boolean" else value
    if isinstance(value, int | float):
        return _number(value, schema, name, chance) if kind in {"number", "integer"} else value
    return _text(value, schema, name, chance) if isinstance(value, str) and kind == "string" else value


def _members(value: dict[str, Any], schema: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """Keys in another order, now and then one that nobody asked for; what is absent may come as null."""
    properties = schema.get("properties") or {}
    found = {name: _any(item, properties.get(name), name, chance) for name, item in value.items()}
    for name in properties:
        if name not in found and name not in schema.get("required", ()) and chance.random() < 0.5:
            found[name] = None
    key, extra = chance.choice(_EXTRA)
    closed = "additionalProperties" in schema or "unevaluatedProperties" in schema or "patternProperties" in schema
    if properties and not closed and key not in properties and chance.random() < 0.3:
        found[key] = extra
    names = list(found)
    chance.shuffle(names)
    return {name: found[name] for name in names}


def _items(value: list[Any], schema: dict[str, Any], name: str, chance: random.Random) -> list[Any]:
    found = [_any(item, schema.get("items"), name, chance) for item in value]
    if "prefixItems" not in schema:  # there the place is the meaning
        chance.shuffle(found)
    return found


def _choice(value: Any, schema: dict[str, Any], chance: random.Random) -> Any:
    """Another case, unless that is another choice."""
    known = [str(one).casefold() for one in schema.get("enum", ())]
    if not isinstance(value, str) or known.count(value.casefold()) > 1 or "const" in schema:
        return value
    return chance.choice([value, value.lower(), value.upper(), f" {value}"])


def _number(value: float, schema: dict[str, Any], name: str, chance: random.Random) -> Any:
    """Another way to write it: one that reads the same in every locale, or in that of the schema."""
    whole = float(value).is_integer()
    forms: list[Any] = [value, str(value), *([int(value), float(value)] if whole and abs(value) < 2**53 else [])]
    if name in _MONEY and round(float(value), 2) == float(value) and abs(value) < 1e12:
        amount = f"{value:,.2f}"
        if str(schema.get("x-locale", "en")).partition("-")[0] in {"de", "es", "it", "nl"}:
            amount = amount.translate({ord(","): ".", ord("."): ","})
        forms += [amount, *(_signed(amount, sign) for sign in _currency(schema))]
    return chance.choice(forms)


def _currency(schema: dict[str, Any]) -> list[str]:
    """Return the sign and the code of the currency that the schema's description names, or none."""
    said = str(schema.get("description", "")).casefold()
    names = {"EUR": "euro", "USD": "dollar", "GBP": "pound"}
    return [text for code, word in names.items() if word in said for text in (code, _SIGNS[code])]


def _signed(amount: str, sign: str) -> str:
    return f"{sign} {amount}" if len(sign) > 1 else f"{sign}{amount}"


def _text(value: str, schema: dict[str, Any], name: str, chance: random.Random) -> str:
    if schema.get("format") == "date":
        return _date(value, chance)
    if schema.get("format") or schema.get("pattern"):
        return value
    if name in _PROSE:
        value = chance.choice([value, value.rstrip("."), value.replace(" and ", " & "), value.replace(", ", " – ")])
    around = chance.choice(["", "", " ", "\n", "\u00a0"])
    return f"{around}{unicodedata.normalize(chance.choice(['NFC', 'NFD']), value)}{around}"


def _date(value: str, chance: random.Random) -> str:
    try:
        day = date.fromisoformat(value)
    except ValueError:
        return value
    month = _MONTHS[day.month - 1]
    written = [f"{day.day} {month} {day.year}", f"{month} {day.day}, {day.year}", f"{day.day} {month[:3]} {day.year}"]
    return chance.choice([value, *written])


def _wrapped(value: dict[str, Any], schema: dict[str, Any], chance: random.Random) -> Any:
    """In a wrapper, as text, fenced, or as the bare list where the schema has nothing else."""
    form = chance.choice(["plain", "plain", "wrapped", "text", "fenced", "bare"])
    if form == "wrapped" and not {"result", "data", "output"} & (schema.get("properties") or {}).keys():
        return {chance.choice(["result", "data", "output"]): value}
    if form in {"text", "fenced"}:
        text = json.dumps(value, ensure_ascii=chance.random() < 0.5, indent=chance.choice([None, 2]))
        return text if form == "text" else f"```json\n{text}\n```"
    names = list(schema.get("properties") or ())
    alone = form == "bare" and len(names) == 1 and isinstance(value.get(names[0]), list)
    return value[names[0]] if alone else value
