"""The words of a notification: one `NewDelivery` per target, composed once and stored with the decision.

Pure: time is an argument. Owns title, body and their limits (interface.md, "A message"); must not know how a message is
sent. What was scraped is data: plain, defused, capped, never made into a link (reliability.md F5, rows 31-34, 124).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from monitor.alert import account, phrases, plain
from monitor.alert.causes import cause
from monitor.alert.targets import key
from monitor.judge.decision import Kind, Notification, Text
from monitor.store.records import NewDelivery
from monitor.watch.model import Watch
from monitor.watch.run import Run

MAX_TITLE = 200
MAX_BODY = 4_000
_MAX_LINES = 50  # changes in one message; the rest is counted
_MAX_URL = 1_000
_COUNT = 24  # characters of the row that counts what was left out


def compose(
    notification: Notification, watch: Watch, run: Run, now: datetime, page: str | None = None
) -> list[NewDelivery]:
    """Return one message per target of the notification, each target once; title and body are never empty.

    `page` is the address of the dashboard's page on it, None where the dashboard has no public address.
    A rule's own title and body stand in place of the built-in ones; one that cannot be filled gives way to it, with a
    line that says so (reliability.md row 125).
    """
    title = plain.shortened(f"{plain.line(watch.name)}: {account.headline(notification, now)}", MAX_TITLE)
    body = _body(notification, watch, run, now, page)
    why = cause(notification.kind, notification.code, watch)
    made: dict[str, NewDelivery] = {}
    for entry in notification.targets:
        text = notification.texts.get(entry)
        words = _own(text, title, body, notification, watch, page) if text else (title, body)
        made.setdefault(key(entry), NewDelivery(notification.event, key(entry), str(notification.kind), *words, why))
    return list(made.values())


def _own(
    text: Text, title: str, body: str, notification: Notification, watch: Watch, page: str | None
) -> tuple[str, str]:
    """Return title and body in the words of a rule, the built-in one for each that it has not or that fails."""
    warnings: list[str] = []
    if text.title:
        found, errors = phrases.rendered(text.title, text.values, text.history, watch.timezone)
        warnings += [f"The title of this rule could not be filled: {error}" for error in errors[:1]]
        title = plain.shortened(plain.collapsed(found), MAX_TITLE) or title if not errors else title
    if text.body:
        found, errors = phrases.rendered(text.body, text.values, text.history, watch.timezone)
        warnings += [f"The body of this rule could not be filled: {error}" for error in errors[:1]]
        rows = found.strip("\n")
        if rows.strip() and not errors:
            condition = notification.hint if notification.kind in {Kind.CHANGE, Kind.BASELINE} else None
            below = [*account.sentences(condition), *map(account.scraped, warnings)]
            tail = "\n".join([*below, *_linked(page), f"event {notification.event}"])
            return title, f"{plain.shortened(rows, MAX_BODY - len(tail) - 2)}\n\n{tail}"
    return title, _with_warnings(body, [account.scraped(each) for each in warnings])


def _with_warnings(body: str, warnings: list[str]) -> str:
    """Return a built-in body with warnings above its tail."""
    if not warnings:
        return body
    head, _, tail = body.rpartition("\n\n")
    below = "\n".join([*warnings, "", tail])
    return f"{_cut(head, MAX_BODY - len(below) - 1)}\n{below}"


def _linked(page: str | None) -> list[str]:
    return [f"dashboard: {page}"] if page is not None else []


def _body(notification: Notification, watch: Watch, run: Run, now: datetime, page: str | None) -> str:
    """Return the body: what happened as far as it fits, then where and when, and the event id, always whole."""
    url = plain.shortened(plain.line(watch.url), _MAX_URL)
    tail = "\n".join([url, *_linked(page), account.when(now, watch.timezone), f"event {notification.event}"])
    room = MAX_BODY - len(tail) - 2
    head = "\n".join(_within(account.lines(notification, watch, run, now), room))
    return f"{head}\n\n{tail}"


def _within(rows: Iterable[str], room: int) -> list[str]:
    """Return the rows that fit into `room` characters, and a last row that counts those left out."""
    rows = list(rows) or ["Changed."]
    kept: list[str] = []
    left = room - _COUNT
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


def fitted(title: str, body: str, title_max: int, body_max: int) -> tuple[str, str]:
    """Return title and body within a target's limits in characters: shortened, with the event id kept rather than cut.

    A target without titles (`title_max` 0) gets the title as the first line of the body. Of the body's end, its lines
    go in this order while it is too long: the url, the dashboard, when, never the event.
    """
    title = plain.collapsed(title)
    if title_max <= 0:
        body, title = (body if body.startswith(title) else f"{title}\n{body}"), ""
    else:
        title = plain.shortened(title, title_max)
    if len(body) <= body_max:
        return title, body
    head, _, tail = body.rpartition("\n\n")
    rows = tail.split("\n")
    start = next((at for at, row in enumerate(rows) if row.startswith("event ")), None)
    if start is None:
        return title, _cut(body, body_max)
    while start and len("\n".join(rows)) > body_max // 2:
        rows, start = rows[1:], start - 1
    if len("\n".join(rows)) > body_max:
        rows = rows[:1]
    tail = plain.shortened("\n".join(rows), body_max)
    left = body_max - len(tail) - 2
    return title, f"{_cut(head, left)}\n\n{tail}" if left >= 2 else tail


def _cut(text: str, room: int) -> str:
    """Return the beginning of a text of several lines, cut between lines where one fits, and marked as cut."""
    if len(text) <= room:
        return text
    rows = text.split("\n")
    kept: list[str] = []
    left = room - 2
    for row in rows:
        if len(row) + 1 > left:
            break
        kept.append(row)
        left -= len(row) + 1
    return "\n".join([*kept, plain.ELLIPSIS]) if kept else plain.shortened(text, room)
