"""What a notification says in its own words: the headline, and the lines below it, the most important first.

Must not know the limits of a message, nor where and when it is sent. What was scraped is made plain.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from monitor.alert import plain, wording
from monitor.judge.decision import Change, Kind, Notification
from monitor.judge.incident import STEADY
from monitor.watch.model import Watch
from monitor.watch.run import Run

MAX_LINE = 200
_ROOM = 90  # characters of a headline that a lock screen shows at most: more changes than fit are counted


def headline(notification: Notification, now: datetime) -> str:
    """Return what happened, without the watch's name."""
    kind, since = notification.kind, notification.since
    spent = wording.duration(now - since) if since else ""
    if kind in {Kind.FAILURE, Kind.REMINDER}:
        return _failing(notification, spent)
    if kind is Kind.RECOVERY and notification.incidents:
        return f"steady again after flapping for {spent}"
    if kind is Kind.RECOVERY:
        return f"recovered after {spent}" if spent else "recovered"
    if kind is Kind.MISSED:
        return "a run was missed" if notification.failures == 1 else f"{notification.failures} runs were missed"
    if kind is Kind.BASELINE:
        return "first result"
    if kind is Kind.STALE and spent:
        return f"no valid result for {spent}"
    if kind is Kind.DRIFT:
        first, _, _ = (notification.message or "").partition("\n")
        return f"drift: {scraped(first)}"
    return in_short(notification.changes) or scraped(notification.message) or "changed"


def _failing(notification: Notification, spent: str) -> str:
    """Return the headline of a failure or a reminder, of an incident or of a flapping watch."""
    code = f" ({notification.code})" if notification.code else ""
    why = scraped(notification.message)
    if notification.incidents:
        what = "still flapping" if notification.kind is Kind.REMINDER else "flapping"
        head = f"{what}, {notification.incidents} incidents in {spent}{code}"
    elif notification.kind is Kind.REMINDER:
        head = f"still failing{f' for {spent}' if spent else ''}{code}"
    else:
        head = f"failing{code}"
    return f"{head}: {why}" if why else head


def in_short(changes: Sequence[Change]) -> str:
    """Return the most important changes as far as a lock screen shows them, and how many more there are."""
    ranked = sorted(changes, key=_rank)
    text = ""
    for number, change in enumerate(ranked):
        one = plain.shortened(wording.change(change, 40), _ROOM)
        if text and len(text) + len(one) + 2 > _ROOM:
            return f"{text}, +{len(ranked) - number} more"
        text = f"{text}, {one}" if text else one
    return text


def _rank(change: Change) -> tuple[int, int]:
    """Return how soon a change is named: what is high up in the result first, numbers before words before rows."""
    depth = change.path.count("/")
    if change.kind != "changed":
        return depth + 3, depth
    sides = (change.before, change.after)
    if change.before == change.after or any(isinstance(side, str) and len(side) > 60 for side in sides):
        return depth + 4, depth
    kinds = [side for side in sides if side is not None]
    if all(isinstance(side, bool) for side in kinds):
        return depth + 1, depth
    return depth + (0 if all(isinstance(side, int | float) for side in kinds) else 2), depth


def lines(notification: Notification, watch: Watch, run: Run, now: datetime) -> Iterator[str]:
    """Yield what happened, line by line, the most important first."""
    kind = notification.kind
    if kind in {Kind.FAILURE, Kind.REMINDER}:
        yield from _failure(notification, watch, run, now)
    elif kind is Kind.RECOVERY:
        yield from _recovery(notification, watch)
    elif kind is Kind.MISSED:
        yield from _missed(notification, watch)
    elif kind is Kind.STALE and notification.since:
        yield from _stale(notification, watch)
    elif kind is Kind.DRIFT:
        yield "What the agent returns is of another shape than before; no change of the page is told by this."
        yield from sentences(notification.message)
        yield f"Next: monitor history {watch.name}"
    else:
        yield from _result(notification)


def _result(notification: Notification) -> Iterator[str]:
    if notification.kind is Kind.BASELINE:
        yield "First result of this watch; later results are compared with it."
        if isinstance(notification.result, dict):
            yield from (f"{wording.name(key)}: {wording.value(held)}" for key, held in notification.result.items())
    yield from sentences(notification.message)
    yield from (wording.change(change) for change in notification.changes)


def _failure(notification: Notification, watch: Watch, run: Run, now: datetime) -> Iterator[str]:
    """Yield what failed, since when, and the next step."""
    said = sentences(notification.message)
    yield from said or (["The run gave no valid result."] if notification.kind is Kind.FAILURE else [])
    if notification.since:
        what = "Failing and recovering" if notification.incidents else "Failing"
        spent = wording.duration(now - notification.since)
        yield f"{what} since {when(notification.since, watch.timezone)} ({spent}){_times(notification)}."
    if notification.incidents:
        steady = wording.duration(STEADY)
        yield f"Further failures and recoveries are not told one by one until its state has not changed for {steady}."
    hint = scraped(notification.hint)
    other = f"monitor show {run.id}" if notification.kind is Kind.FAILURE else f"monitor history {watch.name}"
    yield f"Next: {hint or other}"


def _recovery(notification: Notification, watch: Watch) -> Iterator[str]:
    yield "Works again."
    if not notification.since:
        return
    if notification.incidents:
        since = when(notification.since, watch.timezone)
        yield f"It failed and recovered {notification.incidents} times since {since}."
    else:
        yield f"It was failing since {when(notification.since, watch.timezone)}{_times(notification)}."


def _missed(notification: Notification, watch: Watch) -> Iterator[str]:
    count = notification.failures
    if notification.since:
        first = when(notification.since, watch.timezone)
        yield f"Due at {first} and not run." if count == 1 else f"{count} runs were due since {first} and not made."
    yield from sentences(f"Why: {notification.message}" if notification.message else None)
    yield f"Next: monitor history {watch.name} --verdict MISSED"


def _stale(notification: Notification, watch: Watch) -> Iterator[str]:
    assert notification.since is not None
    since = when(notification.since, watch.timezone)
    if notification.message:
        yield from sentences(notification.message)
        yield f"It first failed at {since}{_times(notification)}."
    else:
        yield f"The last valid result is of {since}{_times(notification)}."
    yield f"Next: monitor history {watch.name}"


def _times(notification: Notification) -> str:
    if notification.incidents:
        return f", {notification.incidents} incidents"
    if notification.failures < 2:
        return ""
    failed = "failed " if notification.kind is Kind.STALE else ""
    return f", {failed}{notification.failures} times in a row"


def sentences(message: str | None) -> list[str]:
    """Return a text of several lines as plain lines."""
    text = plain.filled("", plain.shortened(plain.lines(message or ""), 1_500))
    return [row for row in text.split("\n") if row]


def scraped(text: str | None) -> str:
    """Return a text as one plain line."""
    return plain.defused(plain.shortened(plain.line(text or ""), MAX_LINE))


def when(instant: datetime, zone: str) -> str:
    """Return an instant in a timezone with its offset, as `2026-11-21 13:00:00 +01:00 Europe/Berlin`."""
    local = instant.astimezone(ZoneInfo(zone))
    offset = local.strftime("%z")
    return f"{local:%Y-%m-%d %H:%M:%S} {offset[:3]}:{offset[3:5]} {zone}"
