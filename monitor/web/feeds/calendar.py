"""Calendars of the next runs (RFC 5545): of one watch, or of all. Must not know how a due time is computed."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

from fastapi import APIRouter, Request
from icalendar import Calendar, Event
from starlette.responses import Response

from monitor.alert import plain
from monitor.engine.agenda import Coming, coming
from monitor.store.records import stamp
from monitor.watch.model import Watch
from monitor.web.console import Console
from monitor.web.feeds.answers import address, answer, watch_of

KIND = "text/calendar"
OF_ONE = 50  # events of one watch
OF_ALL = 300  # events of all together
_LOOKED_AT = 2_000  # occurrences that are computed for it
_LENGTH = timedelta(minutes=1)


def router(console: Console) -> APIRouter:
    """Return the routes of the calendars."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/calendar.ics")
    async def of_all(request: Request) -> Response:
        watches = list(console.watches().values())
        body = await console.read(_written, console, "goal-monitor", watches, OF_ALL)
        return answer(request, body, KIND)

    @routes.get("/calendar/{name}.ics")
    async def of_one(request: Request, name: str) -> Response:
        body = await console.read(_written, console, name, [watch_of(console, name)], OF_ONE)
        return answer(request, body, KIND)

    return routes


def _written(console: Console, title: str, watches: Sequence[Watch], most: int) -> bytes:
    now = console.clock.now().replace(second=0, microsecond=0)  # the same minute, the same document
    each = max(1, min(OF_ONE, _LOOKED_AT // max(1, len(watches))))
    found = heapq.merge(*(coming(watch, now, each) for watch in watches), key=lambda one: (one.due_at, one.watch))
    calendar = Calendar()
    calendar.add("prodid", "-//goal-monitor//runs//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", plain.line(title))
    calendar.add("refresh-interval", timedelta(hours=1), parameters={"VALUE": "DURATION"})
    for one, _ in zip(found, range(most), strict=False):
        calendar.add_component(_event(console, one, console.reloaded_at() or console.started_at))
    return bytes(calendar.to_ical())


def _event(console: Console, one: Coming, defined_at: datetime) -> Event:
    """Return one occurrence; its uid stays the same as long as the watch and the instant do."""
    watch = console.watches().get(one.watch)
    event = Event()
    event.add("uid", f"{uuid5(NAMESPACE_URL, f'{one.watch} {stamp(one.due_at)}')}@goal-monitor")
    event.add("dtstamp", defined_at.replace(microsecond=0))
    event.add("dtstart", one.due_at)
    event.add("duration", _LENGTH)
    event.add("transp", "TRANSPARENT")
    event.add("summary", plain.line(one.watch))
    lines = [plain.line(watch.url)] if watch is not None else []
    event.add("description", "\n".join([*lines, *([one.note] if one.note else [])]))
    page = address(console, "watches", one.watch)
    if page.startswith("http"):
        event.add("url", page)
    return event
