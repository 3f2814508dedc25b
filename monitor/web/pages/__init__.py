"""The console's pages, one module each: read through `Console`, shown by templates, actions as plain forms.

Every page works without scripts; htmx and the console's own script make it live. Must not know SQL, tokens or sockets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import APIRouter
    from starlette.requests import Request
    from starlette.responses import Response

    from monitor.web.console import Console


def routers(console: Console) -> list[APIRouter]:
    """Return the routers of every page and of the actions that pages order."""
    from monitor.web.pages import incidents, login, orders, outbox, overview, run, settings, spending, tuning, watch

    parts = (overview, watch, tuning, run, outbox, incidents, spending, settings, login, orders)
    return [part.router(console) for part in parts]


def problem(request: Request, status: int, message: str) -> Response:
    """Return the page of an error: the status and one line of ours, nothing of what was asked for."""
    from monitor.web.pages.rendering import problem_page

    return problem_page(request, status, message)
