"""`/settings`: every setting and where it came from, secrets masked; the last reload; what people ordered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from monitor.web.pages.rendering import page

if TYPE_CHECKING:
    from monitor.web.console import Console

_ORDERS = 50


def router(console: Console) -> APIRouter:
    """Return the route of the settings."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/settings")
    async def index(request: Request) -> Response:
        settings = console.settings()
        values = {
            "rows": settings.shown(),
            "targets": sorted(settings.targets),
            "reload": await console.read(console.store.last_reload),
            "reloaded_at": console.reloaded_at(),
            "problems": console.problems(),
            "orders": await console.read(console.store.orders, _ORDERS),
            "health": console.health(),
            "started_at": console.started_at,
            "watches": len(console.watches()),
        }
        return page(request, console, "settings.html", **values)

    return routes
