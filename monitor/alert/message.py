"""The words of a notification: one `NewDelivery` per target, composed once and stored with the decision.

Pure: time is an argument. Owns title, body and their limits (interface.md, "A message"); must not know how a message is
sent. What was scraped is data: plain, defused, capped, never made into a link (reliability.md F5, rows 31-34, 124).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from monitor.alert import plain, wording
from monitor.alert.targets import key
from monitor.judge.decision import Change, Kind, Notification
from monitor.store.records import NewDelivery
from monitor.watch.model import Watch
from monitor.watch.run import Run

MAX_TITLE = 200
MAX_BODY = 4_000
_MAX_LINES = 50  # changes in one message; the rest is counted
_MAX_URL = 1_000


def compose(notification: Notification, watch: Watch, run: Run, now: datetime) -> list[NewDelivery]:
    """Return one message per target of the notification, each target once; title and body are never empty."""
    title = plain.shortened(f"{plain.line(watch.name)}: {_headline(notification, now)}", MAX_TITLE)
    body = _body(notification, watch, run, now)
    return [
        NewDelivery(notification.event, target, str(notification.kind), title, body)
        for target in dict.fromkeys(key(entry) for entry in notification.targets)
    ]


def _headline(notification: Notification, now: datetime) -> str:
    """Return what happened, without the watch's name."""
    if notification.kind is Kind.FAILURE:
        code = f" ({notification.code})" if notification.code else ""
        why = _scraped_line(notification.message)
        return f"failing{code}: {why}" if why else f"failing{code}"
    if notification.kind is Kind.RECOVERY:
        after = f" after {wording.duration(now - notification.since)}" if notification.since else ""
        return f"recovered{after}"
    if notification.kind is Kind.BASELINE:
        return "first result"
    return _changes_in_short(notification.changes) or _scraped_line(notification.message) or "changed"


def _changes_in_short(changes: tuple[Change, ...]) -> str:
    if not changes:
        return ""
    more = f", +{len(changes) - 1} more" if len(changes) > 1 else ""
    return plain.shortened(wording.change(changes[0], 40), MAX_TITLE - 110 - len(more)) + more


def _body(notification: Notification, watch: Watch, run: Run, now: datetime) -> str:
    """Return the body: what happened as far as it fits, then where and when, and the event id, always whole."""
    tail = "\n".join(
        [plain.shortened(plain.line(watch.url), _MAX_URL), _when(now, watch.timezone), f"event {notification.event}"]
    )
    room = MAX_BODY - len(tail) - 2
    head = "\n".join(_within(_account(notification, watch, run, now), room))
    return f"{head}\n\n{tail}"


def _account(notification: Notification, watch: Watch, run: Run, now: datetime) -> Iterable[str]:
    """Yield what happened, line by line, the most important first."""
    if notification.kind is Kind.FAILURE:
        yield from _failure(notification, watch, run, now)
    elif notification.kind is Kind.RECOVERY:
        yield "Works again."
        if notification.since:
            yield f"It was failing since {_when(notification.since, watch.timezone)}{_times(notification.failures)}."
    elif notification.kind is Kind.BASELINE:
        yield "First result of this watch; later results are compared with it."
        if isinstance(notification.result, dict):
            yield from (f"{wording.name(key)}: {wording.value(held)}" for key, held in notification.result.items())
    yield from (wording.change(change) for change in notification.changes)


def _failure(notification: Notification, watch: Watch, run: Run, now: datetime) -> Iterable[str]:
    """Yield what failed, since when, and the next step."""
    yield from _sentences(notification.message) or ["The run gave no valid result."]
    if notification.since:
        spent = wording.duration(now - notification.since)
        yield f"Failing since {_when(notification.since, watch.timezone)} ({spent}){_times(notification.failures)}."
    hint = _scraped_line(notification.hint)
    yield f"Next: {hint}" if hint else f"Next: monitor show {run.id}"


def _within(rows: Iterable[str], room: int) -> list[str]:
    """Return the rows that fit into `room` characters, and a last row that counts those left out."""
    rows = list(rows) or ["Changed."]
    kept: list[str] = []
    left = room - 24  # room for the row that counts
    for row in rows:
        if len(kept) >= _MAX_LINES or len(row) + 1 > left:
            break
        kept.append(row)
        left -= len(row) + 1
    if not kept:
        kept = [plain.shortened(rows[0], max(1, left))]
    if len(rows) > len(kept):
        kept.append(f"{plain.ELLIPSIS} and {len(rows) - len(kept)} more")
    return kept


def _sentences(message: str | None) -> list[str]:
    text = plain.defused(plain.shortened(plain.lines(message or ""), 1_500))
    return [row for row in text.split("\n") if row]


def _scraped_line(text: str | None) -> str:
    return plain.defused(plain.shortened(plain.line(text or ""), MAX_TITLE))


def _times(failures: int) -> str:
    return f", {failures} times in a row" if failures > 1 else ""


def _when(instant: datetime, zone: str) -> str:
    """Return an instant in the watch's timezone with its offset, as `2026-11-21 13:00:00 +01:00 Europe/Berlin`."""
    local = instant.astimezone(ZoneInfo(zone))
    offset = local.strftime("%z")
    return f"{local:%Y-%m-%d %H:%M:%S} {offset[:3]}:{offset[3:5]} {zone}"
