"""`/outbox`: every message, to whom, when, and what keeps it; try one again, drop one, send a test."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from monitor.store.records import Delivery
from monitor.store.views import messages
from monitor.web.pages.rendering import page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.files.hours import QuietHours
    from monitor.web.console import Console


def router(console: Console) -> APIRouter:
    """Return the route of the outbox."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/outbox")
    async def index(request: Request) -> Response:
        asked = request.query_params
        state = asked.get("state")
        state = state if state in messages.STATES else None
        watch, target = asked.get("watch") or None, asked.get("target") or None
        before = asked.get("before", "")
        cursor = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None
        found = await console.view(messages.listed, state=state, watch=watch, target=target, before=cursor)
        settings, now = console.settings(), console.clock.now()
        pauses = await console.read(console.store.pauses, now)
        filters = {"state": state or "", "watch": watch or "", "target": target or ""}
        values = {
            "letters": found,
            "counts": await console.read(console.store.outbox_counts),
            "refusing": await console.read(console.store.refusing),
            "waits": {each.id: why_waiting(each, pauses, settings.quiet_hours, now) for each in found.messages},
            "targets": sorted(settings.targets),
            "filters": filters,
            "states": messages.STATES,
            "further": _further(filters, found.next),
            "zones": {name: each.timezone for name, each in console.watches().items()},
        }
        return page(request, console, "outbox.html", **values)

    return routes


def _further(filters: Mapping[str, str], cursor: int | None) -> str | None:
    if cursor is None:
        return None
    return f"/outbox?{urlencode({name: value for name, value in filters.items() if value} | {'before': str(cursor)})}"


def why_waiting(
    message: Delivery, pauses: Mapping[str, datetime | None], quiet: QuietHours | None, now: datetime
) -> dict[str, Any] | None:
    """Return what keeps a pending message, and until when; None for one that is not pending."""
    if message.state != "pending":
        return None
    if message.watch in pauses:
        return {"why": "its watch is paused", "until": pauses[message.watch], "held": True}
    end = quiet.until(now) if quiet is not None and message.kind in quiet.hold else None
    if end is not None:
        return {"why": "quiet hours", "until": end, "held": True}
    why = "tried again" if message.attempts else "waits for others that go along"
    return {"why": why, "until": message.next_at, "held": False}
