"""robots.txt by RFC 9309: which paths a site asks this program not to read. Pure; must not fetch anything."""

from __future__ import annotations

import re
from dataclasses import dataclass

from monitor.fetch.policy import PRODUCT

MAX_BYTES = 512 * 1024  # RFC 9309 2.5: at least 500 kibibytes are read
MAX_RULES = 5_000
MAX_DELAY = 30.0  # seconds; Crawl-delay is no part of the RFC, and a longer one would only hold runs up
_TOKEN = re.compile(r"[A-Za-z_-]+")
_ESCAPE = re.compile(r"%([0-9a-fA-F]{2})")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


@dataclass(frozen=True, slots=True)
class Rule:
    """One `Allow` or `Disallow` line; `length` is what decides between rules that match."""

    allow: bool
    parts: tuple[str, ...]
    anchored: bool
    length: int

    def matches(self, path: str) -> bool:
        """Return whether the pattern matches the beginning of `path` (all of it if anchored), in linear time."""
        first, *rest = self.parts
        if not path.startswith(first):
            return False
        at = len(first)
        last = rest.pop() if rest and self.anchored else None
        for part in rest:
            found = path.find(part, at)
            if found < 0:
                return False
            at = found + len(part)
        if last is not None:
            return len(path) - at >= len(last) and path.endswith(last)
        return at == len(path) if self.anchored else True


@dataclass(frozen=True, slots=True)
class Robots:
    """The rules of one site for this program; `delay` is its Crawl-delay in seconds, at most 30."""

    rules: tuple[Rule, ...] = ()
    delay: float = 0.0

    def allows(self, path: str) -> bool:
        """Return whether `path` (with its query) may be read: the longest rule decides, Allow wins a tie."""
        path = normal(path or "/")
        matching = [(rule.length, rule.allow) for rule in self.rules if rule.matches(path)]
        return path == "/robots.txt" or not matching or max(matching)[1]


NO_RULES = Robots()


def parse(text: str, product: str = PRODUCT) -> Robots:
    """Return the rules for `product`: those of all groups that name it, else those of `*`. Never raises."""
    groups: dict[str, tuple[list[Rule], list[float]]] = {}
    names: list[str] = []
    in_rules = True
    count = 0
    for line in text.lstrip("\ufeff").splitlines():
        field, colon, value = line.partition("#")[0].partition(":")
        field, value = field.strip().lower(), value.strip()
        if not colon:
            continue
        if field == "user-agent":
            names = [] if in_rules else names
            in_rules = False
            token = _TOKEN.match(value)
            names.append("*" if value.startswith("*") else token.group().lower() if token else "")
            groups.setdefault(names[-1], ([], []))
        elif field in ("allow", "disallow", "crawl-delay"):
            in_rules = True
            count += 1
            if count <= MAX_RULES:
                _add(groups, names, field, value)
    rules, delays = groups.get(product.lower()) or groups.get("*") or ([], [])
    return Robots(tuple(rules), max(delays, default=0.0))


def _add(groups: dict[str, tuple[list[Rule], list[float]]], names: list[str], field: str, value: str) -> None:
    if field == "crawl-delay":
        seconds = float(value) if re.fullmatch(r"\d{1,6}(\.\d{1,6})?", value, re.ASCII) else 0.0
        for name in names:
            groups[name][1].append(min(seconds, MAX_DELAY))
    elif value.startswith(("/", "*")):  # an empty rule forbids nothing
        rule = _rule(value, allow=field == "allow")
        for name in names:
            groups[name][0].append(rule)


def _rule(pattern: str, *, allow: bool) -> Rule:
    anchored = pattern.endswith("$")
    parts = tuple(normal(part) for part in re.sub(r"\*+", "*", pattern.removesuffix("$")).split("*"))
    return Rule(allow, parts, anchored, len(pattern))


def normal(path: str) -> str:
    """Return a path in one form: unreserved characters plain, all beyond ASCII percent-encoded (RFC 9309 2.2.2)."""
    encoded = "".join(each if each <= "\x7f" else _escaped(each) for each in path)

    def plain(found: re.Match[str]) -> str:
        code = int(found.group(1), 16)
        return chr(code) if code in _UNRESERVED else found.group().upper()

    return _ESCAPE.sub(plain, encoded)


def _escaped(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "replace"))
