"""The words of what concerns every watch at once: one `NewDelivery` per target (reliability.md A5, A6). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256

from ulid import ULID

from monitor.alert import plain
from monitor.alert.message import MAX_BODY, MAX_TITLE
from monitor.alert.targets import key
from monitor.judge.decision import Kind
from monitor.judge.telling import targets
from monitor.store.records import NewDelivery
from monitor.watch.model import Watch


def announce(
    event: str, kind: Kind, text: str, lines: Iterable[str], watches: Iterable[Watch], now: datetime
) -> tuple[NewDelivery, ...]:
    """Return one message for each target that any of `watches` tells of `kind`, each target once.

    `text` is the headline and `lines` the account; both may hold what an API said.
    """
    title = plain.shortened(f"goal-monitor: {plain.defused(plain.line(text))}", MAX_TITLE)
    tail = f"{now:%Y-%m-%d %H:%M:%S} UTC\nevent {event}"
    told = "\n".join(plain.defused(plain.line(line)) for line in lines if line)
    body = f"{plain.shortened(told, MAX_BODY - len(tail) - 2)}\n\n{tail}"
    whom = dict.fromkeys(key(entry) for watch in watches if watch.enabled for entry in targets(watch, kind))
    return tuple(NewDelivery(event, target, str(kind), title, body) for target in whom)


def event_of(what: str, run: str) -> str:
    """Return the event id of something that a run gave rise to: a ULID, the same whenever it is asked for."""
    return str(ULID.from_bytes(ULID.from_str(run).bytes[:6] + sha256(f"{what} {run}".encode()).digest()[:10]))
