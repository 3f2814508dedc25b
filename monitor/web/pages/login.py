"""`/login`: the form that takes a token; who it lets in is decided by the sessions, not here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from monitor.web.pages.rendering import page

if TYPE_CHECKING:
    from monitor.web.console import Console


def router(console: Console) -> APIRouter:
    """Return the route of the login page; it shows nothing of the store."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/login")
    async def login(request: Request) -> Response:
        onward = request.query_params.get("next", "/")
        return page(request, console, "login.html", next=own(onward), wrong="wrong" in request.query_params)

    return routes


def own(address: str) -> str:
    """Return an address of this console as it is; the overview for anything that could lead elsewhere."""
    safe = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if safe and "\\" not in address else "/"
