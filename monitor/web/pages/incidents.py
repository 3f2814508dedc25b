"""`/incidents`: what fails now and since when, and what failed in the last days."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from monitor.store.views import incidents
from monitor.web.pages.rendering import page

if TYPE_CHECKING:
    from monitor.web.console import Console

DAYS = 7
_MOST_OPEN = 200
_MOST_ENDED = 50


def router(console: Console) -> APIRouter:
    """Return the route of the incidents."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/incidents")
    async def index(request: Request) -> Response:
        now = console.clock.now()
        defined = console.watches()
        every = [each for each in await console.view(incidents.opened) if each.watch in defined]
        values = {
            "open": every[:_MOST_OPEN],
            "total": len(every),
            "ended": await console.view(incidents.ended, now - timedelta(days=DAYS), _MOST_ENDED),
            "days": DAYS,
            "stops": await console.read(console.store.stops),
            "zones": {name: watch.timezone for name, watch in defined.items()},
        }
        return page(request, console, "incidents.html", **values)

    return routes
