"""Atom feeds of changes and failures: of a watch, of a tag, of all (RFC 4287).

The id of an entry is its run's, so that a reader shows each once, whatever is said of it later. All text of pages is
text here: made plain, escaped, never HTML (reliability.md row 46). Must not know how records came to be.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from uuid import NAMESPACE_URL, UUID, uuid5

from fastapi import APIRouter, Request
from starlette.responses import Response
from ulid import ULID

from monitor.alert import plain
from monitor.errors import NoSuch
from monitor.store.records import stamp
from monitor.store.views import listings, news
from monitor.store.views.listings import Entry
from monitor.web.console import Console
from monitor.web.feeds.answers import address, answer, watch_of

KIND = "application/atom+xml"
ENTRIES = 50
_LINES = 20  # changes in one entry
_VALUE = 200  # characters of one value
_TITLE = 200


@dataclass(frozen=True, slots=True)
class _Feed:
    """What a feed says of itself: its title, its own path, and the path of the page that shows the same."""

    title: str
    own: tuple[str, ...]
    page: tuple[str, ...] = ()


def router(console: Console) -> APIRouter:
    """Return the routes of the feeds."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/feeds/all.atom")
    async def everything(request: Request) -> Response:
        page = await console.view(listings.news, limit=ENTRIES)
        return _answer(request, console, _Feed("all watches", ("feeds", "all.atom")), page.entries)

    @routes.get("/feeds/watches/{name}.atom")
    async def of_watch(request: Request, name: str) -> Response:
        watch_of(console, name)
        page = await console.view(listings.of_watch, name, listings.TELLING, limit=ENTRIES)
        feed = _Feed(name, ("feeds", "watches", f"{name}.atom"), ("watches", name))
        return _answer(request, console, feed, [entry for entry in page.entries if not entry.dry])

    @routes.get("/feeds/tags/{tag:path}.atom")
    async def of_tag(request: Request, tag: str) -> Response:
        names = sorted(name for name, watch in console.watches().items() if tag in watch.tags)
        if not names:
            raise NoSuch("no watch has this tag")
        entries = await console.view(news.of_watches, names, ENTRIES)
        return _answer(request, console, _Feed(f"tag {tag}", ("feeds", "tags", f"{tag}.atom")), entries)

    return routes


def _answer(request: Request, console: Console, feed: _Feed, entries: Iterable[Entry]) -> Response:
    return answer(request, written(console, feed, list(entries)).encode("utf-8", "replace"), KIND)


def written(console: Console, feed: _Feed, entries: Sequence[Entry]) -> str:
    """Return the feed as XML."""
    newest = max((_at(entry) for entry in entries), default=console.started_at)
    whose = console.settings().public_url or str(console.settings().workspace)
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<feed xmlns="http://www.w3.org/2005/Atom">',
        f"<id>{uuid5(NAMESPACE_URL, ' '.join((whose, *feed.own))).urn}</id>",
        f"<title>{_text(f'goal-monitor: {feed.title}')}</title>",
        f"<updated>{stamp(newest)}</updated>",
        "<author><name>goal-monitor</name></author>",
        f'<link rel="self" type="{KIND}" href="{escape(address(console, *feed.own))}"/>',
        f'<link rel="alternate" type="text/html" href="{escape(address(console, *feed.page) or "/")}"/>',
    ]
    for entry in entries:
        lines += _entry(console, entry)
    return "\n".join([*lines, "</feed>", ""])


def _entry(console: Console, entry: Entry) -> list[str]:
    title = plain.shortened(f"{entry.watch}: {entry.verdict} - {plain.line(entry.reason)}", _TITLE)
    link = escape(address(console, "runs", entry.run))
    return [
        "<entry>",
        f"<id>{UUID(int=int(ULID.from_str(entry.run))).urn}</id>",
        f"<title>{_text(title)}</title>",
        f"<updated>{stamp(_at(entry))}</updated>",
        f'<link rel="alternate" type="text/html" href="{link}"/>',
        f'<category term="{_text(entry.verdict.lower())}"/>',
        f'<content type="text">{_text(_said(console, entry))}</content>',
        "</entry>",
    ]


def _said(console: Console, entry: Entry) -> str:
    """Return what an entry says: why, what changed, which page, when."""
    watch = console.watches().get(entry.watch)
    lines = [plain.line(entry.reason) + (f" ({entry.code})" if entry.code else "")]
    lines += [_change(change) for change in entry.changes[:_LINES]]
    more = None if entry.more is None else entry.more + max(0, len(entry.changes) - _LINES)
    if more or more is None:
        lines.append(f"and {more} more changes" if more else "its changes are too many to be shown here")
    lines += [watch.url] if watch is not None else []
    return "\n".join([*lines, f"due at {stamp(entry.due_at)}"])


def _change(change: dict[str, object]) -> str:
    path = plain.shortened(plain.line(str(change.get("path", ""))), _VALUE)
    before, after = _value(change.get("before")), _value(change.get("after"))
    return f"{path}: " + {"added": f"+ {after}", "removed": f"- {before}"}.get(
        str(change.get("kind")), f"{before} → {after}"
    )


def _value(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return plain.shortened(plain.line(text), _VALUE)


def _at(entry: Entry) -> datetime:
    return entry.finished_at or entry.due_at


def _text(text: str) -> str:
    """Return text as it may stand in XML: plain lines, escaped, without the two code points that XML has not."""
    return escape(plain.lines(text).replace("\ufffe", "").replace("\uffff", ""))
