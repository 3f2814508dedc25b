"""How instants, numbers, money and values are written on a page. Pure; must not know where they stand."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from monitor.alert.wording import label, percentage, value
from monitor.files.zones import zone as zone_of
from monitor.judge.comparison.texts import Piece, words
from monitor.store.records import stamp
from monitor.watch.model import Watch

LONG = 60  # characters: longer texts are compared by words
_MOST_JSON = 100_000  # characters of one value on a page
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))

# verdict -> its tone and the icon beside its word; no verdict is told by colour alone.
_VERDICTS = {
    "BASELINE": ("calm", "flag"),
    "UNCHANGED": ("good", "check"),
    "CHANGED": ("news", "delta"),
    "UNCONFIRMED": ("calm", "hourglass"),
    "INVALID": ("bad", "warning"),
    "FAILED": ("bad", "cross"),
    "MISSED": ("calm", "clock"),
    "SKIPPED": ("calm", "minus"),
}
_STATES = {
    "failing": ("bad", "cross"),
    "paused": ("calm", "pause"),
    "new": ("calm", "hourglass"),
    "fine": ("good", "check"),
    "disabled": ("calm", "minus"),
    "pending": ("calm", "hourglass"),
    "sending": ("calm", "send"),
    "held": ("calm", "pause"),
    "dead": ("bad", "cross"),
    "done": ("good", "check"),
    "dropped": ("calm", "minus"),
}
STATE_WORDS = {"fine": "fine", "new": "not run yet", "done": "delivered", "dead": "dead letter"}


def tone(word: str) -> str:
    """Return the tone of a verdict or state: good, news, bad or calm."""
    return (_VERDICTS.get(word) or _STATES.get(word) or ("calm", "minus"))[0]


def icon(word: str) -> str:
    """Return the name of the icon of a verdict or state."""
    return (_VERDICTS.get(word) or _STATES.get(word) or ("calm", "minus"))[1]


def state_word(word: str) -> str:
    """Return a verdict or state as people say it."""
    return STATE_WORDS.get(word, word.lower())


def local(instant: datetime, zone: str, now: datetime | None = None) -> str:
    """Return an instant by the clocks of a zone: the day only where it is not today, the year only where another."""
    there = instant.astimezone(zone_of(zone))
    near = now is not None and abs(now - instant) <= timedelta(days=2) and there.second
    clock = f"{there:%H:%M:%S}" if near else f"{there:%H:%M}"
    if now is None:
        return f"{there.day} {there:%b %Y} {clock}"
    today = now.astimezone(zone_of(zone))
    if there.date() == today.date():
        return clock
    year = f" {there.year}" if there.year != today.year else ""
    return f"{there.day} {there:%b}{year} {clock}"


def step_time(given: str, zone: str) -> str:
    """Return the time of day of a step, whose instant is stored as text; nothing for what is no instant."""
    try:
        instant = datetime.fromisoformat(given)
    except (TypeError, ValueError):
        return ""
    return f"{instant.astimezone(zone_of(zone)):%H:%M:%S}"


def utc(instant: datetime) -> str:
    """Return an instant in UTC, to the second, with `UTC`."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def span(length: timedelta | float) -> str:
    """Return a length of time in at most two units: `2 h 5 min`, `40 s`."""
    seconds = max(0, round(length.total_seconds() if isinstance(length, timedelta) else length))
    parts = []
    for unit, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0 s"


def about(length: timedelta) -> str:
    """Return a length of time in its largest unit: `3 h`."""
    return span(length).partition(" ")[0] + " " + span(length).split(" ")[1]


def ago(instant: datetime, now: datetime) -> str:
    """Return how far an instant is from now in one unit: `3 min ago`, `in 20 s`."""
    seconds = (now - instant).total_seconds()
    if abs(seconds) < 1:
        return "now"
    unit, size = next(((unit, size) for unit, size in _UNITS if abs(seconds) >= size), _UNITS[-1])
    count = int(abs(seconds) // size)
    return f"{count} {unit} ago" if seconds > 0 else f"in {count} {unit}"


def number(given: float | None) -> str:
    """Return a number as people write it, thousands apart, without noise; a dash for none."""
    if given is None:
        return "–"
    if not math.isfinite(given) or abs(given) >= 1e15:
        return f"{given:.6g}"
    if given == int(given):
        return f"{int(given):,}"
    return f"{given:,.2f}" if abs(given) >= 1 else f"{given:.4g}"


def money(given: float) -> str:
    """Return US dollars: cents where that is exact enough."""
    if 0 < given < 0.1:
        return f"${given:.3f}"
    return f"${given:,.2f}"


def counted(given: int, word: str) -> str:
    """Return a count with its word, which takes an s but for one: `1 step`, `2 steps`."""
    return f"{given:,} {word}" if given == 1 else f"{given:,} {word}s"


def stage_word(stage: str) -> str:
    """Return how far a run in flight is as people say it."""
    return "starting" if stage == "intent" else stage


def pretty(given: Any) -> str:
    """Return JSON for reading, its text capped."""
    text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False, indent=2)
    return text if len(text) <= _MOST_JSON else f"{text[:_MOST_JSON]}\n… {len(text) - _MOST_JSON:,} more characters"


def host(address: str) -> str:
    """Return the host of an address."""
    return urlsplit(address).hostname or address


def is_web(address: Any) -> bool:
    """Return whether text is an address that a page may link to: https or http, nothing else (row 40)."""
    return isinstance(address, str) and urlsplit(address).scheme in {"http", "https"} and "\n" not in address


def in_path(text: str) -> str:
    """Return text as one part of a path."""
    return quote(text, safe="")


def zone_for(name: str, watches: Mapping[str, Watch], default: str) -> str:
    """Return the zone in which instants of a watch are shown."""
    found = watches.get(name)
    return found.timezone if found is not None else default


def pieces(change: Mapping[str, Any]) -> list[Piece] | None:
    """Return what differs inside two long texts, by words; None for changes of anything else."""
    before, after = change.get("before"), change.get("after")
    if not (isinstance(before, str) and isinstance(after, str)) or max(len(before), len(after)) <= LONG:
        return None
    return words(before[:20_000], after[:20_000])


def moved(change: Mapping[str, Any]) -> str:
    """Return by how many percent a number moved, ` (-10%)`; nothing for what is no number."""
    return percentage(change.get("before"), change.get("after"))


def up_or_down(change: Mapping[str, Any]) -> str:
    """Return `up` or `down` where a number moved, else nothing."""
    before, after = change.get("before"), change.get("after")
    plain = (int, float)
    if not (isinstance(before, plain) and isinstance(after, plain)) or bool in {type(before), type(after)}:
        return ""
    return "up" if after > before else "down"


FILTERS: Mapping[str, Callable[..., Any]] = {
    "about": about,
    "ago": ago,
    "counted": counted,
    "host": host,
    "icon": icon,
    "in_path": in_path,
    "is_web": is_web,
    "label": label,
    "local": local,
    "money": money,
    "moved": moved,
    "number": number,
    "pieces": pieces,
    "pretty": pretty,
    "span": span,
    "stage_word": stage_word,
    "stamp": stamp,
    "step_time": step_time,
    "state_word": state_word,
    "tone": tone,
    "up_or_down": up_or_down,
    "utc": utc,
    "value": value,
}
